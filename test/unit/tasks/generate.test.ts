import { describe, expect, test } from '@jest/globals';
import { DiptychError } from '#diptych/errors.js';
import { BeamSearch } from '#diptych/tasks/generate/beam.js';
import { parseCaptionOptions, resolveLengths, type CaptionOptions } from '#diptych/tasks/generate/options.js';
import { randomFrom } from '#diptych/tasks/generate/random.js';
import { runSearches } from '#diptych/tasks/generate/run.js';
import {
  applyRules,
  argmax,
  largest,
  logSoftmax,
  sample,
  type ScoreRules,
} from '#diptych/tasks/generate/scores.js';
import { SingleSearch, type Found } from '#diptych/tasks/generate/search.js';

const VOCABULARY = 7;
const EOS = 6;
const rules: ScoreRules = { eosId: EOS, minLength: 0, repetitionPenalty: 1, noRepeatNgram: 0 };

/** A decoder whose logits depend on the last two tokens alone, reproducibly. */
function logitsAfter(ids: readonly number[], image: number): Float32Array {
  const [before = 0, last = 0] = ids.slice(-2);
  const random = randomFrom(before * 31 + last, image + 1);
  return Float32Array.from({ length: VOCABULARY }, () => 4 * random());
}

const decoder = {
  step: (
    rows: readonly { readonly ids: readonly number[]; readonly image: number }[],
  ): Promise<Float32Array[]> => Promise.resolve(rows.map(({ ids, image }) => logitsAfter(ids, image))),
};

/** Every text of at most `maxLength` tokens with its score, by brute force. */
function everyText(
  prompt: readonly number[],
  maxLength: number,
  lengthPenalty: number,
  image: number,
): Found[] {
  const walk = (ids: readonly number[], sum: number): Found[] => {
    const made = ids.length - prompt.length;
    if (made > 0 && (ids[ids.length - 1] === EOS || ids.length === maxLength)) {
      return [{ ids, score: sum / made ** lengthPenalty }];
    }
    const scores = logSoftmax(logitsAfter(ids, image));
    return Array.from(scores.keys()).flatMap((id) => walk([...ids, id], sum + (scores[id] ?? 0)));
  };
  return walk(prompt, 0);
}

describe('scores', () => {
  test('log-softmax sums to one and survives huge logits', () => {
    const scores = logSoftmax(Float32Array.of(1e4, 1e4 - 1, -1e4));
    expect(scores.reduce((sum, score) => sum + Math.exp(score), 0)).toBeCloseTo(1, 6);
    expect(scores[0]).toBeCloseTo(-0.3132617, 5);
  });

  test('rules: minimum length, repetition penalty both ways, repeated runs', () => {
    const scores = Float32Array.of(2, -2, 1, 0, 0, 0, 5);
    applyRules(scores, [0, 1, 0], { ...rules, minLength: 4, repetitionPenalty: 2 });
    expect([...scores]).toEqual([1, -4, 1, 0, 0, 0, -Infinity]);
    const runs = new Float32Array(7);
    applyRules(runs, [3, 4, 5, 3, 4], { ...rules, noRepeatNgram: 3 });
    expect([...runs]).toEqual([0, 0, 0, 0, 0, -Infinity, 0]);
  });

  test('the largest come sorted, equals by position', () => {
    expect(largest(Float32Array.of(1, 3, 3, 2, 3), 3, 10)).toEqual([
      { index: 11, score: 3 },
      { index: 12, score: 3 },
      { index: 14, score: 3 },
    ]);
    expect(argmax(Float32Array.of(1, 3, 3))).toBe(1);
  });
});

describe('sampling', () => {
  const scores = Float32Array.from([0.1, 0.4, 0.3, 0.15, 0.05], Math.log);
  const draw = (topP: number, topK: number, random: number): number =>
    sample(scores, { temperature: 1, topK, topP }, random);

  test('takes the first token at which the probabilities pass the random number', () => {
    expect([0, 0.0999, 0.1001, 0.4999, 0.5001, 0.96].map((random) => draw(1, 0, random))).toEqual([
      0, 0, 1, 1, 2, 4,
    ]);
  });

  test('the nucleus is the smallest set that reaches p', () => {
    const drawn = (topP: number, topK: number): number[] =>
      [...new Set(Array.from({ length: 200 }, (_, at) => draw(topP, topK, at / 200)))].sort();
    expect(drawn(0.69, 0)).toEqual([1, 2]);
    expect(drawn(0.71, 0)).toEqual([1, 2, 3]);
    expect(drawn(0.0001, 0)).toEqual([1]);
    expect(drawn(1, 2)).toEqual([1, 2]);
    expect(drawn(1, 0)).toEqual([0, 1, 2, 3, 4]);
  });

  test('draws in proportion', () => {
    const random = randomFrom(1, 2);
    const counts = new Array<number>(5).fill(0);
    for (let i = 0; i < 20_000; i++) {
      const id = draw(0.9, 0, random());
      counts[id] = (counts[id] ?? 0) + 1;
    }
    const kept = 0.1 + 0.4 + 0.3 + 0.15;
    [0.1, 0.4, 0.3, 0.15, 0].forEach((share, id) => {
      expect((counts[id] ?? 0) / 20_000).toBeCloseTo(share / kept, 1);
    });
    expect(counts[4]).toBe(0);
  });

  test('a low temperature is greedy', () => {
    expect(sample(scores, { temperature: 1e-3, topK: 0, topP: 1 }, 0.999)).toBe(1);
  });

  test('the random numbers are even and differ by seed and stream', () => {
    const streams = [randomFrom(0, 0), randomFrom(0, 1), randomFrom(1, 0)].map((next) =>
      Array.from({ length: 4000 }, next),
    );
    for (const numbers of streams) {
      expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...numbers)).toBeLessThan(1);
      expect(numbers.reduce((sum, number) => sum + number, 0) / numbers.length).toBeCloseTo(0.5, 1);
    }
    expect(streams[0]).not.toEqual(streams[1]);
    expect(streams[0]).not.toEqual(streams[2]);
  });
});

describe('searches', () => {
  test.each([
    [1, 3],
    [2, 4],
    [0, 4],
  ])(
    'beams as wide as all texts find the best one (length penalty %d, %d tokens)',
    async (lengthPenalty, maxLength) => {
      const images = [0, 1, 2, 3];
      const beams = VOCABULARY ** (maxLength - 1);
      const options = { maxLength, beams, lengthPenalty, earlyStopping: false };
      const found = await runSearches(
        images.map(() => new BeamSearch([1], { ...rules, minLength: maxLength }, options)),
        decoder,
      );
      found.forEach(({ ids, score }, image) => {
        const open = everyText([1], maxLength, lengthPenalty, image).filter(
          (text) => !text.ids.includes(EOS),
        );
        expect(ids).not.toContain(EOS);
        expect(score).toBeCloseTo(Math.max(...open.map((text) => text.score ?? -Infinity)), 4);
      });
    },
  );

  test('one beam is greedy', async () => {
    for (let image = 0; image < 20; image++) {
      const maxLength = 8;
      const single = decoderOf(image);
      const [beam] = await runSearches(
        [new BeamSearch([1], rules, { maxLength, beams: 1, lengthPenalty: 1, earlyStopping: true })],
        single,
      );
      const [greedy] = await runSearches([new SingleSearch([1], rules, { maxLength }, null)], single);
      expect(beam?.ids).toEqual(greedy?.ids);
      expect(beam?.score).toBeCloseTo(greedy?.score ?? NaN, 4);
    }
  });

  test('images do not influence each other', async () => {
    const options = { maxLength: 9, beams: 3, lengthPenalty: 1, earlyStopping: false };
    const images = Array.from({ length: 12 }, (_, image) => image);
    const together = await runSearches(
      images.map(() => new BeamSearch([1], rules, options)),
      decoder,
    );
    for (const image of images) {
      const [alone] = await runSearches([new BeamSearch([1], rules, options)], decoderOf(image));
      expect(alone).toEqual(together[image]);
    }
  });

  test('an aborted search stops', async () => {
    const search = new SingleSearch([1], rules, { maxLength: 5 }, null);
    await expect(runSearches([search], decoder, AbortSignal.abort())).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });
});

function decoderOf(image: number): typeof decoder {
  return { step: (rows) => Promise.resolve(rows.map(({ ids }) => logitsAfter(ids, image))) };
}

describe('caption options', () => {
  test('defaults are those of BLIP', () => {
    const options = parseCaptionOptions(undefined);
    expect(options).toMatchObject({ method: 'beam', numBeams: 3, prompt: '', repetitionPenalty: 1 });
    expect(resolveLengths(options, 1, 512)).toEqual({ maxLength: 20, minLength: 5 });
    expect(parseCaptionOptions({ method: 'nucleus' })).toMatchObject({ topP: 0.9, repetitionPenalty: 1.1 });
    expect(parseCaptionOptions({ numBeams: 1 }).method).toBe('greedy');
  });

  test('lengths that are given stand alone', () => {
    expect(resolveLengths(parseCaptionOptions({ maxNewTokens: 12 }), 4, 512)).toEqual({
      maxLength: 16,
      minLength: 0,
    });
    expect(resolveLengths(parseCaptionOptions({ minLength: 10 }), 1, 512)).toEqual({
      maxLength: 20,
      minLength: 10,
    });
  });

  test.each<[CaptionOptions, RegExp]>([
    [{ maxLength: 20, maxNewTokens: 20 }, /maxNewTokens/],
    [{ minLength: 2, minNewTokens: 2 }, /minNewTokens/],
    [{ method: 'greedy', numBeams: 4 }, /option of method beam/],
    [{ topP: 0.5 }, /option of method nucleus/],
    [{ method: 'nucleus', topP: 0 }, /topP/],
    [{ method: 'nucleus', temperature: -1 }, /temperature/],
    [{ numBeams: 0 }, /numBeams/],
    [{ numBeam: 3 } as CaptionOptions, /did you mean numBeams/],
  ])('%j is refused', (options, message) => {
    expect(() => parseCaptionOptions(options)).toThrow(message);
  });

  test('lengths that cannot be are refused', () => {
    const lengths =
      (options: CaptionOptions, prompt: number): (() => unknown) =>
      () =>
        resolveLengths(parseCaptionOptions(options), prompt, 64);
    expect(lengths({ maxLength: 65 }, 1)).toThrow(DiptychError);
    expect(lengths({ maxLength: 4 }, 4)).toThrow(/leave nothing/);
    expect(lengths({ maxLength: 6, minLength: 7 }, 1)).toThrow(/more than the longest/);
  });
});
