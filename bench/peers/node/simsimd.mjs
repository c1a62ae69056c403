// simsimd: one distance a call; top-k is a loop over all pairs in JavaScript, as its users write it.
import simsimd from 'simsimd';
import { readRows } from './rows.mjs';

export const versions = (version) => ({ simsimd: version('simsimd'), node: process.version });

export const jobs = {
  topk({ rows: rowsFile, queries: queriesFile, dim, count, k }) {
    const corpus = readRows(rowsFile, dim);
    const queries = readRows(queriesFile, dim, count);
    const views = Array.from({ length: corpus.rows }, (_, i) => corpus.data.subarray(i * dim, (i + 1) * dim));
    const indices = new Int32Array(count * k);
    return {
      settings: 'simsimd.inner for each pair, bounded insertion for the k best',
      run() {
        for (let q = 0; q < count; q++) {
          const query = queries.data.subarray(q * dim, (q + 1) * dim);
          const best = [];
          let least = -Infinity;
          for (let i = 0; i < views.length; i++) {
            const score = simsimd.inner(query, views[i]);
            if (best.length === k && score <= least) continue;
            let at = best.length;
            while (at > 0 && best[at - 1].score < score) at--;
            best.splice(at, 0, { score, i });
            if (best.length > k) best.pop();
            if (best.length === k) least = best[k - 1].score;
          }
          best.forEach(({ i }, rank) => (indices[q * k + rank] = i));
        }
      },
      output: () => ({ data: indices, shape: [count, k] }),
    };
  },
};
