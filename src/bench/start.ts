/** What the start-up suite times: `import` loads the package; `embed` goes on to one photo's embedding. */
import { loadModel } from '../engine.js';

const [, , what, model, file] = process.argv;
if (what === 'embed' && model !== undefined && file !== undefined) {
  const loaded = await loadModel(model, { onWarning: () => undefined });
  const { rows } = await loaded.embedImages([file]);
  await loaded.close();
  if (rows !== 1) throw new Error(`${file} did not become a row`);
}
