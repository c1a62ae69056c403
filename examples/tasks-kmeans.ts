// Clusters, exact and by mini-batches, and a sample in which every cluster counts the same.
import { assignClusters, balancedSample, kMeans, mersenne, miniBatchKMeans } from 'diptych';

const random = mersenne(3);
const [rows, dim] = [600, 8];
const data = Float32Array.from(
  { length: rows * dim },
  (_, i) => random() + (i % dim === Math.floor(i / dim) % 3 ? 10 : 0),
);
const features = { data, rows, dim };
const { sizes } = await kMeans(features, { clusters: 3 });
console.log(`exact: clusters of ${[...sizes].join(', ')} rows`);

function* batches() {
  for (let from = 0; from < rows; from += 100) {
    yield { data: data.slice(from * dim, (from + 100) * dim), rows: 100, dim };
  }
}
const { centroids } = await miniBatchKMeans(batches(), { clusters: 3 });
const { labels } = await assignClusters(features, centroids);
console.log(`balanced sample: ${balancedSample(labels, 5).length} rows`);
