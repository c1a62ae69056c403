// A classifier from prompts: several names for one class, and how adding a class moves the predictions.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { buildClassifier, labelMoves, loadModel } from 'diptych';

const folder = fileURLToPath(new URL('photos', import.meta.url));
const photos = readdirSync(folder).sort();

await using model = await loadModel('diptych-mini');
const images = await model.embedImages(photos.map((name) => join(folder, name)));
const few = await buildClassifier(model, [['cat', 'kitten'], 'rocket'], 'openai');
const more = await buildClassifier(model, [['cat', 'kitten'], 'rocket', 'cup of coffee'], 'openai');
const [before, after] = [await model.logits(images, few), await model.logits(images, more)];
const { moved, moves } = labelMoves(
  { scores: before, labels: few.labels },
  { scores: after, labels: more.labels },
);
console.log(`${(moved * 100).toFixed(0)}% of the photos get another label`);
for (const { from, to, count } of moves) console.log(`${from} -> ${to}: ${count}`);
