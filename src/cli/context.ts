import type { Readable, Writable } from 'node:stream';
import { DiptychError, toDiptychError } from '../errors.js';
import type { Failure } from '../pipeline/types.js';
import type { Flags } from './flags.js';
import { openProgress, type Progress } from './progress.js';

/** A stream that may be a terminal. */
export type TerminalStream = Writable & { readonly isTTY?: boolean };

/** The streams of a process. */
export interface Terminal {
  readonly stdin: Readable;
  readonly stdout: TerminalStream;
  readonly stderr: TerminalStream;
}

/** Characters of a long result that are written at a time. */
const PIECE = 1 << 16;

/** Inputs named per kind of notice before they are only counted. */
const NOTICES_SHOWN = 5;

/** What one command has at hand while it runs: its flags, where to print, when to stop. */
export class Context {
  readonly flags: Flags;
  readonly terminal: Terminal;
  /** Aborted by the first SIGINT or SIGTERM, unless {@link onInterrupt} takes it. */
  readonly signal: AbortSignal;
  readonly #controller: AbortController;
  readonly #warned = new Set<string>();
  readonly #notices = new Map<string, { inputs: string[]; count: number }>();
  #interrupt: (() => void) | null = null;
  #progress: Progress | null = null;

  constructor(flags: Flags, terminal: Terminal) {
    this.flags = flags;
    this.terminal = terminal;
    this.#controller = new AbortController();
    this.signal = this.#controller.signal;
  }

  get json(): boolean {
    return this.flags.boolean('json');
  }

  get quiet(): boolean {
    return this.flags.boolean('quiet');
  }

  /** Takes the first interruption; the next one aborts. */
  onInterrupt(handler: () => void): void {
    this.#interrupt = handler;
  }

  /** Called by the signal handlers. */
  interrupt(): void {
    const handler = this.#interrupt;
    this.#interrupt = null;
    if (handler === null) this.#controller.abort(new Error('interrupted'));
    else handler();
  }

  progress(what: string): Progress {
    const asked = this.flags.choice('progress', 'auto', 'bar', 'json', 'none');
    const mode = this.quiet && asked === 'auto' ? 'none' : asked;
    this.#progress = openProgress(mode, what, this.terminal.stderr);
    return this.#progress;
  }

  /** The same for work that tells how much of what it has done. */
  onProgress(what: string): (done: number, total: number) => void {
    const progress = this.progress(what);
    return (done, total) => {
      progress.total(total);
      progress.update({ done });
    };
  }

  endProgress(): void {
    this.#progress?.end();
    this.#progress = null;
  }

  /** A line of the result. */
  print(text: string): void {
    write(this.terminal.stdout, `${text}\n`);
  }

  /** The result as JSON: the only thing on standard output then. */
  printJson(value: unknown): void {
    write(this.terminal.stdout, `${JSON.stringify(value)}\n`);
  }

  /**
   * As {@link printJson} of `{ ...head, [name]: [...items] }`, piece by piece: a long list may not fit into one string.
   */
  async printJsonList(head: object, name: string, items: Iterable<unknown>): Promise<void> {
    const stream = this.terminal.stdout;
    // Without the two brackets at its end.
    let text = JSON.stringify({ ...head, [name]: [] }).slice(0, -2);
    let separator = '';
    for (const item of items) {
      text += `${separator}${JSON.stringify(item)}`;
      separator = ',';
      if (text.length < PIECE) continue;
      await written(stream, text);
      text = '';
    }
    await written(stream, `${text}]}\n`);
  }

  /** A line for the user beside the result; left out with --quiet. */
  note(text: string): void {
    if (!this.quiet) write(this.terminal.stderr, `${text}\n`);
  }

  /** A warning, once per text. */
  warn(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.note(`diptych: warning: ${message}`);
  }

  /** Something about one input that became a row all the same; shown by {@link endNotices}. */
  notice(input: string, message: string): void {
    const known = this.#notices.get(message) ?? { inputs: [], count: 0 };
    known.count++;
    if (known.inputs.length < NOTICES_SHOWN || this.flags.boolean('verbose')) known.inputs.push(input);
    this.#notices.set(message, known);
  }

  /** Shows the notices: the first few of a kind by name, the rest as a number. */
  endNotices(): void {
    for (const [message, { inputs, count }] of this.#notices) {
      for (const input of inputs) this.note(`diptych: warning: ${input}: ${message}`);
      if (count > inputs.length) {
        this.note(
          `diptych: warning: and ${String(count - inputs.length)} more: ${message} (--verbose names them)`,
        );
      }
    }
    this.#notices.clear();
  }

  /** Names every failed input; returns the exit code that follows. */
  reportFailures(failures: readonly Pick<Failure, 'input' | 'code' | 'message'>[]): 0 | 3 {
    this.endProgress();
    this.endNotices();
    for (const { input, code, message } of failures) {
      const prefix = message.startsWith(`${input}: `) ? '' : `${input}: `;
      write(this.terminal.stderr, `diptych: ${code}: ${prefix}${message}\n`);
    }
    return failures.length > 0 ? 3 : 0;
  }
}

/** Writes unless the reader has gone (see main.ts). */
function write(stream: Writable, text: string): void {
  if (!stream.destroyed && stream.writable) stream.write(text);
}

/** The same, and waits until the reader has taken what went before, or has gone. */
async function written(stream: Writable, text: string): Promise<void> {
  if (stream.destroyed || !stream.writable || stream.write(text)) return;
  const events = ['drain', 'close', 'error'] as const;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      for (const event of events) stream.off(event, done);
      resolve();
    };
    for (const event of events) stream.once(event, done);
  });
}

/** Prints an error as one line, with its stack when asked. Returns the exit code. */
export function printError(error: unknown, terminal: Terminal, verbose: boolean): number {
  const known = error instanceof DiptychError;
  const wrapped = toDiptychError(error, 'BAD_INPUT');
  const label = known ? wrapped.code : 'INTERNAL';
  const line = wrapped.message.replace(/\s*\n\s*/g, ' ');
  const advice = known ? '' : ' (this is a mistake in Diptych: please report it, with --verbose)';
  write(terminal.stderr, `diptych: ${label}: ${line}${advice}\n`);
  if (verbose && error instanceof Error) {
    write(terminal.stderr, `${error.stack ?? ''}\n`);
    if (error.cause instanceof Error) write(terminal.stderr, `caused by: ${error.cause.stack ?? ''}\n`);
  }
  if (!known) return 1;
  // 3 means "done, but some inputs failed": a command that could not go on has failed.
  return wrapped.exitCode === 3 ? 1 : wrapped.exitCode;
}
