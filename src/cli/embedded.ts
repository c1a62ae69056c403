import { readFile } from 'node:fs/promises';
import { DiptychError, toDiptychError } from '../errors.js';

/** What commands over saved embeddings read and write. */

export interface SetOnDisk {
  readonly data: Float32Array;
  readonly rows: number;
  readonly dim: number;
}

/** A folder of `diptych embed`, one of its vector folders, a .npy or a .parquet file. */
export async function readSet(source: string, tower: 'image' | 'text' | null = null): Promise<SetOnDisk> {
  const { openEmbeddings, readEmbeddings } = await import('../output/embedding-set.js');
  return readEmbeddings(await openEmbeddings(source, tower));
}

/** The text of a file. Throws INPUT_NOT_FOUND. */
export async function readText(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw toDiptychError(error, 'INPUT_NOT_FOUND', file);
  });
  return text.replace(/^\uFEFF/, '');
}

/** Lines of a file that are not blank, trimmed. */
export async function readLines(file: string): Promise<string[]> {
  return (await readText(file))
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** A JSON file. Throws INPUT_UNREADABLE. */
export async function readJsonFile(file: string): Promise<unknown> {
  const text = await readText(file);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw toDiptychError(error, 'INPUT_UNREADABLE', file);
  }
}

/** Whole numbers, one a line or in a one-dimensional .npy. Throws BAD_INPUT naming the line. */
export async function readLabels(file: string): Promise<number[]> {
  if (/\.npy$/i.test(file)) {
    const { readNpy } = await import('../output/npy.js');
    const { data, shape } = await readNpy(file);
    const whole = data.every((value) => Number.isSafeInteger(value) && value >= 0);
    if (shape.length === 1 && whole) return Array.from(data);
    throw new DiptychError('BAD_INPUT', 'expected a list of class numbers', { input: file });
  }
  return (await readLines(file)).map((line, at) => {
    const value = Number(line);
    if (/^\d+$/.test(line) && Number.isSafeInteger(value)) return value;
    throw new DiptychError('BAD_INPUT', `line ${String(at + 1)}: expected a class number, got ${line}`, {
      input: file,
    });
  });
}

/** Writes an array as .npy, whole or not at all. */
export async function writeNpy(
  file: string,
  type: '<f4' | '<i4',
  shape: number[],
  data: Float32Array | Int32Array,
): Promise<void> {
  const [{ npyHeader }, { writeFileAtomic }] = await Promise.all([
    import('../output/npy.js'),
    import('../output/atomic.js'),
  ]);
  const body = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  await writeFileAtomic(file, Buffer.concat([npyHeader(type, shape), body]));
}

/** Writes a value as one JSON document, whole or not at all. */
export async function writeJson(file: string, value: unknown): Promise<void> {
  const { writeFileAtomic } = await import('../output/atomic.js');
  await writeFileAtomic(file, `${JSON.stringify(value)}\n`);
}
