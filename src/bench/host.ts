import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { DiptychError } from '../errors.js';
import {
  isFailed,
  isRecord,
  type HelloReply,
  type HostRequest,
  type OpenReply,
  type OutputReply,
  type RunReply,
} from './protocol.js';
import type { HostPlan, Params } from './types.js';

/** The folder of the package: bench/peers and package.json are found from here. */
export const packageRoot = fileURLToPath(new URL('../../', import.meta.url));

/** Thrown where an engine is not installed: the case lists it as absent and goes on. */
export class AbsentError extends Error {}

interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

function pythonOf(folder: string): string {
  const given = process.env['DIPTYCH_BENCH_PYTHON'];
  if (given !== undefined && given !== '') return given;
  const windows = join(folder, '.venv', 'Scripts', 'python.exe');
  return existsSync(windows) ? windows : join(folder, '.venv', 'bin', 'python');
}

function launch(plan: HostPlan): Launch {
  // Each engine's own name for its threads; without them numpy, torch and faiss take every core.
  const threads = String(plan.threads ?? 1);
  const env = {
    OMP_NUM_THREADS: threads,
    OPENBLAS_NUM_THREADS: threads,
    MKL_NUM_THREADS: threads,
    DIPTYCH_BENCH_THREADS: threads,
  };
  if (plan.kind === 'diptych') {
    const host = fileURLToPath(new URL('./subject-host.js', import.meta.url));
    const kernel = plan.kernel === undefined ? {} : { DIPTYCH_KERNEL: plan.kernel };
    return { command: process.execPath, args: ['--expose-gc', host], env: { ...env, ...kernel } };
  }
  const peers = join(packageRoot, 'bench', 'peers');
  if (plan.kind === 'node') {
    if (!existsSync(join(peers, 'node_modules'))) {
      throw new AbsentError('not installed: run `npm install` in bench/peers');
    }
    return {
      command: process.execPath,
      args: ['--expose-gc', join(peers, 'node', 'host.mjs'), plan.peer],
      env,
    };
  }
  const folder = join(peers, 'python');
  const python = pythonOf(folder);
  if (!existsSync(python)) throw new AbsentError('not installed: run `bash bench/peers/python/setup.sh`');
  return { command: python, args: [join(folder, 'host.py'), plan.peer], env };
}

/** Preset library settings would handicap a peer (a BLAS kernel picked for another CPU) or force our kernels. */
const REMOVED = ['OPENBLAS_CORETYPE', 'MKL_DEBUG_CPU_TYPE', 'MKL_ENABLE_INSTRUCTIONS', 'DIPTYCH_KERNEL'];

function environment(extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env };
  for (const name of REMOVED) Reflect.deleteProperty(env, name);
  return { ...env, ...extra };
}

interface Waiting {
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A process under measurement. Requests are answered one at a time, in order. */
export class Host {
  readonly versions: Readonly<Record<string, string>>;
  readonly #pipe: Pipe;
  #handles = 0;

  private constructor(pipe: Pipe, hello: HelloReply) {
    this.#pipe = pipe;
    this.versions = hello.versions;
  }

  /** @throws AbsentError where the engine is not installed. */
  static async start(plan: HostPlan): Promise<Host> {
    const pipe = new Pipe(launch(plan), plan.kind === 'diptych' ? 'diptych' : plan.peer);
    try {
      return new Host(pipe, await pipe.call<HelloReply>({ verb: 'hello' }, hasRecord('versions')));
    } catch (thrown) {
      await pipe.end();
      throw thrown;
    }
  }

  async open(job: string, params: Params): Promise<{ readonly handle: number; readonly settings: string }> {
    const handle = this.#handles++;
    const { settings } = await this.#pipe.call<OpenReply>(
      { verb: 'open', handle, job, params },
      hasString('settings'),
    );
    return { handle, settings };
  }

  run(handle: number, iterations: number): Promise<RunReply> {
    return this.#pipe.call<RunReply>({ verb: 'run', handle, iterations }, hasNumber('seconds'));
  }

  output(handle: number, file: string): Promise<OutputReply> {
    return this.#pipe.call<OutputReply>({ verb: 'output', handle, file }, hasString('dtype'));
  }

  async closeJob(handle: number): Promise<void> {
    await this.#pipe.call({ verb: 'close', handle }, isRecord);
  }

  /** Ends the process. Safe to call twice. */
  end(): Promise<void> {
    return this.#pipe.end();
  }
}

const hasKey =
  (type: string) =>
  (name: string) =>
  (reply: unknown): boolean =>
    isRecord(reply) && typeof reply[name] === type;
const hasString = hasKey('string');
const hasNumber = hasKey('number');
const hasRecord = hasKey('object');

class Pipe {
  readonly #child: ChildProcess;
  readonly #requests: Writable;
  readonly #name: string;
  readonly #ended: Promise<void>;
  #waiting: Waiting | null = null;
  #said = '';

  constructor({ command, args, env }: Launch, name: string) {
    this.#name = name;
    this.#child = spawn(command, args, {
      cwd: packageRoot,
      env: environment(env),
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    });
    const [, out, err, requests, replies] = this.#child.stdio;
    if (!isWritable(requests) || !isReadable(replies) || !isReadable(out) || !isReadable(err)) {
      throw new DiptychError('BAD_INPUT', 'the process has no pipes', { input: name });
    }
    this.#requests = requests;
    // A host that ended takes what was still being written with it: the exit is reported, not the broken pipe.
    requests.on('error', () => undefined);
    const keep = (chunk: unknown): void => {
      this.#said = (this.#said + String(chunk)).slice(-2000);
    };
    out.on('data', keep);
    err.on('data', keep);
    createInterface({ input: replies }).on('line', (line) => {
      const waiting = this.#waiting;
      this.#waiting = null;
      waiting?.resolve(parse(line));
    });
    this.#ended = new Promise((resolve) => {
      const over = (why: string): void => {
        this.#waiting?.reject(new Error(`${name} ended (${why}): ${this.#said.trim()}`));
        this.#waiting = null;
        resolve();
      };
      this.#child.once('error', (error) => {
        over(error.message);
      });
      this.#child.once('close', (code, signal) => {
        over(signal ?? `exit code ${String(code)}`);
      });
    });
  }

  async call<T>(request: HostRequest, valid: (reply: unknown) => boolean): Promise<T> {
    const reply = await new Promise<unknown>((resolve, reject) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        reject(new Error(`${this.#name} ended: ${this.#said.trim()}`));
        return;
      }
      this.#waiting = { resolve, reject };
      this.#requests.write(`${JSON.stringify(request)}\n`);
    });
    if (isFailed(reply)) {
      if (reply.absent) throw new AbsentError(reply.error);
      throw new Error(`${this.#name}: ${reply.error}`);
    }
    if (!valid(reply)) throw new Error(`${this.#name}: unexpected reply to ${request.verb}`);
    return reply as T;
  }

  async end(): Promise<void> {
    this.#requests.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await this.#ended;
    clearTimeout(timer);
  }
}

function isWritable(stream: unknown): stream is Writable {
  return isRecord(stream) && typeof stream['write'] === 'function';
}

function isReadable(stream: unknown): stream is Readable {
  return isRecord(stream) && typeof stream['on'] === 'function';
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
