// npm run fuzz [-- --files N] [-- --seconds S] [-- --seed X]: mutated pictures through the decoders, under the
// address and undefined-behaviour sanitizers. Bounded: ten minutes or 200,000 files unless told otherwise.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '200000' },
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string', default: String(Date.now() % 1000000) },
  },
});

const run = (command, args, env = {}) => {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (error !== undefined) console.error(`${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
};

const configure = ['-DCMAKE_BUILD_TYPE=RelWithDebInfo', '-DDIPTYCH_ADDON=OFF', '-DDIPTYCH_FUZZ=ON'];
run('cmake', ['-S', '.', '-B', 'build-fuzz', ...configure, '-DDIPTYCH_SANITIZE=address,undefined']);
run('cmake', ['--build', 'build-fuzz', '--target', 'diptych_fuzz', '-j2']);

const turbo = dirname(createRequire(import.meta.url).resolve('@julusian/jpeg-turbo/package.json'));
const folders = ['images', 'bad', 'generated', 'attack', 'icc'].map((name) => join('test', 'fixtures', name));
console.log(`seed ${values.seed}`);
run('build-fuzz/diptych_fuzz', [values.files, values.seconds, values.seed, ...folders], {
  DIPTYCH_TURBOJPEG: join(turbo, 'prebuilds', `jpeg-turbo-linux-${process.arch}`, 'libturbojpeg.so.0'),
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
});
