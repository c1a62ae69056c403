import path from 'node:path';
import { root } from './paths.mjs';

/**
 * Which folder of src/ may import from which: doors -> engine -> tasks -> pipeline -> stages -> native.
 * A folder may import from its own rank's siblings only where that is listed in SIDEWAYS.
 */
const RANK = {
  cli: 6,
  server: 6,
  queue: 6,
  index: 5,
  verify: 4.7,
  engine: 4.5,
  bench: 5,
  tasks: 4,
  jobs: 4,
  pipeline: 3,
  input: 2,
  text: 2,
  image: 2,
  models: 2,
  session: 2,
  similarity: 2,
  output: 2,
  native: 1,
  options: 0,
  folders: 0,
  errors: 0,
};

/** `models` describes what the image and text stages do; types.ts and card.ts files hold types only. */
const SIDEWAYS = [
  ['models', 'image'],
  ['models', 'text'],
  ['models', 'session'],
  ['text', 'models'],
  ['output', 'session'],
  ['input', 'output'],
  ['options', 'errors'],
  ['folders', 'errors'],
];

const source = path.join(root, 'src');

/** First folder below src/, or the file's name for files right in it. */
function partOf(file) {
  const [first] = path.relative(source, file).split(path.sep);
  return first.replace(/\.(ts|js)$/, '');
}

/** ESLint rule: imports point one way, from the doors to the addon (docs/architecture.md). */
export const importDirection = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const from = partOf(context.filename);
    const check = (node) => {
      // A type costs nothing at run time and cannot make a cycle there.
      if (node.importKind === 'type' || node.exportKind === 'type') return;
      const target = node.source?.value;
      if (typeof target !== 'string' || !target.startsWith('.')) return;
      const to = partOf(path.resolve(path.dirname(context.filename), target));
      if (to === from) return;
      if (!(to in RANK) || !(from in RANK)) {
        context.report({ node, message: `${to in RANK ? from : to} has no rank in import-direction.mjs` });
      } else if (RANK[to] >= RANK[from] && !SIDEWAYS.some(([a, b]) => a === from && b === to)) {
        context.report({
          node,
          message: `src/${from} must not import from src/${to} (docs/architecture.md)`,
        });
      }
    };
    return { ImportDeclaration: check, ExportNamedDeclaration: check, ExportAllDeclaration: check };
  },
};
