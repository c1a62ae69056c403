import { cp, readFile, readdir } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { DiptychError, toDiptychError } from '../errors.js';
import { makeFolder } from '../folders.js';
import type { GraphPlan, ModelDescription } from '../models/card.js';
import { appendToGraph, node, weight } from '../models/onnx/append.js';
import { writeFileAtomic } from '../output/atomic.js';
import type { Residual } from './residual.js';

/** The adapter's nodes behind `before`, ending in `output`. LpNormalization is what every opset has. */
function tailOf(adapter: Residual, before: string, output: string): Uint8Array[] {
  const name = (part: string): string => `diptych_adapter_${part}`;
  const { inner, outer } = adapter.matrices();
  const unit = { axis: 1, p: 2 };
  const hidden =
    adapter.kind === 'linear'
      ? [node('MatMul', [name('x'), name('inner')], name('active'))]
      : [
          node('MatMul', [name('x'), name('inner')], name('hidden')),
          node('Relu', [name('hidden')], name('active')),
        ];
  return [
    node('LpNormalization', [before], name('x'), unit),
    ...hidden,
    node('MatMul', [name('active'), name('outer')], name('step')),
    node('Add', [name('x'), name('step')], name('sum')),
    node('LpNormalization', [name('sum')], output, unit),
    weight(name('inner'), [adapter.dim, adapter.hidden], inner),
    weight(name('outer'), [adapter.hidden, adapter.dim], outer),
  ];
}

async function adaptedGraph(graph: GraphPlan, adapter: Residual): Promise<Uint8Array> {
  const bytes = await readFile(graph.file);
  return appendToGraph(bytes, graph.output, (before) => tailOf(adapter, before, graph.output), graph.file);
}

/**
 * Writes the model with its adapters as a model folder of its own, in the layout of the old one: the adapters become
 * nodes behind the towers' outputs, so anything that runs ONNX runs it. Only the graphs in use are copied, not other
 * variants, which would lack the adapter.
 *
 * @throws DiptychError MODEL_UNSUPPORTED (one graph for both towers, several vectors a row), DIMENSION_MISMATCH,
 * OUTPUT_EXISTS, OUTPUT_FAILED.
 */
export async function exportAdapted(
  description: ModelDescription,
  adapters: { readonly image?: Residual | null; readonly text?: Residual | null },
  folder: string,
): Promise<void> {
  const { folder: source, image, text, name } = description;
  if (image !== null && text !== null && image.graph.file === text.graph.file) {
    throw new DiptychError('MODEL_UNSUPPORTED', 'its towers are one graph; export them apart first', {
      input: name,
    });
  }
  const inside = await readdir(folder).catch(() => []);
  if (inside.length > 0 || resolve(folder) === resolve(source))
    throw new DiptychError('OUTPUT_EXISTS', 'the folder is not empty', { input: folder });
  const changed = new Map<string, Uint8Array>();
  for (const [side, adapter, tower] of [
    ['image', adapters.image ?? null, image],
    ['text', adapters.text ?? null, text],
  ] as const) {
    if (adapter === null) continue;
    if (tower === null)
      throw new DiptychError('MODEL_UNSUPPORTED', `this model has no ${side} tower`, { input: name });
    if (description.embeddingDim !== null && description.embeddingDim !== adapter.dim) {
      throw new DiptychError(
        'DIMENSION_MISMATCH',
        `the adapter is for ${String(adapter.dim)} numbers a row, the model gives ${String(description.embeddingDim)}`,
        { input: name },
      );
    }
    changed.set(resolve(tower.graph.file), await adaptedGraph(tower.graph, adapter));
  }
  const used = new Set(
    [image?.graph.file, text?.graph.file].flatMap((file) => file ?? []).map((file) => resolve(file)),
  );
  try {
    await makeFolder(folder);
    await cp(source, folder, {
      recursive: true,
      dereference: true,
      filter: (file) => {
        const isHidden = relative(source, file)
          .split(sep)
          .some((part) => part.startsWith('.'));
        const isGraph = basename(file).endsWith('.onnx');
        return !isHidden && (!isGraph || (used.has(resolve(file)) && !changed.has(resolve(file))));
      },
    });
  } catch (error) {
    throw toDiptychError(error, 'OUTPUT_FAILED', folder);
  }
  for (const [file, bytes] of changed)
    await writeFileAtomic(join(folder, relative(resolve(source), file)), bytes);
}
