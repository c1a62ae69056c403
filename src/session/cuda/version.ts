import { readOnlyData } from './elf.js';

const known = new Map<string, readonly string[]>();

/**
 * The versions that a provider's library names as strings of their own: its ONNX Runtime's is one of them. Empty where
 * it names none.
 */
export function namedVersions(library: string): readonly string[] {
  const before = known.get(library);
  if (before !== undefined) return before;
  const text = readOnlyData(library)?.toString('latin1') ?? '';
  const found = [...text.matchAll(/\0(\d{1,2}\.\d{1,3}\.\d{1,3})(?=\0)/g)].map((match) => match[1] ?? '');
  const versions = [...new Set(found)];
  known.set(library, versions);
  return versions;
}
