// Which of the labels does each photo show?
import { readFileSync } from 'node:fs';
import { classify, loadModel } from 'diptych';

const photos = ['cat', 'coffee', 'rocket'].map((name) => new URL(`photos/${name}.jpg`, import.meta.url));
const labels = readFileSync(new URL('labels.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n');

await using model = await loadModel('diptych-mini');
const { results, failures } = await classify(model, photos, labels, { top: 3 });

for (const { image, labels: best } of results) {
  const ranking = best.map(({ label, probability }) => `${label} ${(probability * 100).toFixed(0)}%`);
  console.log(`${image.split('/').at(-1) ?? image}: ${ranking.join(', ')}`);
}
for (const { input, code } of failures) console.error(`${input}: ${code}`);
