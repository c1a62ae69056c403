// Exact search: the photos that fit a text best. topK never builds the whole matrix of scores.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { loadModel, topK } from 'diptych';

const folder = fileURLToPath(new URL('photos', import.meta.url));
const photos = readdirSync(folder).sort();

await using model = await loadModel();
const images = await model.embedImages(photos.map((name) => join(folder, name)));
const queries = ['a cup of coffee on a table', 'a rocket on its launch pad'];
const texts = await model.embedTexts(queries);
const { indices, scores, k } = await topK(texts, images, 2);

queries.forEach((query, row) => {
  console.log(`${query}:`);
  for (let rank = 0; rank < k; rank++) {
    const at = row * k + rank;
    console.log(`  ${(scores[at] ?? 0).toFixed(3)} ${photos[indices[at] ?? 0] ?? ''}`);
  }
});
