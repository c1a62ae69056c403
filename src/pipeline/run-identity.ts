import { existsSync } from 'node:fs';
import path from 'node:path';
import type { ModelDescription } from '../models/card.js';
import { fingerprint, type RunIdentity } from '../output/run-file.js';

/** The files that decide a model's embeddings. */
function modelFiles(description: ModelDescription): string[] {
  const { image, text } = description;
  const files = [image?.graph.file, text?.graph.file, ...Object.values(text?.plan.files ?? {})];
  const present = files.filter((file): file is string => file !== undefined && existsSync(file));
  return [...new Set(present)].sort();
}

/** What run.json says of model, files and options. A run can only be taken up by one of the same identity. */
export async function runIdentity(
  description: ModelDescription,
  options: Readonly<Record<string, unknown>>,
): Promise<RunIdentity> {
  const files: Record<string, { bytes: number; sha256: string }> = {};
  for (const file of modelFiles(description)) {
    const name = path.relative(description.folder, file).split(path.sep).join('/');
    files[name] = await fingerprint(file);
  }
  const { name, family, layout, embeddingDim, logitScale, logitBias, logitScaleSource } = description;
  return {
    model: { name, family, layout, files, embeddingDim, logitScale, logitBias, logitScaleSource },
    options,
  };
}
