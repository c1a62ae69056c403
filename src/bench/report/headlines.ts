import type { BenchRatio, BenchReport } from '../records.js';
import { ratio } from './format.js';
import { markdownTable } from './markdown.js';

/** What people compare engines by, ours ahead or not: the start of a case's name, and the ratio's. */
const HEADLINES: readonly (readonly [of: string, start: string, text: string])[] = [
  ['preprocess', 'JPEG 500x375', 'against sharp'],
  ['preprocess', 'JPEG 500x375', 'against transformers.js'],
  ['preprocess', 'JPEG 500x375', "against Pillow's official transform"],
  ['preprocess', 'JPEG 500x375', "against torchvision's tensor path"],
  ['preprocess', 'JPEG 12 MP', "fast against sharp's default"],
  ['tokenize', 'CLIP BPE', 'against transformers.js'],
  ['embed', 'encoder-bound', 'against transformers.js'],
  ['embed', 'encoder-bound', 'against Python onnxruntime and Pillow'],
  ['embed', 'decode-bound', 'against Python onnxruntime and Pillow'],
  ['similarity', 'top 10, 1 query', 'fp32 against faiss'],
  ['similarity', 'top 10, 64 queries', 'fp32 against faiss'],
  ['similarity', 'top 10, 1024 queries', 'fp32 against faiss'],
  ['similarity', 'top 10, 1024 queries', 'fp32 against usearch'],
  ['similarity', 'dense', 'against OpenBLAS'],
  ['similarity', 'dense', 'against MKL'],
];

/** A results file, as pages name it. */
export interface Source {
  readonly file: string;
  readonly report: BenchReport;
}

function row(one: BenchRatio): readonly string[] {
  const [low, high] = one.interval;
  return [
    one.suite,
    one.case,
    `${one.of} / ${one.over}`,
    ratio(one.value),
    `${ratio(low)} to ${ratio(high)}`,
  ];
}

/** The few ratios of several records that a first page shows, with where each record comes from. */
export function markdownHeadlines(sources: readonly Source[]): string {
  const lines = sources.map(({ file, report: { machine } }) => {
    const busy = machine.busy ? ', BUSY MACHINE' : '';
    return `- \`${file}\`: ${machine.cpu}, ${String(machine.cores)} cores, commit ${machine.commit ?? 'unknown'}${busy}`;
  });
  const ratios = sources.flatMap(({ report }) => report.ratios);
  const rows = HEADLINES.flatMap(([suite, start, text]) =>
    ratios.filter((one) => one.suite === suite && one.case.startsWith(start) && one.text === text).map(row),
  );
  const head = ['suite', 'case', 'speed of / over', 'ratio', '95 % interval'];
  return ['From:', '', ...lines, '', markdownTable({ title: '', head, rows }), ''].join('\n');
}
