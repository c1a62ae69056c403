import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import {
  DiptychError,
  classify,
  cosineSimilarity,
  loadModel,
  preprocess,
  topK,
  type Model,
} from '#diptych/index.js';
import { find } from '../support/fixtures.js';

/** Runs what a user should not do, and asks for a typed error: any code of the table, and a message. */
async function typedError(work: () => unknown): Promise<DiptychError> {
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(DiptychError);
    const typed = error as DiptychError;
    expect(typed.message.length).toBeGreaterThan(10);
    return typed;
  }
  throw new Error('it was accepted');
}

/** Values of every kind that are wrong nearly everywhere. */
const JUNK: readonly unknown[] = [
  null,
  7,
  Number.NaN,
  true,
  {},
  Symbol('s'),
  () => 1,
  12n,
  new Date(),
  new Map(),
];

const detached = (): Uint8Array => {
  const bytes = new Uint8Array(16);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
};

describe('misuse of the public API', () => {
  let model: Model;
  const photo = find('images', 'photo_444.jpg');
  beforeAll(async () => {
    model = await loadModel(find('families', 'clip-vit'), { onWarning: () => undefined });
  });
  afterAll(() => model.close());

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- stands for whatever a call wants
  const wrong = <T>(value: unknown): T => value as T;

  test.each(JUNK.map((value) => [value]))('embedImages(%p)', async (value) => {
    await typedError(() => model.embedImages(wrong(value)));
    await typedError(() => model.embedImages([wrong<string>(value)]));
  });

  test.each(JUNK.map((value) => [value]))('embedTexts(%p)', async (value) => {
    await typedError(() => model.embedTexts(wrong(value)));
    await typedError(() => model.embedTexts([wrong(value)]));
  });

  test.each(JUNK.filter((value) => !(value instanceof Map)).map((value) => [value]))(
    'embedStream(%p)',
    async (value) => {
      const consume = async (source: unknown): Promise<void> => {
        for await (const batch of model.embedStream(wrong(source))) expect(batch.rows).toBeGreaterThan(0);
      };
      await typedError(() => consume(value));
      await typedError(() => consume([value]));
    },
  );

  test.each(JUNK.filter((value) => value !== undefined).map((value) => [value]))(
    'loadModel(%p)',
    async (value) => {
      await typedError(() => loadModel(wrong(value)));
    },
  );

  test('an empty list has no rows but the right dimension', async () => {
    expect(await model.embedImages([])).toMatchObject({ rows: 0, dim: 16, failures: [] });
    expect(await model.embedTexts([])).toMatchObject({ rows: 0, dim: 16, failures: [] });
  });

  test('bytes that are no image, empty, detached or shared', async () => {
    const result = await model.embedImages([new Uint8Array(0), new Uint8Array(100), readFileSync(photo)]);
    expect(result.indices).toEqual([2]);
    expect(result.failures.map(({ index, code }) => ({ index, code }))).toEqual([
      { index: 0, code: 'IMAGE_EMPTY' },
      { index: 1, code: 'IMAGE_UNSUPPORTED' },
    ]);
    expect((await typedError(() => model.embedImages([detached()]))).code).toBe('BAD_INPUT');
    const shared = new Uint8Array(new SharedArrayBuffer(readFileSync(photo).length));
    shared.set(readFileSync(photo));
    expect((await model.embedImages([shared])).rows).toBe(1);
  });

  test('missing files, folders and paths with a zero byte', async () => {
    const result = await model.embedImages(['/nowhere/cat.jpg', find('images'), photo]);
    expect(result.indices).toEqual([2]);
    expect(result.failures.map(({ code }) => code)).toEqual(['INPUT_NOT_FOUND', 'INPUT_UNREADABLE']);
    await typedError(() => model.embedImages(['a\0b.jpg']));
    await typedError(() => model.embedImages(['']));
  });

  test.each([
    [
      { data: new Float32Array(4), rows: 2, dim: 2 },
      { data: new Float32Array(6), rows: 2, dim: 3 },
    ],
    [
      { data: new Float32Array(4), rows: 3, dim: 2 },
      { data: new Float32Array(4), rows: 2, dim: 2 },
    ],
    [
      { data: [1, 2], rows: 1, dim: 2 },
      { data: new Float32Array(2), rows: 1, dim: 2 },
    ],
    [
      { data: new Float32Array([Number.NaN, 1]), rows: 1, dim: 2 },
      { data: new Float32Array(2), rows: 1, dim: 2 },
    ],
    [
      { data: new Float32Array(2), rows: -1, dim: 2 },
      { data: new Float32Array(2), rows: 1, dim: 2 },
    ],
    [
      { data: new Float32Array(2), rows: 1.5, dim: 2 },
      { data: new Float32Array(2), rows: 1, dim: 2 },
    ],
    [
      { data: new Float32Array(0), rows: 2 ** 40, dim: 2 ** 20 },
      { data: new Float32Array(2), rows: 1, dim: 2 },
    ],
    [null, { data: new Float32Array(2), rows: 1, dim: 2 }],
    ['rows', 'rows'],
  ])('similarity of %p and %p', async (a, b) => {
    await typedError(() => cosineSimilarity(wrong(a), wrong(b)));
    await typedError(() => topK(wrong(a), wrong(b), 1));
    await typedError(() => cosineSimilarity(wrong(b), wrong(a)));
  });

  test.each([[0], [-1], [1.5], [Number.NaN], ['3'], [null]])('topK with k = %p', async (k) => {
    const rows = { data: new Float32Array(4), rows: 2, dim: 2 };
    await typedError(() => topK(rows, rows, wrong(k)));
  });

  test('detached similarity inputs', async () => {
    const data = new Float32Array(4);
    structuredClone(data.buffer, { transfer: [data.buffer] });
    await typedError(() =>
      cosineSimilarity({ data, rows: 2, dim: 2 }, { data: new Float32Array(4), rows: 2, dim: 2 }),
    );
  });

  test.each(JUNK.map((value) => [value]))('preprocess(%p)', async (value) => {
    await typedError(() => preprocess(wrong(value)));
    // 7 is a size, and a number of workers.
    if (value === 7) return;
    await typedError(() => preprocess([photo], { spec: { size: wrong(value) } }));
    await typedError(() => preprocess([photo], { workers: wrong(value) }));
  });

  test.each([
    [{ size: 0 }],
    [{ size: -5 }],
    [{ size: 1e9 }],
    [{ interpolation: 'area' }],
    [{ mean: [1, 2] }],
    [{ std: [0, 0, 0] }],
    [{ mean: [Number.NaN, 0, 0] }],
    [{ resizeMode: 'crop' }],
    [{ sise: 224 }],
    [{ fill: 300 }],
  ])('preprocess with spec %p', async (spec) => {
    await typedError(() => preprocess([photo], { spec: wrong(spec) }));
  });

  test('classify with no labels, wrong labels and templates without a place', async () => {
    await typedError(() => classify(model, [photo], []));
    await typedError(() => classify(model, [photo], wrong('cat')));
    await typedError(() => classify(model, [photo], wrong([1, 2])));
    await typedError(() => classify(model, [photo], ['cat'], { templates: ['no place'] }));
    await typedError(() => classify(model, [photo], ['cat'], { top: 0 }));
  });

  test('an aborted signal', async () => {
    const error = await typedError(() => model.embedImages([photo], { signal: AbortSignal.abort() }));
    expect(error.code).toBe('ABORTED');
  });

  test('calls after close are CLOSED, and close may be called twice', async () => {
    const other = await loadModel(find('families', 'clip-vit'), { onWarning: () => undefined });
    const running = other.embedImages([photo, photo, photo]);
    await Promise.all([other.close(), other.close()]);
    expect((await running).rows).toBe(3);
    for (const call of [
      () => other.embedImages([photo]),
      () => other.embedTexts(['cat']),
      () => other.tokenize(['cat']),
      async () => {
        for await (const batch of other.embedStream([photo])) expect(batch).toBeUndefined();
      },
    ]) {
      expect((await typedError(call)).code).toBe('CLOSED');
    }
  });
});
