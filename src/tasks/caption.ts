import { DiptychError } from '../errors.js';
import type { CaptionPlan } from '../models/card.js';
import type { ImageBytes } from '../pipeline/images.js';
import type { Failure, Indexed, Notice } from '../pipeline/types.js';
import { loadEncoder } from '../text/load-encoder.js';
import { BeamSearch } from './generate/beam.js';
import { DecoderRun, planDecoder, type DecoderPlan } from './generate/decoder.js';
import {
  parseCaptionOptions,
  resolveLengths,
  type CaptionOptions,
  type ResolvedCaptionOptions,
} from './generate/options.js';
import { randomFrom } from './generate/random.js';
import { runSearches } from './generate/run.js';
import type { ScoreRules } from './generate/scores.js';
import { SingleSearch, type Search } from './generate/search.js';
import { readWords, type Words } from './generate/words.js';
import { imageStates, type HeadHost, type HeadSessions } from './heads.js';

/** A caption of one image. */
export interface Caption {
  /** The words made, without the prompt. */
  readonly caption: string;
  /** Prompt and caption, as transformers' decode gives them. */
  readonly text: string;
  /** Start token, prompt and, where the caption ended by itself, end token included. */
  readonly tokenIds: readonly number[];
  /** Log-probability of the new tokens by their number (to the length penalty); null for nucleus. */
  readonly score: number | null;
}

/** Captions of a list of images; broken images have none and close ranks, as rows of embeddings do. */
export interface Captions {
  readonly captions: readonly Caption[];
  /** Caption -> position of its image in what was passed in. */
  readonly indices: readonly number[];
  readonly failures: readonly Failure[];
  readonly notices: readonly Notice[];
}

interface Captioner {
  readonly plan: CaptionPlan;
  readonly decoder: DecoderPlan;
  readonly words: Words;
  readonly prompt: readonly number[];
}

function openCaptioner({ description }: HeadHost, prompt: string): Captioner {
  const plan = description.caption;
  if (plan === null) {
    throw new DiptychError('MODEL_UNSUPPORTED', 'this model writes no captions; use a BLIP captioner', {
      input: description.name,
    });
  }
  const { vocabulary } = plan;
  const kind = vocabulary.endsWith('.json') ? 'tokenizer-json' : 'bert-hf';
  const files: Record<string, string> = { [kind === 'bert-hf' ? 'vocab' : 'tokenizer']: vocabulary };
  // The start token takes the place of [CLS], and [SEP] is left for the caption to end with.
  const ids = prompt === '' ? [] : loadEncoder({ kind, files, spelling: 'openai' }).encode(prompt);
  return {
    plan,
    decoder: planDecoder(plan.graph.file, plan.withPast),
    words: readWords(vocabulary, [plan.bosId, plan.eosId, plan.padId]),
    prompt: [plan.bosId, ...ids],
  };
}

function startSearch(options: ResolvedCaptionOptions, captioner: Captioner, index: number): Search {
  const { plan, prompt } = captioner;
  const { maxLength, minLength } = resolveLengths(options, prompt.length, plan.maxPositions);
  const { repetitionPenalty, noRepeatNgram, numBeams, lengthPenalty, earlyStopping } = options;
  const rules: ScoreRules = { eosId: plan.eosId, minLength, repetitionPenalty, noRepeatNgram };
  if (options.method === 'beam') {
    return new BeamSearch(prompt, rules, { maxLength, beams: numBeams, lengthPenalty, earlyStopping });
  }
  const { topP, topK, temperature, seed } = options;
  const sampling =
    options.method === 'greedy' ? null : { topP, topK, temperature, random: randomFrom(seed, index) };
  return new SingleSearch(prompt, rules, { maxLength }, sampling);
}

/**
 * Captions images. Token ids equal transformers' generate() for the same method and options (greedy, beam); nucleus
 * draws from the same distribution with random numbers of its own. Throws MODEL_UNSUPPORTED, BAD_OPTION, ABORTED.
 */
export async function caption(
  host: HeadHost,
  sessions: HeadSessions,
  images: readonly Indexed<ImageBytes>[],
  given: CaptionOptions | undefined,
): Promise<Captions> {
  const options = parseCaptionOptions(given);
  const captioner = openCaptioner(host, options.prompt);
  resolveLengths(options, captioner.prompt.length, captioner.plan.maxPositions);
  const captions: Caption[] = [];
  const indices: number[] = [];
  const failures: Failure[] = [];
  const notices: Notice[] = [];
  const signal = options.signal ?? undefined;
  const begun = captioner.words.decode(captioner.prompt);
  for await (const batch of imageStates(host, images, signal)) {
    failures.push(...batch.failures);
    notices.push(...batch.notices);
    const searches = batch.indices.map((index) => startSearch(options, captioner, index));
    const run = new DecoderRun(captioner.decoder, (file) => sessions.get(file), batch.states);
    const found = await runSearches(searches, run, signal);
    found.forEach(({ ids, score }, row) => {
      const text = captioner.words.decode(ids);
      const caption = text.startsWith(begun) ? text.slice(begun.length).trim() : text;
      captions.push({ caption, text, tokenIds: ids, score });
      indices.push(batch.indices[row] ?? 0);
    });
  }
  return { captions, indices, failures, notices };
}
