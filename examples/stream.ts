// Any number of images and texts with bounded memory: a source that is read as fast as it is embedded.
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { loadModel, type StreamItem } from 'diptych';

async function* source(): AsyncGenerator<StreamItem> {
  const folder = fileURLToPath(new URL('photos', import.meta.url));
  for (const name of (await readdir(folder)).sort()) yield { image: join(folder, name) };
  yield { image: join(folder, 'is-not-there.jpg') };
  yield { text: 'a photo of a cat' };
}

await using model = await loadModel('diptych-mini', { batchSize: 4 });
for await (const { kind, rows, dim, indices, failures } of model.embedStream(source())) {
  if (rows > 0)
    console.log(`${String(rows)} ${kind}s of ${String(dim)} numbers: inputs ${indices.join(', ')}`);
  for (const { index, code } of failures) console.log(`input ${String(index)}: ${code}`);
}
