#!/usr/bin/env node
// node bench/tasks/run.mjs CASE... [--python PYTHON] [--rounds N] [--cifar DIR] [--wide DIR] [--out FILE.json]
// The tasks' bars, ours beside the Python that people use. Cases: probe, losses, losses-clip, losses-siglip, matcher, kmeans, adapt (see
// cases.mjs), card (see card.mjs). Data are made here, seeded; results are compared before time is told. Each round measures ours and the
// peer next to each other. With --out, cases are put into a results file of `diptych bench`: those that are in it
// already are measured anew. PYTHON needs numpy and the peers: scikit-learn, torch, pyahocorasick, faiss-cpu.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { watchMachine } from '../../dist/bench/machine.js';
import { meets, parseReport } from '../../dist/bench/records.js';
import { median, medianInterval, pairedRatio } from '../../dist/bench/statistics.js';
import { CASES } from './cases.mjs';

const { values: flags, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    cifar: { type: 'string' },
    wide: { type: 'string' },
    out: { type: 'string' },
  },
});
const unknown = names.filter((name) => !(name in CASES));
if (names.length === 0 || unknown.length > 0) {
  console.error(
    `name cases of ${Object.keys(CASES).join(', ')}${unknown.length > 0 ? `, not ${unknown}` : ''}`,
  );
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'diptych-bench-'));
const context = {
  folder,
  python: flags.python ?? null,
  rounds: Number(flags.rounds),
  threads: Number(flags.threads),
  cifar: flags.cifar ?? null,
  wide: flags.wide ?? null,
  log: (text) => console.error(text),
};

/** A subject of a case as the record holds it; `values` in the order of the rounds. */
function result(name, one) {
  const { subject, role = 'own', unit, better, values, check = '', settings = '', versions = {} } = one;
  const middle = median(values);
  return {
    ...{ suite: 'tasks', case: name, subject, role, value: middle, unit, better },
    ...{
      min: Math.min(...values),
      median: middle,
      max: Math.max(...values),
      interval: medianInterval(values),
    },
    ...{ samples: values.length, values, check, settings, versions },
  };
}

/** of / over from samples of the same rounds; without `over`, what was measured against its bar. */
function ratio(name, { text, of, over, a, b = a.map(() => 1), ...bar }) {
  const found = pairedRatio(a, b);
  return {
    ...{ suite: 'tasks', case: name, kind: 'ratio', text, of, over, ...found, ...bar },
    met: meets(found.value, bar),
  };
}

const machineOf = watchMachine();
const made = { results: [], ratios: [], absent: [] };
try {
  for (const name of names) {
    for (const one of await CASES[name](context)) {
      made.results.push(...one.subjects.map((subject) => result(one.name, subject)));
      made.ratios.push(...one.ratios.map((each) => ratio(one.name, each)));
      const absent = (one.absent ?? []).map((each) => ({
        suite: 'tasks',
        case: one.name,
        kind: 'absent',
        ...each,
      }));
      made.absent.push(...absent);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const { case: name, subject, value, unit, min, max, check } of made.results)
  console.log(
    `${name}: ${subject}: ${value.toPrecision(4)} ${unit} (${min.toPrecision(4)} to ${max.toPrecision(4)}) ${check}`,
  );
for (const { case: name, text, of, over, value, met } of made.ratios)
  console.log(
    `${name}: ${text}: ${of} / ${over}: ${value.toPrecision(4)}${met === null ? '' : met ? ', bar met' : ', BAR NOT MET'}`,
  );
for (const { case: name, subject, reason } of made.absent) console.log(`${name}: ${subject}: ${reason}`);

if (flags.out !== undefined) {
  const measured = new Set([...made.results, ...made.absent].map((one) => one.case));
  const kept = existsSync(flags.out) ? parseReport(readFileSync(flags.out, 'utf8'), flags.out) : null;
  const join_ = (key) => [...(kept?.[key] ?? []).filter((one) => !measured.has(one.case)), ...made[key]];
  const { rounds, threads } = context;
  const settings = {
    ...{ smoke: false, seconds: 0, minSamples: rounds, sampleMs: 0, threads },
    model: null,
    images: null,
    peers: true,
  };
  const report = {
    machine: machineOf(),
    settings,
    results: join_('results'),
    ratios: join_('ratios'),
    absent: join_('absent'),
  };
  writeFileSync(flags.out, `${JSON.stringify(report, null, 1)}\n`);
}
