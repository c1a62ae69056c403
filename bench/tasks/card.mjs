// What docs/models/diptych-mini.md says of the bundled model's accuracy: each case is one command, its figures are what
// the command prints. They need what training/prepare.py has fetched to training/cache; `wide` is the model with float32
// weights (training/build.py --wide).
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cache = join('training', 'cache');

const EVAL = {
  'top-1': 'acc1',
  'top-5': 'acc5',
  'mean recall': 'mean_per_class_recall',
  'calibration error': 'ece',
};
const FOUND = [1, 5, 10].flatMap((k) => [
  [`name of a picture, R@${k}`, `text_retrieval_recall@${k}`],
  [`picture of a name, R@${k}`, `image_retrieval_recall@${k}`],
]);

const WORDINGS = { name: 'bare names', photo: 'a photo of a', simple: 'six wordings' };

const words = ({ metrics }) => Object.entries(WORDINGS).map(([key, subject]) => [subject, metrics[key].top1]);

const photos = ({ metrics }) =>
  Object.entries(metrics).map(([key, best]) => {
    const [first] = Object.entries(best);
    return [`${key}: ${first[0]}`, first[1]];
  });

const everyday = ({ metrics }) =>
  Object.entries(metrics).flatMap(([key, { right, pictures, top1, interval }]) => [
    [key, top1],
    [`${key}, right`, right],
    [`${key}, of`, pictures],
    [`${key}, at least`, interval[0]],
    [`${key}, at most`, interval[1]],
  ]);

const agreement = ({ metrics }) =>
  Object.entries(metrics).flatMap(([variant, found]) => [
    [`${variant}: CIFAR-10 top-1`, found.cifar_top1],
    ...['photos', 'drawings', 'texts'].map((what) => [
      `${variant}: cosine of ${what}`,
      found[`${what}_mean_cosine`],
    ]),
  ]);

/** Cases of the card; where Python, the fetched parts or the wide model are missing, those that need them are absent. */
export function card({ python, wide, log }) {
  const sources = existsSync(join(root, cache)) ? cache : null;
  const evaluate = (...args) => [python, [join('training', 'evaluate.py'), ...args]];
  const diptych = (...args) => [
    process.execPath,
    [join('dist', 'cli', 'main.js'), 'eval', ...args, '--json'],
  ];
  const npm = (name) => join(cache, 'npm', name, 'package');
  const told =
    (keys) =>
    ({ metrics }) =>
      keys.map(([subject, key]) => [subject, metrics[key]]);
  const cases = [
    [
      'CIFAR-10, 10,000 test pictures, bare names',
      [sources],
      diptych('cifar10', '--data', npm('cifar10'), '--templates', 'none'),
      told(Object.entries(EVAL)),
    ],
    ['Twemoji among 1,911 names', [sources], diptych('emoji', '--data', npm('twemoji')), told(FOUND)],
    ['ordinary photos among thirty words', [python, sources], evaluate('everyday'), everyday],
    ['photographic cut-outs among thirty words', [python, sources], evaluate('stamps'), words],
    ["GCompris' animals among thirty words", [python, sources], evaluate('animals'), words],
    ["scikit-image's photos among twenty words", [python], evaluate('photos'), photos],
    [
      'variants against float32 weights',
      [python, sources, wide],
      evaluate('agreement', '--wide', wide ?? '', '--limit', '300'),
      agreement,
    ],
    [
      'variants against float32 sums',
      [python, sources],
      evaluate('agreement', '--wide', join('models', 'diptych-mini'), '--limit', '300'),
      agreement,
    ],
  ];
  return cases.map(([name, needs, [command, args], pick]) => {
    if (needs.includes(null)) {
      const reason = 'needs --python, training/cache or --wide';
      return { name, subjects: [], ratios: [], absent: [{ subject: 'diptych-mini', reason }] };
    }
    log(`  ${name}`);
    const text = execFileSync(command, args, {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const settings = [
      command === python ? 'python' : 'diptych',
      ...args.slice(command === python ? 0 : 1),
    ].join(' ');
    const subjects = pick(JSON.parse(text)).map(([subject, value]) => ({
      ...{ subject, unit: 'of 1', better: 'higher', values: [value] },
      settings: settings.replaceAll(wide ?? '\0', 'WIDE'),
    }));
    return { name, subjects, ratios: [] };
  });
}
