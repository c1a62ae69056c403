// A process that runs one Node.js peer: reads requests on descriptor 3, answers on 4 (src/bench/protocol.ts).
import { createReadStream, createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [, , peer] = process.argv;
const DTYPES = new Map([
  ['Float32Array', 'float32'],
  ['Int32Array', 'int32'],
  ['Uint8Array', 'uint8'],
]);

/** Version of an installed package, read from its package.json. */
export function version(name) {
  const file = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')).version;
}

let loaded;
let problem;
try {
  loaded = await import(`./${peer}.mjs`);
} catch (error) {
  problem = error.message;
}

const open = new Map();

async function answer({ verb, handle, job: name, params, iterations, file }) {
  if (loaded === undefined) return { error: `${peer} does not load: ${problem}`, absent: true };
  if (verb === 'hello') return { versions: await loaded.versions(version), jobs: Object.keys(loaded.jobs) };
  if (verb === 'open') {
    const factory = loaded.jobs[name];
    if (factory === undefined) return { error: `${peer} has no ${name}`, absent: true };
    const job = await factory(params);
    open.set(handle, job);
    return { settings: job.settings };
  }
  const job = open.get(handle);
  if (job === undefined) return { error: `no job is open under handle ${handle}`, absent: false };
  if (verb === 'run') {
    const start = process.hrtime.bigint();
    for (let i = 0; i < iterations; i++) await job.run();
    return { seconds: Number(process.hrtime.bigint() - start) / 1e9 };
  }
  if (verb === 'output') {
    await job.run();
    const { data, shape } = await job.output();
    writeFileSync(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return { dtype: DTYPES.get(data.constructor.name), shape };
  }
  await job.close?.();
  open.delete(handle);
  return {};
}

const replies = createWriteStream('', { fd: 4 });
for await (const line of createInterface({ input: createReadStream('', { fd: 3 }) })) {
  let reply;
  try {
    reply = await answer(JSON.parse(line));
  } catch (error) {
    reply = { error: error.message, absent: false };
  }
  replies.write(`${JSON.stringify(reply)}\n`);
}
