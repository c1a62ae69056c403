// Similarity of any vectors: the best rows, near-duplicates, and a corpus that is kept on disk. No model is needed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cosineSimilarity, openCorpus, prepareCorpus, similarPairs, topK } from 'diptych';

const dim = 64;
/** Rows that differ, but that every hundredth is the first one, a little off. */
const data = Float32Array.from({ length: 1000 * dim }, (_, i) => {
  const row = Math.floor(i / dim);
  return row % 100 === 0 ? Math.sin(i % dim) + row * 1e-6 : Math.sin(i * i);
});
const rows = { data, rows: 1000, dim };
const queries = { data: data.subarray(0, 2 * dim), rows: 2, dim };

// The k best of each query, in the order of float64 arithmetic: those of query i begin at i * k.
const { indices, scores, k } = await topK(queries, rows, 3);
for (let query = 0; query < queries.rows; query++) {
  const best = Array.from(indices.subarray(query * k, (query + 1) * k));
  console.log(`query ${query}: rows ${best.join(', ')}, the first with ${scores[query * k]?.toFixed(3)}`);
}

// Every score, as a matrix of queries.rows * rows.rows numbers.
const matrix = await cosineSimilarity(queries, rows);
console.log(`matrix ${matrix.rows} x ${matrix.columns}`);

// A corpus is prepared once for many searches, grows, and can be kept in a file that is mapped when it is opened.
const folder = mkdtempSync(join(tmpdir(), 'diptych-example-'));
const corpus = await prepareCorpus(rows);
await corpus.append({ data: data.slice(0, dim), rows: 1, dim });
await corpus.save(join(folder, 'rows.corpus'));
const opened = openCorpus(join(folder, 'rows.corpus'));
const again = await topK(queries, opened, 1);
console.log(`${opened.rows} rows in the corpus, best ${again.indices.join(' and ')}`);

// All pairs of rows from a cosine on, each once, batch by batch.
let pairs = 0;
for await (const batch of similarPairs(opened, 0.999)) pairs += batch.rows.length;
console.log(`${pairs} pairs of near-duplicates`);
opened.close();
rmSync(folder, { recursive: true });
