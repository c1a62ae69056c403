import { afterAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SessionHost } from '#diptych/session/host.js';
import { openSession } from '#diptych/session/worker-session.js';
import { BeamSearch } from '#diptych/tasks/generate/beam.js';
import { DecoderRun, planDecoder, type ImageStates } from '#diptych/tasks/generate/decoder.js';
import { runSearches } from '#diptych/tasks/generate/run.js';
import type { ScoreRules } from '#diptych/tasks/generate/scores.js';
import { SingleSearch, type Search } from '#diptych/tasks/generate/search.js';
import { local } from '../../support/fixtures.js';

/** What transformers' generate() wrote: see test/fixtures/tools/generate_captions.py. */
interface Case {
  readonly prompt: readonly number[];
  readonly options: {
    readonly num_beams: number;
    readonly max_length: number;
    readonly min_length?: number;
    readonly length_penalty?: number;
    readonly early_stopping?: boolean;
    readonly repetition_penalty?: number;
    readonly no_repeat_ngram_size?: number;
  };
  readonly ids: readonly (readonly number[])[];
  readonly scores: readonly number[] | null;
}
interface Decoder {
  readonly dir: string;
  readonly tokens: number;
  readonly width: number;
  readonly cases: readonly Case[];
}

const EOS = 7;
const root = join(local, 'generate');
const decoders = JSON.parse(readFileSync(join(root, 'cases.json'), 'utf8')) as readonly Decoder[];

const sessions = new Map<string, Promise<SessionHost>>();
const open = (file: string): Promise<SessionHost> => {
  const session = sessions.get(file) ?? openSession(file, { device: 'cpu', threads: 1, spinning: false });
  sessions.set(file, session);
  return session;
};
afterAll(async () => {
  for (const session of sessions.values()) await (await session).close();
});

function readStates({ dir, tokens, width }: Decoder): ImageStates[] {
  const bytes = readFileSync(join(root, dir, 'states.bin'));
  const all = new Float32Array(Uint8Array.from(bytes).buffer);
  const stride = tokens * width;
  return Array.from({ length: all.length / stride }, (_, image) => ({
    data: all.slice(image * stride, (image + 1) * stride),
    tokens,
    width,
  }));
}

function start({ prompt, options }: Case): Search {
  const rules: ScoreRules = {
    eosId: EOS,
    minLength: options.min_length ?? 0,
    repetitionPenalty: options.repetition_penalty ?? 1,
    noRepeatNgram: options.no_repeat_ngram_size ?? 0,
  };
  const maxLength = options.max_length;
  if (options.num_beams === 1) return new SingleSearch(prompt, rules, { maxLength }, null);
  return new BeamSearch(prompt, rules, {
    maxLength,
    beams: options.num_beams,
    lengthPenalty: options.length_penalty ?? 1,
    earlyStopping: options.early_stopping ?? false,
  });
}

describe.each(decoders.map((decoder) => [decoder.dir, decoder] as const))('%s', (dir, decoder) => {
  const images = readStates(decoder);
  const file = join(root, dir, 'text_decoder_model.onnx');
  const plans = {
    'the whole text every time': planDecoder(file, null),
    'a key/value cache': planDecoder(file, join(root, dir, 'text_decoder_with_past_model.onnx')),
  };
  describe.each(Object.entries(plans))('with %s', (_, plan) => {
    test.each(decoder.cases.map((wanted) => [JSON.stringify(wanted.options), wanted] as const))(
      '%s',
      async (_name, wanted) => {
        const found = await runSearches(
          images.map(() => start(wanted)),
          new DecoderRun(plan, open, images),
        );
        expect(found.map(({ ids }) => ids)).toEqual(wanted.ids);
        wanted.scores?.forEach((score, image) => {
          expect(Math.abs((found[image]?.score ?? NaN) - score)).toBeLessThan(
            1e-4 * Math.max(1, Math.abs(score)),
          );
        });
      },
    );
  });

  test('files that do not belong together, or are no decoder, are refused', () => {
    const later = join(root, dir, 'text_decoder_with_past_model.onnx');
    expect(() => planDecoder(later, later)).toThrow(/different exports/);
    expect(() => planDecoder(join(root, dir, 'states.bin'), null)).toThrow(
      expect.objectContaining({ code: 'MODEL_INVALID' }),
    );
  });
});
