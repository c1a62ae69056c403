// npm run sanitize:threads [-- --rounds N]: the thread pool's tests under the thread sanitizer, many times over, since
// a race may need the right moment. Any report ends it with an error.
import { parseArgs } from 'node:util';

import { main, run, step } from './lib/run.mjs';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '50' } } });
const folder = 'build-threads';

await main(async () => {
  await step('build', async () => {
    const options = ['-DCMAKE_BUILD_TYPE=RelWithDebInfo', '-DDIPTYCH_ADDON=OFF', '-DDIPTYCH_TESTS=ON'];
    await run('cmake', ['-S', '.', '-B', folder, ...options, '-DDIPTYCH_SANITIZE=thread']);
    await run('cmake', ['--build', folder, '--target', 'diptych_pool_tests', '-j2']);
  });
  await step(`${values.rounds} rounds`, async () => {
    for (let round = 0; round < Number(values.rounds); round++) {
      await run(`${folder}/diptych_pool_tests`, [], { env: { TSAN_OPTIONS: 'halt_on_error=1' } });
    }
  });
});
