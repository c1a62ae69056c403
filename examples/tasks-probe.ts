// A linear probe with C chosen on a validation split, and a few-shot one, on features from anywhere.
import { fewShot, fitProbe, mersenne, probeAccuracy, sweepProbe, takeRows } from 'diptych';

const random = mersenne(1);
const dim = 16;
const labels = Array.from({ length: 300 }, (_, row) => row % 3);
const data = Float32Array.from(
  { length: labels.length * dim },
  (_, i) => random() + (i % dim === labels[Math.floor(i / dim)] ? 1 : 0),
);
const features = { data, rows: labels.length, dim };
const part = (from: number, to: number) => {
  const rows = labels.map((_, row) => row).slice(from, to);
  return { features: takeRows(features, rows), labels: rows.map((row) => labels[row] ?? 0) };
};
const [train, validation, test] = [part(0, 150), part(150, 200), part(200, 300)];

const { c, tried } = await sweepProbe(train, validation);
const probe = await fitProbe(train.features, train.labels, { c });
const accuracy = await probeAccuracy(probe, test.features, test.labels);
console.log(`${tried.length} values of C tried, test accuracy ${accuracy.toFixed(2)}`);

const rows = fewShot(train.labels, 4);
const few = await fitProbe(
  takeRows(train.features, rows),
  rows.map((row) => train.labels[row] ?? 0),
);
console.log(`4 rows a class: ${(await probeAccuracy(few, test.features, test.labels)).toFixed(2)}`);
