/**
 * The process that runs Diptych's side of a benchmark: reads requests (protocol.ts) on descriptor 3 and
 * answers on 4, so that nothing a library prints can get in between.
 */
import { writeFileSync } from 'node:fs';
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { hrtime } from 'node:process';
import { outputDtype, type Job } from './job.js';
import { jobs, versions } from './jobs/index.js';
import type { HostReply, HostRequest } from './protocol.js';

const open = new Map<number, Job>();

function jobOf(handle: number): Job {
  const job = open.get(handle);
  if (job === undefined) throw new Error(`no job is open under handle ${String(handle)}`);
  return job;
}

async function runJob(job: Job, iterations: number): Promise<HostReply> {
  let own = 0;
  const before = process.cpuUsage();
  const start = hrtime.bigint();
  for (let i = 0; i < iterations; i++) {
    const pending = job.run();
    // Awaiting a synchronous job would add a microtask to each iteration.
    if (pending !== undefined) await pending;
    if (job.seconds !== undefined) own += job.seconds();
  }
  const wall = Number(hrtime.bigint() - start) / 1e9;
  const used = process.cpuUsage(before);
  const cpu = (used.user + used.system) / 1e6;
  const times = job.seconds === undefined ? { seconds: wall, cpu } : { seconds: own, wall };
  return job.value === undefined ? times : { ...times, value: await job.value() };
}

async function answer(request: HostRequest): Promise<HostReply> {
  if (request.verb === 'hello') return { versions: versions(), jobs: Object.keys(jobs) };
  if (request.verb === 'open') {
    const factory = jobs[request.job];
    if (factory === undefined) return { error: `there is no job called ${request.job}`, absent: false };
    const job = await factory(request.params);
    open.set(request.handle, job);
    return { settings: job.settings };
  }
  const job = jobOf(request.handle);
  if (request.verb === 'run') return runJob(job, request.iterations);
  if (request.verb === 'output') {
    await job.run();
    if (job.output === undefined) return { error: 'this job has no output to compare', absent: false };
    const { data, shape } = await job.output();
    writeFileSync(request.file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return { dtype: outputDtype(data), shape };
  }
  await job.close?.();
  open.delete(request.handle);
  return {};
}

const replies = createWriteStream('', { fd: 4 });
for await (const line of createInterface({ input: createReadStream('', { fd: 3 }) })) {
  let reply: HostReply;
  try {
    const request: HostRequest = JSON.parse(line) as HostRequest;
    reply = await answer(request);
  } catch (thrown) {
    reply = { error: thrown instanceof Error ? thrown.message : String(thrown), absent: false };
  }
  replies.write(`${JSON.stringify(reply)}\n`);
}
for (const job of open.values()) await job.close?.();
