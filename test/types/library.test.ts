// The public API as a user's compiler sees it. What this file is about is checked by tsc (npm run check); running it
// shows that the names are there.
import { describe, expect, test } from '@jest/globals';
import * as diptych from 'diptych';
import type {
  Classification,
  Device,
  Embeddings,
  ErrorCode,
  Failure,
  Matrix,
  Model,
  ModelOptions,
  PreprocessSpec,
  Rows,
  StreamItem,
} from 'diptych';

/** Compiles only when the two types are the same. */
type Same<A, B> = [A, B] extends [B, A] ? true : false;
const proofs: true[] = [];
/** Takes a proof that two types are the same. */
const same = (proof: true): void => void proofs.push(proof);

describe('public types', () => {
  test('results can be passed on, and any Float32Array can be passed in', () => {
    const typed = async (model: Model): Promise<void> => {
      const images = await model.embedImages(['cat.jpg', new Uint8Array(3), new URL('file:///x.jpg')]);
      same(true satisfies Same<typeof images, Embeddings>);
      const own: Rows = { data: new Float32Array(4), rows: 2, dim: 2 };
      const matrix = await diptych.cosineSimilarity(images, own, { threads: 2, metric: 'dot' });
      same(true satisfies Same<typeof matrix, Matrix>);
      const hits = await diptych.topK(own, images, 10, {
        precision: 'exact',
        signal: AbortSignal.timeout(5),
      });
      same(true satisfies Same<typeof hits.indices, Int32Array>);
      same(true satisfies Same<typeof hits.scores, Float32Array>);
      const pixels = await diptych.preprocess(['cat.jpg'], { output: 'uint8', spec: { size: [2, 3] } });
      same(true satisfies Same<typeof pixels.data, Uint8Array>);
      const { results } = await diptych.classify(model, 'cat.jpg', ['cat'], { templates: 'openai' });
      same(true satisfies Same<(typeof results)[number], Classification>);
      for await (const batch of model.embedStream([{ text: 'cat' }]))
        same(true satisfies Same<typeof batch.kind, 'image' | 'text'>);
      await model[Symbol.asyncDispose]();
    };
    expect(typeof typed).toBe('function');
  });

  test('wrong options do not compile', () => {
    // @ts-expect-error a misspelt option
    const misspelt: ModelOptions = { devise: 'cpu' };
    // @ts-expect-error no such device
    const device: Device = 'gpu';
    // @ts-expect-error no such filter
    const spec: Partial<PreprocessSpec> = { interpolation: 'cubic' };
    // @ts-expect-error neither image nor text
    const item: StreamItem = { picture: 'x' };
    // @ts-expect-error no such code
    const code: ErrorCode = 'OOPS';
    // @ts-expect-error results are read-only
    const change = (failure: Failure): void => void (failure.code = 'CLOSED');
    expect([misspelt, device, spec, item, code, change]).toHaveLength(6);
  });

  test('the entry exports what the documentation names', () => {
    for (const name of [
      'loadModel',
      'preprocess',
      'cosineSimilarity',
      'topK',
      'classify',
      'DiptychError',
    ] as const) {
      expect(typeof diptych[name]).toBe('function');
    }
    expect(diptych.errorCodes.IMAGE_TRUNCATED).toEqual({ status: 422, exit: 3 });
  });
});
