import { readFile } from 'node:fs/promises';
import { DiptychError, toDiptychError } from '../errors.js';

/** Texts of a .jsonl file: a JSON string a line. Throws INPUT_NOT_FOUND, BAD_INPUT naming the line. */
export async function readTexts(file: string): Promise<string[]> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    throw toDiptychError(error, 'INPUT_NOT_FOUND', file);
  }
  const lines = content.replace(/^\uFEFF/, '').split('\n');
  return lines.flatMap((line, at) => {
    if (line.trim() === '') return [];
    const where = `${file} line ${String(at + 1)}`;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (cause) {
      throw new DiptychError('BAD_INPUT', 'expected a JSON string on each line', { cause, input: where });
    }
    if (typeof value === 'string') return [value];
    throw new DiptychError('BAD_INPUT', `expected a JSON string, got ${line.slice(0, 40)}`, { input: where });
  });
}
