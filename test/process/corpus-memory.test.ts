import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { repository } from '../support/command.js';
import { temporaryFolder } from '../support/temporary.js';

const library = JSON.stringify(join(repository, 'dist', 'index.js'));
const corpus = JSON.stringify(join(temporaryFolder(), 'large.corpus'));

/** The resident set is told by Linux. */
const onLinux = process.platform === 'linux' ? test : test.skip;

/** Rows that are the same twenty times over, so that they need not be in memory twenty times. */
const SHARED = `
  import { openCorpus, prepareCorpus, topK } from ${library};
  const dim = 512;
  const sample = (rows, seed) => ({
    data: Float32Array.from({ length: rows * dim }, (_, i) => Math.sin(i * (i + seed))), rows, dim,
  });
  const corpus = ${corpus};`;

async function run(program: string): Promise<unknown> {
  const given = ['--input-type=module', '-e', SHARED + program];
  const { stdout } = await promisify(execFile)(process.execPath, given);
  return JSON.parse(stdout);
}

onLinux('an opened corpus that is larger than its share of memory gives its pages back', async () => {
  const made = await run(`
    const rows = sample(25_000, 1);
    const made = await prepareCorpus(rows);
    for (let i = 1; i < 20; i++) await made.append(rows);
    await made.save(corpus);
    const hits = await topK(sample(64, 2), made, 30);
    console.log(JSON.stringify({ rows: made.rows, hits: Array.from(hits.indices) }));`);
  const opened = await run(`
    import { readFileSync, statSync } from 'node:fs';
    const status = () => readFileSync('/proc/self/status', 'utf8');
    const kibibytes = (name) => Number(new RegExp(name + ':\\\\s+(\\\\d+)').exec(status())?.[1]);
    const opened = openCorpus(corpus);
    const queries = sample(64, 2);
    const before = kibibytes('VmRSS');
    const hits = await topK(queries, opened, 30);
    for (const precision of ['fp32', 'int8', 'bf16']) await topK(queries, opened, 30, { precision });
    const grown = (kibibytes('VmHWM') - before) / 1024;
    const size = statSync(corpus).size / 2 ** 20;
    console.log(JSON.stringify({ rows: opened.rows, hits: Array.from(hits.indices), grown, size }));`);
  const { grown, size, ...answer } = opened as { grown: number; size: number };
  expect(answer).toEqual(made);
  expect(size).toBeGreaterThan(1100);
  expect(grown).toBeLessThan(700);
});
