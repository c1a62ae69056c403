import { open, readFile, truncate, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DiptychError, systemCode, throwIfAborted, toDiptychError, type ErrorCode } from '../errors.js';
import { makeFolder } from '../folders.js';
import type { Model } from '../engine.js';

/** An image with the text that the web gave it, if any. */
export interface WebPair {
  /** Identity in the output: a path or URL. */
  readonly image: string;
  /** A path, or the bytes of the file. */
  readonly content: string | Uint8Array;
  readonly text: string | null;
  /** What was wrong where the image could not even be fetched; such a pair is a failure. */
  readonly error?: DiptychError;
}

/** The two halves of BLIP, or stubs for them. */
export interface CapFiltModels {
  /** A caption; throws where the image cannot be read. `seed` makes it repeatable. */
  caption(content: string | Uint8Array, seed: number): Promise<string>;
  /** Probability that image and text belong together. */
  judge(content: string | Uint8Array, text: string): Promise<number>;
}

export interface CapFiltOptions {
  /** A text is kept when its probability is above this. Default 0.5. */
  readonly threshold?: number;
  /** Default 0. Pair i is captioned with seed + i. */
  readonly seed?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number) => void) | undefined;
}

export interface JudgedText {
  readonly source: 'web' | 'synthetic';
  readonly text: string;
  readonly probability: number;
  readonly kept: boolean;
}

/** One line of the bootstrapped set. */
export type CapFiltRecord =
  | { readonly image: string; readonly caption: readonly string[]; readonly judged: readonly JudgedText[] }
  | { readonly image: string; readonly error: { readonly code: ErrorCode; readonly message: string } };

/**
 * BLIP's captioning and filtering (Li et al. 2022, section 3.3) of one pair: a synthetic caption is made, the filter
 * judges it and the web's text, and those above the threshold are kept. A pair without a web text keeps at most the
 * synthetic one; the same words twice are kept once, as the web's.
 */
export async function capFiltPair(
  pair: WebPair,
  models: CapFiltModels,
  seed: number,
  threshold: number,
): Promise<CapFiltRecord> {
  try {
    if (pair.error !== undefined) throw pair.error;
    const synthetic = (await models.caption(pair.content, seed)).trim();
    const web = pair.text?.trim() ?? '';
    const texts = [
      ...(web === '' ? [] : [{ source: 'web' as const, text: web }]),
      ...(synthetic === '' || synthetic === web ? [] : [{ source: 'synthetic' as const, text: synthetic }]),
    ];
    const judged: JudgedText[] = [];
    for (const { source, text } of texts) {
      const probability = await models.judge(pair.content, text);
      judged.push({ source, text, probability, kept: probability > threshold });
    }
    return { image: pair.image, caption: judged.filter(({ kept }) => kept).map(({ text }) => text), judged };
  } catch (error) {
    const failure = toDiptychError(error, 'IMAGE_CORRUPT', pair.image);
    // What stops the whole run is not the fault of this image.
    const stops = ['ABORTED', 'CLOSED', 'MODEL_UNSUPPORTED', 'MODEL_INVALID', 'OUT_OF_MEMORY'];
    if (stops.includes(failure.code)) throw failure;
    return { image: pair.image, error: { code: failure.code, message: failure.message } };
  }
}

export interface CapFiltSummary {
  readonly pairs: number;
  /** Pairs that an earlier run had done. */
  readonly resumed: number;
  readonly failed: number;
  readonly keptWeb: number;
  readonly keptSynthetic: number;
  /** Images with no text left. */
  readonly dropped: number;
}

function isRecord(value: unknown): value is CapFiltRecord {
  if (typeof value !== 'object' || value === null || !('image' in value) || typeof value.image !== 'string')
    return false;
  if ('error' in value) return typeof value.error === 'object' && value.error !== null;
  return (
    'caption' in value && Array.isArray(value.caption) && 'judged' in value && Array.isArray(value.judged)
  );
}

/** The lines of a finished run. Throws INPUT_NOT_FOUND, OUTPUT_INVALID naming the line. */
export async function readRecords(file: string): Promise<readonly CapFiltRecord[]> {
  return earlier(file);
}

/** Whole lines of an earlier run; what a kill left of the last one is cut off. */
async function earlier(file: string): Promise<CapFiltRecord[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw toDiptychError(error, 'OUTPUT_FAILED', file);
  }
  const end = text.lastIndexOf('\n') + 1;
  if (end < text.length) await truncate(file, Buffer.byteLength(text.slice(0, end)));
  return text
    .slice(0, end)
    .split('\n')
    .flatMap((line, at): CapFiltRecord[] => {
      if (line === '') return [];
      try {
        const record: unknown = JSON.parse(line);
        if (isRecord(record)) return [record];
      } catch (cause) {
        throw new DiptychError('OUTPUT_INVALID', `line ${String(at + 1)} is no JSON`, { cause, input: file });
      }
      throw new DiptychError('OUTPUT_INVALID', `line ${String(at + 1)} is not of CapFilt`, { input: file });
    });
}

/**
 * Bootstraps a set: writes one JSON line a pair, in the order of the pairs, each as soon as it is done. A run that was
 * stopped goes on where its file ends and gives the same file as one that was not.
 *
 * @throws DiptychError OUTPUT_INVALID when the file belongs to other pairs, OUTPUT_FAILED, ABORTED.
 */
export async function capFilt(
  pairs: AsyncIterable<WebPair> | Iterable<WebPair>,
  models: CapFiltModels,
  file: string,
  options: CapFiltOptions = {},
): Promise<CapFiltSummary> {
  const { threshold = 0.5, seed = 0, signal, onProgress } = options;
  if (!(threshold >= 0 && threshold <= 1))
    throw new DiptychError('BAD_OPTION', `expected a probability, got ${String(threshold)}`, {
      input: 'threshold',
    });
  const done = await earlier(file);
  const counts = { pairs: 0, resumed: 0, failed: 0, keptWeb: 0, keptSynthetic: 0, dropped: 0 };
  let handle: FileHandle | undefined;
  try {
    await makeFolder(dirname(file));
    handle = await open(file, 'a');
    for await (const pair of pairs) {
      throwIfAborted(signal);
      const at = counts.pairs++;
      const known = done[at];
      if (known !== undefined && known.image !== pair.image) {
        throw new DiptychError(
          'OUTPUT_INVALID',
          `line ${String(at + 1)} is of ${known.image}, but the pair is ${pair.image}; remove the file or give the same input`,
          { input: file },
        );
      }
      const record = known ?? (await capFiltPair(pair, models, seed + at, threshold));
      if (known === undefined) await handle.write(`${JSON.stringify(record)}\n`);
      else counts.resumed++;
      if ('error' in record) counts.failed++;
      else {
        for (const { source, kept } of record.judged) {
          if (kept && source === 'web') counts.keptWeb++;
          if (kept && source === 'synthetic') counts.keptSynthetic++;
        }
        if (record.caption.length === 0) counts.dropped++;
      }
      onProgress?.(counts.pairs);
    }
    await handle.sync();
  } finally {
    await handle?.close();
  }
  return counts;
}

/** BLIP's captioner (nucleus sampling, as CapFilt uses it) and its matching head; one model may be both. */
export function blipModels(captioner: Model, filter: Model): CapFiltModels {
  const refuse = (
    failure: { code: DiptychError['code']; message: string; input: string } | undefined,
  ): void => {
    if (failure !== undefined)
      throw new DiptychError(failure.code, failure.message, { input: failure.input });
  };
  return {
    async caption(content, seed) {
      const { captions, failures } = await captioner.caption([content], { method: 'nucleus', seed });
      refuse(failures[0]);
      return captions[0]?.caption ?? '';
    },
    async judge(content, text) {
      const { data, failures } = await filter.match([content], [text]);
      refuse(failures[0]);
      return data[0] ?? 0;
    },
  };
}
