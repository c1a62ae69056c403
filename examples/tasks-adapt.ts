// Adapting the images' side to pairs of one's own: the loss before and after.
import { adapt, applyAdapter, clipLoss, mersenne } from 'diptych';

const random = mersenne(2);
const [rows, dim] = [200, 8];
const texts = { data: Float32Array.from({ length: 4 * dim }, () => random() - 0.5), rows: 4, dim };
const labels = Array.from({ length: rows }, (_, row) => row % 4);
// The images lie where another class's text is: zero-shot is always wrong.
const data = Float32Array.from({ length: rows * dim }, (_, i) => {
  const wrong = ((labels[Math.floor(i / dim)] ?? 0) + 1) % 4;
  return (texts.data[wrong * dim + (i % dim)] ?? 0) + (random() - 0.5) / 10;
});
const images = { data, rows, dim };
const { adapter, before, accuracy } = await adapt(images, labels, texts, { hidden: 32, learningRate: 0.01 });
console.log(`validation accuracy ${before.toFixed(2)} before, ${accuracy.toFixed(2)} after`);

const four = (all: { data: Float32Array }) => ({ data: all.data.slice(0, 4 * dim), rows: 4, dim });
const adapted = await applyAdapter(adapter, images);
const [first, last] = [
  await clipLoss(four(images), texts, { logitScale: 10 }),
  await clipLoss(four(adapted), texts, { logitScale: 10, gradients: true }),
];
console.log(
  `contrastive loss falls: ${last.loss < first.loss}, gradients of ${last.gradients?.images.length} numbers`,
);
