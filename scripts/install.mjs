// npm's install script. As somebody's dependency the addon is built here; in a checkout of Diptych itself
// `npm ci` is one step of scripts/setup.mjs, which builds the addon afterwards, so nothing is done.
import { realpathSync } from 'node:fs';
import { buildNative } from './lib/build.mjs';
import { root } from './lib/paths.mjs';
import { main } from './lib/run.mjs';
import { checkNode } from './lib/toolchain.mjs';

const startedIn = process.env.INIT_CWD;
const isCheckout = startedIn !== undefined && realpathSync(startedIn) === realpathSync(root);
if (!isCheckout) {
  await main(async () => {
    checkNode();
    await buildNative();
  });
}
