import { DiptychError } from '../../errors.js';
import { parseOptions, read } from '../../options.js';

/** How captions are made. Options that a method does not use are errors. */
export interface CaptionOptions {
  /** Default `beam`. greedy: the likeliest token each time; nucleus: drawn from the likeliest ones. */
  readonly method?: 'greedy' | 'beam' | 'nucleus';
  /** How the caption begins. Default none; BLIP's own evaluation begins with "a picture of". */
  readonly prompt?: string;
  /** Beams of `beam`. Default 3. With 1 it is `greedy`. */
  readonly numBeams?: number;
  /** Most tokens, prompt and start token included. Default 20 (with `minLength` 5) where no length is given. */
  readonly maxLength?: number;
  /** Most tokens beside start token and prompt; instead of `maxLength`. */
  readonly maxNewTokens?: number;
  /** No end before this many tokens, prompt and start token included. Default 0 where another length is given. */
  readonly minLength?: number;
  /** No end before this many new tokens; instead of `minLength`. */
  readonly minNewTokens?: number;
  /** Exponent of the length in a beam's score. Default 1. */
  readonly lengthPenalty?: number;
  /** Stop as soon as `numBeams` captions are finished. Default false. */
  readonly earlyStopping?: boolean;
  /** Above 1: tokens that are there already become less likely. Default 1; for nucleus 1.1, as BLIP. */
  readonly repetitionPenalty?: number;
  /** Forbid any run of this many tokens to come twice. Default 0: allow. */
  readonly noRepeatNgram?: number;
  /** Nucleus: probability that the tokens drawn from reach together. Default 0.9, as BLIP. */
  readonly topP?: number;
  /** Nucleus: at most this many tokens to draw from; 0 for all. Default 50, as transformers. */
  readonly topK?: number;
  /** Nucleus: divides the logits. Default 1. */
  readonly temperature?: number;
  /** Nucleus: the same seed gives the same captions, whatever the batch size. Default 0. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

/** {@link CaptionOptions} after parsing; lengths still depend on the prompt. */
export interface ResolvedCaptionOptions {
  readonly method: 'greedy' | 'beam' | 'nucleus';
  readonly prompt: string;
  readonly numBeams: number;
  readonly maxLength: number | null;
  readonly maxNewTokens: number | null;
  readonly minLength: number | null;
  readonly minNewTokens: number | null;
  readonly lengthPenalty: number;
  readonly earlyStopping: boolean;
  readonly repetitionPenalty: number;
  readonly noRepeatNgram: number;
  readonly topP: number;
  readonly topK: number;
  readonly temperature: number;
  readonly seed: number;
  readonly signal: AbortSignal | null;
}

/** Lengths of BLIP's own captioning evaluation (configs/caption_coco.yaml), where the caller gives none. */
const OFFICIAL = { maxLength: 20, minLength: 5 } as const;

const OWN: Readonly<Record<'beam' | 'nucleus', readonly (keyof CaptionOptions)[]>> = {
  beam: ['numBeams', 'lengthPenalty', 'earlyStopping'],
  nucleus: ['topP', 'topK', 'temperature', 'seed'],
};

const bad = (name: string, message: string): DiptychError =>
  new DiptychError('BAD_OPTION', message, { input: `caption options.${name}` });

function checkMethod(
  given: Readonly<Record<string, unknown>>,
  method: ResolvedCaptionOptions['method'],
): void {
  for (const owner of ['beam', 'nucleus'] as const) {
    const name = owner === method ? undefined : OWN[owner].find((option) => given[option] !== undefined);
    if (name === undefined || (name === 'numBeams' && given[name] === 1)) continue;
    throw bad(name, `is an option of method ${owner}, and the method is ${method}`);
  }
}

/** Parses {@link CaptionOptions}. Throws BAD_OPTION, also for options that contradict each other. */
export function parseCaptionOptions(given: CaptionOptions | undefined): ResolvedCaptionOptions {
  const positive = read.number((value) => value > 0 && Number.isFinite(value), 'a number above 0');
  const parsed = parseOptions<ResolvedCaptionOptions>(
    given,
    {
      method: read.oneOf('greedy', 'beam', 'nucleus'),
      prompt: (value, name) => (value === '' ? '' : read.string(value, name)),
      numBeams: read.integer(1, 64),
      maxLength: read.integer(1),
      maxNewTokens: read.integer(1),
      minLength: read.integer(0),
      minNewTokens: read.integer(0),
      lengthPenalty: read.number(Number.isFinite, 'a number'),
      earlyStopping: read.boolean,
      repetitionPenalty: positive,
      noRepeatNgram: read.integer(0),
      topP: read.number((value) => value > 0 && value <= 1, 'a number above 0, at most 1'),
      topK: read.integer(0),
      temperature: positive,
      seed: read.integer(0, 0xffffffff),
      signal: read.signal,
    },
    {
      method: 'beam',
      prompt: '',
      numBeams: 3,
      maxLength: null,
      maxNewTokens: null,
      minLength: null,
      minNewTokens: null,
      lengthPenalty: 1,
      earlyStopping: false,
      repetitionPenalty: given?.method === 'nucleus' ? 1.1 : 1,
      noRepeatNgram: 0,
      topP: 0.9,
      topK: 50,
      temperature: 1,
      seed: 0,
      signal: null,
    },
    'caption options',
  );
  checkMethod({ ...given }, parsed.method);
  if (parsed.maxLength !== null && parsed.maxNewTokens !== null)
    throw bad('maxNewTokens', 'give this or maxLength');
  if (parsed.minLength !== null && parsed.minNewTokens !== null)
    throw bad('minNewTokens', 'give this or minLength');
  return parsed.method === 'beam' && parsed.numBeams === 1
    ? Object.freeze({ ...parsed, method: 'greedy' })
    : parsed;
}

/** Lengths in tokens, start token and prompt included. Throws BAD_OPTION where the decoder cannot reach them. */
export function resolveLengths(
  options: ResolvedCaptionOptions,
  promptLength: number,
  maxPositions: number,
): { readonly maxLength: number; readonly minLength: number } {
  const { maxLength, maxNewTokens, minLength, minNewTokens } = options;
  const none = maxLength === null && maxNewTokens === null && minLength === null && minNewTokens === null;
  const most = maxLength ?? (maxNewTokens === null ? OFFICIAL.maxLength : promptLength + maxNewTokens);
  const least =
    minLength ?? (minNewTokens === null ? (none ? OFFICIAL.minLength : 0) : promptLength + minNewTokens);
  if (most > maxPositions) {
    throw bad('maxLength', `${String(most)} tokens, and the decoder has ${String(maxPositions)} positions`);
  }
  if (most <= promptLength) {
    throw bad('maxLength', `${String(most)} tokens leave nothing after a prompt of ${String(promptLength)}`);
  }
  if (least > most)
    throw bad('minLength', `${String(least)} is more than the longest length, ${String(most)}`);
  return { maxLength: most, minLength: least };
}
