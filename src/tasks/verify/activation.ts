import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelDescription } from '../../models/card.js';
import { readOnnxHeader } from '../../models/onnx/header.js';
import { geluKind } from '../../models/onnx/inspect.js';
import { swapActivation } from '../../models/onnx/swap-activation.js';

/** Larger graphs are not copied to be tried: that many bytes are not read at once. */
const LARGEST = 2 ** 31 - 1;

/** What QuickGELU and GELU are called, the graph's own first. */
export interface Swapped {
  readonly here: string;
  readonly there: string;
}

/**
 * Looks at a tower with the other activation (GELU for QuickGELU or back), in a copy of its graph that is removed
 * afterwards. Null where the graph has neither, or keeps its weights in files beside it.
 */
export async function withOtherActivation<T>(
  description: ModelDescription,
  side: 'image' | 'text',
  look: (file: string, names: Swapped) => Promise<T>,
): Promise<T | null> {
  const file = description[side]?.graph.file;
  if (file === undefined || (await stat(file)).size > LARGEST) return null;
  const header = readOnnxHeader(file);
  if (header.external.length > 0) return null;
  const swapped = swapActivation(await readFile(file), header);
  if (swapped === null) return null;
  const folder = await mkdtemp(join(tmpdir(), 'diptych-activation-'));
  try {
    const copy = join(folder, 'model.onnx');
    await writeFile(copy, swapped);
    const quick = geluKind(header) === 'quick_gelu';
    return await look(
      copy,
      quick ? { here: 'QuickGELU', there: 'GELU' } : { here: 'GELU', there: 'QuickGELU' },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
