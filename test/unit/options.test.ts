import { describe, expect, test } from '@jest/globals';
import { editDistance, nearest, parseModelOptions } from '#diptych/options.js';

describe('parseModelOptions', () => {
  test('fills in every default and freezes the result', () => {
    const options = parseModelOptions(undefined, 3);
    expect(options).toMatchObject({
      device: 'auto',
      dtype: 'auto',
      batchSize: 'auto',
      workers: 3,
      threads: 3,
      decode: 'exact',
      normalize: true,
    });
    expect(Object.isFrozen(options)).toBe(true);
  });

  test('undefined means the default', () => {
    expect(parseModelOptions({ workers: undefined } as object, 5).workers).toBe(5);
  });

  test.each([
    [{ device: 'gpu' }, 'auto, cpu, cuda, cuda:N or cuda:N,M'],
    [{ device: 'cuda:0,' }, 'auto, cpu, cuda, cuda:N or cuda:N,M'],
    [{ device: 'cuda:x' }, 'auto, cpu, cuda, cuda:N or cuda:N,M'],
    [{ dtype: 'fp64' }, 'one of auto, fp32, fp16, int8'],
    [{ batchSize: 0 }, 'an integer from 1'],
    [{ batchSize: 1.5 }, 'an integer from 1'],
    [{ workers: -1 }, 'an integer from 1'],
    [{ threads: Number.NaN }, 'an integer from 1'],
    [{ threads: '2' }, 'an integer from 1'],
    [{ decode: 'turbo' }, 'one of exact, fast'],
    [{ autoOrient: 1 }, 'true or false'],
    [{ maxPixels: 0 }, 'an integer of at least 1'],
    [{ logitScale: -1 }, 'a positive number'],
    [{ logitScale: Infinity }, 'a positive number'],
    [{ longText: 'cut' }, 'one of error, truncate, pool'],
    [{ textCleaning: 'clean' }, 'one of auto'],
    [{ onWarning: 'loud' }, 'a function'],
    [{ bachSize: 4 }, 'did you mean batchSize?'],
    [{ colour: 'red' }, 'unknown option "colour"; known:'],
    [[], 'expected an object'],
    [null, 'expected an object'],
    ['cpu', 'expected an object'],
  ])('%p is BAD_OPTION: %s', (given, message) => {
    expect(() => parseModelOptions(given as object)).toThrow(
      expect.objectContaining({ code: 'BAD_OPTION', message: expect.stringContaining(message) }),
    );
  });
});

test('edit distance and the nearest name', () => {
  expect(editDistance('kitten', 'sitting')).toBe(3);
  expect(editDistance('', 'abc')).toBe(3);
  expect(nearest('diptych-mni', ['clip-vit', 'diptych-mini'])).toBe('diptych-mini');
  expect(nearest('xyz', ['clip-vit', 'diptych-mini'])).toBeUndefined();
});
