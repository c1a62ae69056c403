import { readFileSync } from 'node:fs';
import { DiptychError } from '../errors.js';

export type Json = Readonly<Record<string, unknown>>;

/** Reads a JSON file that must hold an object. Throws MODEL_INVALID naming the file. */
export function readJson(file: string): Json {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new DiptychError('MODEL_INVALID', 'the file is missing or unreadable; fetch it again', {
      input: file,
      cause,
    });
  }
  if (text.trim() === '') {
    throw new DiptychError('MODEL_INVALID', 'the file is empty; fetch it again', { input: file });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const hint = text.startsWith('version https://git-lfs') ? ' (this is a Git LFS pointer)' : '';
    throw new DiptychError('MODEL_INVALID', `not valid JSON${hint}: ${why}; fetch the file again`, {
      input: file,
      cause,
    });
  }
  if (!isObject(value)) {
    throw new DiptychError('MODEL_INVALID', 'holds no JSON object; fetch the file again', { input: file });
  }
  return value;
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path of keys, or undefined. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let here: unknown = value;
  for (const key of path) {
    if (typeof key === 'number') here = Array.isArray(here) ? asList(here)[key] : undefined;
    else here = isObject(here) ? here[key] : undefined;
  }
  return here;
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function asObject(value: unknown): Json {
  return isObject(value) ? value : {};
}

export function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export function asString(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export function asBoolean(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}
