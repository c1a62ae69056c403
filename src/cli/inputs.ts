import { tmpdir } from 'node:os';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { InputKind } from '../input/item.js';
import { inputItems, type Share, type SourceOptions } from '../pipeline/item-source.js';
import type { InputItem } from '../input/item.js';
import type { Context } from './context.js';
import { wholeNumber } from './flags.js';

/** Flags of commands that read many inputs. */
export function addUrlFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--url-timeout <seconds>', 'for the whole of one fetch')
        .argParser(wholeNumber(1))
        .default(20),
    )
    .addOption(
      new Option('--url-concurrency <n>', 'fetches at once').argParser(wholeNumber(1, 256)).default(16),
    )
    .option('--allow-private-urls', 'also fetch from this machine and its private networks');
}

/** "2/8": the third of eight shares. */
export function parseShare(text: string): string {
  const match = /^(\d+)\/(\d+)$/.exec(text);
  if (match !== null && Number(match[2]) > 0 && Number(match[1]) < Number(match[2])) return text;
  throw new InvalidArgumentError('Expected I/N with I from 0 to N-1, as 0/4.');
}

function share(text: string | null): Share | null {
  if (text === null) return null;
  const [index, of] = text.split('/').map(Number);
  return { index: index ?? 0, of: of ?? 1 };
}

/** The inputs of a command as a stream of items. `ended`: aborted once nobody waits for them any more. */
export function openItems(
  context: Context,
  inputs: readonly string[],
  kind: InputKind,
  scratch: string = tmpdir(),
  ended?: AbortSignal,
): AsyncIterable<InputItem> {
  const { flags } = context;
  const options: SourceOptions = {
    kind,
    columns: { image: flags.string('imageColumn'), text: flags.string('textColumn') },
    stdin: context.terminal.stdin,
    scratch,
    share: share(flags.string('shard')),
    concurrency: flags.number('urlConcurrency') ?? 16,
    timeoutMs: (flags.number('urlTimeout') ?? 20) * 1000,
    maxBytes: flags.number('maxBytes'),
    allowPrivateUrls: flags.boolean('allowPrivateUrls'),
    signal: ended === undefined ? context.signal : AbortSignal.any([context.signal, ended]),
  };
  return inputItems(inputs, options);
}
