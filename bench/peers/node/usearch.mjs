// usearch: its brute-force search over all rows (exactSearch), one thread.
import usearch from 'usearch';
import { readRows } from './rows.mjs';

export const versions = (version) => ({ usearch: version('usearch'), node: process.version });

export const jobs = {
  topk({ rows: rowsFile, queries: queriesFile, dim, count, k, threads }) {
    const corpus = readRows(rowsFile, dim);
    const queries = readRows(queriesFile, dim, count);
    let keys = new BigUint64Array(0);
    return {
      settings: `exactSearch, inner product, ${threads} thread(s)`,
      run() {
        ({ keys } = usearch.exactSearch(corpus.data, queries.data, dim, k, usearch.MetricKind.IP, threads));
      },
      output: () => ({ data: Int32Array.from(keys, Number), shape: [count, k] }),
    };
  },
};
