import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { DiptychError, systemCode } from '../errors.js';
import { writeFileAtomic } from './atomic.js';
import { RUN_FILE } from './layout.js';

/** What a part holds: images, texts, or pairs of both. */
export type Shape = 'image' | 'text' | 'pair';

/** A part that is whole on disk. */
export interface DonePart {
  readonly part: number;
  readonly shape: Shape;
  /** Inputs that went into it, the failed ones included. */
  readonly inputs: number;
  readonly rows: number;
  readonly failed: number;
  /** Relative to the run's folder. */
  readonly files: readonly string[];
}

/** What run.json holds beside what identifies the run. */
export interface RunState {
  readonly status: 'running' | 'stopped' | 'complete';
  readonly counts: {
    readonly inputs: number;
    readonly rows: number;
    readonly failed: number;
    readonly notices: number;
  };
  readonly dim: number | null;
  /** Seconds in which each stage was at work, and those of the run (total), earlier runs' included. */
  readonly seconds: Readonly<Record<string, number>>;
  /** By tower: seconds inside its encoders in this run, and their share of it. */
  readonly encoder: Readonly<
    Record<string, { readonly seconds: number; readonly sessions: number; readonly utilisation: number }>
  >;
  /** Batch size and threads as measured or given. */
  readonly tuning?: Readonly<Record<string, number>>;
  readonly rowsPerSecond: number;
  readonly imagesPerSecond: number;
  /** Length of failures.jsonl that belongs to the parts below: a killed run may have written more. */
  readonly failuresBytes: number;
  readonly parts: readonly DonePart[];
}

/** What must be the same for --resume: plain JSON values. */
export type RunIdentity = Readonly<Record<string, unknown>>;

export interface RunFile {
  readonly identity: RunIdentity;
  readonly state: RunState;
}

function isRunFile(value: unknown): value is RunIdentity & RunState {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'parts' in value &&
    Array.isArray(value.parts) &&
    'failuresBytes' in value &&
    typeof value.failuresBytes === 'number' &&
    'counts' in value &&
    typeof value.counts === 'object' &&
    'options' in value
  );
}

/** Reads run.json of a folder; null where there is none. Throws OUTPUT_INVALID. */
export async function readRun(folder: string): Promise<(RunIdentity & RunState) | null> {
  const file = path.join(folder, RUN_FILE);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    // A file of embeddings has no run beside it.
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(cause) ?? '')) return null;
    throw new DiptychError('OUTPUT_INVALID', 'cannot be read', { cause, input: file });
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new DiptychError('OUTPUT_INVALID', 'is not JSON; start again with --overwrite', {
      cause,
      input: file,
    });
  }
  if (isRunFile(parsed)) return parsed;
  throw new DiptychError('OUTPUT_INVALID', 'is not a run of diptych embed; start again with --overwrite', {
    input: file,
  });
}

export async function writeRun(
  folder: string,
  identity: RunIdentity,
  versions: Readonly<Record<string, string>>,
  state: RunState,
): Promise<void> {
  const text = `${JSON.stringify({ versions, ...identity, ...state }, null, 2)}\n`;
  await writeFileAtomic(path.join(folder, RUN_FILE), text);
}

/** Size and sha256 of a file, read in pieces so that the event loop stays free. */
export async function fingerprint(file: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  const stream: AsyncIterable<Buffer> = createReadStream(file, { highWaterMark: 1 << 18 });
  for await (const chunk of stream) hash.update(chunk);
  return { bytes: (await stat(file)).size, sha256: hash.digest('hex') };
}
