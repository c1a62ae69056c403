// Set-up, then the main job on the bundled model and photos: zero-shot classification, the image x text similarity
// matrix (printed, and as a heat map), embeddings on disk, and the rate of each stage.
import { mkdir, readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { main } from './lib/run.mjs';
import { root } from './lib/paths.mjs';
import { setup } from './setup.mjs';

const PHOTOS = path.join('examples', 'photos');
const OUTPUT = 'demo-output';
/** Photos embedded for the rates: enough that the start of the encoder does not count. */
const ROUNDS = 4;

const lines = async (file) => (await readFile(file, 'utf8')).split('\n').filter((line) => line.trim() !== '');

function heading(number, text, command) {
  process.stdout.write(`\n${number}. ${text}\n   $ ${command}\n\n`);
}

await main(async () => {
  const began = performance.now();
  await setup();
  process.chdir(root);
  const dist = (name) => import(new URL(`../dist/${name}.js`, import.meta.url));
  const { loadModel, classify, cosineSimilarity } = await dist('index');
  const { score, shorten, table } = await dist('cli/table');
  const { saveScores } = await dist('pipeline/compare');
  const { rowsInMemory } = await dist('pipeline/row-source');
  const { embedFiles } = await dist('pipeline/embed-files');
  const { runIdentity } = await dist('pipeline/run-identity');
  const { openInputs } = await dist('input/open');
  const { onnxRuntime } = await dist('session/cuda/status');
  await mkdir(OUTPUT, { recursive: true });
  const photos = (await readdir(PHOTOS)).sort().map((name) => path.join(PHOTOS, name));
  const labels = await lines(path.join('examples', 'labels.txt'));
  const texts = await lines(path.join('examples', 'texts.txt'));
  const name = (photo) => path.basename(photo, '.jpg');

  const model = await loadModel();
  try {
    heading(
      1,
      `What is in these photos? (${labels.length} labels to choose from)`,
      'npx diptych classify examples/photos --labels-file examples/labels.txt',
    );
    const { results } = await classify(model, photos, labels, { top: 3 });
    const cell = ({ label, probability }) => `${label} ${(probability * 100).toFixed(0)}%`;
    const rows = results.map(({ image, labels: best }) => [name(image), ...best.map(cell)]);
    process.stdout.write(`${table(['photo', 'first', 'second', 'third'], rows)}\n`);

    heading(
      2,
      'How well does each text fit each photo? (cosine similarity)',
      'npx diptych similarity examples/photos examples/texts.txt --out similarity.png',
    );
    const images = await model.embedImages(photos);
    const captions = await model.embedTexts(texts);
    const matrix = await cosineSimilarity(images, captions);
    const cosines = photos.map((photo, row) => [
      name(photo),
      ...texts.map((_, column) => score(matrix.data[row * matrix.columns + column], 2)),
    ]);
    process.stdout.write(`${table(['', ...texts.map((text) => shorten(text, 16))], cosines)}\n`);
    const heatMap = path.join(OUTPUT, 'similarity.png');
    const names = { rows: photos.map(name), columns: texts };
    await saveScores(
      rowsInMemory(images),
      rowsInMemory(captions),
      { file: heatMap, format: 'png', names },
      {},
    );
    process.stdout.write(`heat map: ${heatMap}\n`);

    const folder = path.join(OUTPUT, 'embeddings');
    const inputs = [PHOTOS, path.join('examples', 'texts.txt')];
    heading(3, 'Embeddings on disk', `npx diptych embed ${inputs.join(' ')} --out ${folder} --overwrite`);
    const columns = { image: null, text: null };
    const { state } = await embedFiles(
      model,
      openInputs(inputs, { kind: 'auto', columns, stdin: process.stdin }),
      {
        folder,
        existing: 'overwrite',
        format: 'npy',
        dtype: 'fp32',
        shardSize: 10_000,
        onError: 'skip',
        maxFailures: Infinity,
        identity: await runIdentity(model.description, { model: model.name, inputs }),
        versions: { node: process.version, onnxruntime: onnxRuntime().version },
      },
    );
    for (const { shape, rows: count, files } of state.parts) {
      process.stdout.write(`${count} ${shape}s of ${state.dim} numbers: ${files.join(', ')}\n`);
    }
    process.stdout.write(`in ${folder}, with run.json; try: npx diptych search "a cat" --in ${folder}\n`);

    heading(4, 'How fast is each stage here?', 'npm run bench');
    const before = { ...model.seconds };
    const many = Array.from({ length: ROUNDS }, () => photos).flat();
    const start = performance.now();
    await model.embedImages(many);
    const seconds = (performance.now() - start) / 1000;
    const rate = (stage) => (many.length / (model.seconds[stage] - before[stage])).toFixed(1);
    const stages = [
      ['decode, resize, normalise', rate('preprocess')],
      ['encode', rate('encode')],
      ['all, overlapped', (many.length / seconds).toFixed(1)],
    ];
    process.stdout.write(`${table(['stage', 'images/s'], stages)}\n`);
  } finally {
    await model.close();
  }
  process.stdout.write(`\ndone in ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
});
