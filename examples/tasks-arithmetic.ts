// The way from one set of prompts to another, rows moved along it, and crops of one picture as one row.
import { direction, loadModel, moveAlong, multiCrop, rankCandidates } from 'diptych';

await using model = await loadModel('diptych-mini');
const way = direction(
  await model.embedTexts(['a cat', 'a kitten']),
  await model.embedTexts(['a rocket', 'a spacecraft']),
);
const photo = new URL('photos/cat.jpg', import.meta.url).pathname;
const { features } = await multiCrop(model, [photo], { crops: 5 });
const labels = ['a cat', 'a rocket', 'a cup of coffee'];
const texts = await model.embedTexts(labels);
for (const amount of [0, 2]) {
  const [best] = rankCandidates(moveAlong(features, way, amount), texts);
  console.log(`moved by ${amount}: ${labels[best?.index ?? 0]}`);
}
