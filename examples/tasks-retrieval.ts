// Recall both ways, with several captions an image, under the names of CLIP_benchmark.
import { benchmarkMetrics, evaluateRetrieval, loadModel } from 'diptych';

const photo = (name: string): string => new URL(`photos/${name}.jpg`, import.meta.url).pathname;
const captions = {
  cat: ['a photo of a cat', 'a tabby looking at the camera'],
  coffee: ['a cup of coffee'],
  rocket: ['a rocket on its launch pad', 'a spacecraft before it starts'],
};
await using model = await loadModel('diptych-mini');
const found = await evaluateRetrieval(
  model,
  Object.entries(captions).map(([name, texts]) => ({ name, image: photo(name), captions: texts })),
  { recallK: [1, 3] },
);
for (const [name, value] of Object.entries(benchmarkMetrics(found.metrics))) {
  console.log(`${name}: ${value.toFixed(2)}`);
}
