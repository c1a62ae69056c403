import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { toCell, type Cell } from '../output/cells.js';
import type { InputItem, InputKind } from './item.js';

/** The keys of a sample's .json as columns; none where it is no object. */
export function jsonCells(bytes: Buffer): Record<string, Cell> {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toCell(inner)]));
  } catch {
    return {};
  }
}

/**
 * An image with a .json of its name beside it: img2dataset's layout of files. The keys become columns, and the .txt (or
 * the key `caption`) makes it a pair.
 */
export async function sampleOfFiles(file: string, hasText: boolean, kind: InputKind): Promise<InputItem> {
  const stem = file.slice(0, file.length - path.extname(file).length);
  const read = (ending: string): Promise<Buffer | null> => readFile(`${stem}.${ending}`).catch(() => null);
  const json = await read('json');
  const own = json === null ? {} : jsonCells(json);
  const written = kind === 'image' || !hasText ? null : await read('txt');
  const text = written?.toString().trim() ?? (kind === 'image' ? undefined : own['caption']);
  if (typeof text !== 'string') {
    return { name: file, cells: { ...own, image_path: file }, shape: 'image', image: file };
  }
  return { name: file, cells: { ...own, image_path: file, text }, shape: 'pair', image: file, text };
}
