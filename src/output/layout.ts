import path from 'node:path';

/** The two kinds of vectors that a part may hold. */
export type Tower = 'image' | 'text';
/** How a part's vectors are stored. */
export type OutputFormat = 'npy' | 'parquet' | 'jsonl';

export const RUN_FILE = 'run.json';
export const FAILURES_FILE = 'failures.jsonl';
/** Folders that a run makes: the only ones that --overwrite removes. */
export const FOLDERS = ['img_emb', 'text_emb', 'metadata', 'embeddings'] as const;

export const vectorColumn = (tower: Tower): string => `${tower}_embedding`;

/** Paths of part `part` in the layout that clip-retrieval made common. */
export function partFiles(folder: string, part: number): Record<Tower | 'metadata', string> {
  return {
    image: path.join(folder, 'img_emb', `img_emb_${String(part)}.npy`),
    text: path.join(folder, 'text_emb', `text_emb_${String(part)}.npy`),
    metadata: path.join(folder, 'metadata', `metadata_${String(part)}.parquet`),
  };
}

/** Path of part `part` where metadata and vectors share a file. */
export function joinedFile(folder: string, part: number, format: 'parquet' | 'jsonl'): string {
  return path.join(folder, 'embeddings', `embeddings_${String(part)}.${format}`);
}
