import { InvalidArgumentError, Option, type Command, type OptionValues } from 'commander';
import { DiptychError } from '../errors.js';
import { GRAPH_DTYPES } from '../models/card.js';
import { isDevice, MAX_TIMEOUT_MS, type Device, type ModelOptions } from '../options.js';
import { TEXT_CLEANINGS } from '../text/types.js';

/** Typed access to what commander parsed. */
export class Flags {
  readonly #values: OptionValues;

  constructor(values: OptionValues) {
    this.#values = values;
  }

  #get(name: string): unknown {
    return this.#values[name];
  }

  /** Whether the flag was given or has a default. */
  has(name: string): boolean {
    return this.#get(name) !== undefined;
  }

  string(name: string): string | null {
    const value = this.#get(name);
    return typeof value === 'string' ? value : null;
  }

  number(name: string): number | null {
    const value = this.#get(name);
    return typeof value === 'number' ? value : null;
  }

  /** The values of a flag that may be given several times. */
  strings(name: string): string[] {
    const value = this.#get(name);
    return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
  }

  boolean(name: string): boolean {
    return this.#get(name) === true;
  }

  /** One of the choices that the option was declared with. */
  oneOf<T extends string>(name: string, ...choices: readonly T[]): T | null {
    const value = this.#get(name);
    return choices.find((choice) => choice === value) ?? null;
  }

  /** As {@link oneOf}, for an option with a default. */
  choice<T extends string>(name: string, ...choices: readonly [T, ...T[]]): T {
    return this.oneOf(name, ...choices) ?? choices[0];
  }
}

/** A commander parser for whole numbers from `least` on. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least && value <= most) return value;
    const range =
      most === Number.MAX_SAFE_INTEGER ? `at least ${String(least)}` : `${String(least)} to ${String(most)}`;
    throw new InvalidArgumentError(`Expected a whole number, ${range}.`);
  };
}

/** A commander parser for finite numbers. */
export function finiteNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Expected a number.');
}

/** A commander parser for positive numbers. */
export function positiveNumber(text: string): number {
  const value = finiteNumber(text);
  if (value > 0) return value;
  throw new InvalidArgumentError('Expected a number above 0.');
}

/** A time in seconds, of which milliseconds count. */
function timeoutSeconds(text: string): number {
  const value = positiveNumber(text);
  if (value >= 0.001 && value * 1000 <= MAX_TIMEOUT_MS) return value;
  throw new InvalidArgumentError('Expected seconds, at least 0.001.');
}

function deviceName(text: string): string {
  if (isDevice(text)) return text;
  throw new InvalidArgumentError('Expected auto, cpu, cuda, cuda:N or cuda:N,M for several GPUs.');
}

const batchSize = (text: string): number | 'auto' => (text === 'auto' ? text : wholeNumber(1, 65536)(text));

/** Flags that every command has. */
export function addOutputFlags(command: Command): Command {
  return command
    .option('--json', 'print the result as JSON on standard output')
    .addOption(
      new Option('--progress <how>', 'progress on standard error')
        .choices(['auto', 'bar', 'json', 'none'])
        .default('auto'),
    )
    .option('-q, --quiet', 'print nothing but results and errors')
    .option('-v, --verbose', 'print warnings in full, and the stack of an error');
}

/** Flags of every command that runs a model. Without `model` where the command has one of its own. */
export function addModelFlags(command: Command, defaultModel: string | null = 'diptych-mini'): Command {
  const model = new Option('-m, --model <name>', 'name of a model, or a model folder');
  if (defaultModel !== null) model.default(defaultModel);
  command
    .addOption(model)
    .addOption(
      new Option('--device <name>', 'auto, cpu, cuda, cuda:N or cuda:N,M')
        .argParser(deviceName)
        .default('auto'),
    )
    .addOption(
      new Option('--dtype <type>', 'which weights').choices(['auto', ...GRAPH_DTYPES]).default('auto'),
    )
    .addOption(
      new Option('--batch-size <n>', 'items per encoder run, or auto').argParser(batchSize).default('auto'),
    )
    .option('--workers <n>', 'decode threads (default: measured, at most all cores)', wholeNumber(1, 1024))
    .option('--threads <n>', 'encoder threads (default: measured, at most all cores)', wholeNumber(1, 1024));
  return addOutputFlags(command);
}

/** Flags of commands that read texts. */
export function addTextFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--text-cleaning <how>',
        "mending before the tokenizer; auto: as the model's official Python",
      )
        .choices([...TEXT_CLEANINGS])
        .default('auto'),
    )
    .addOption(
      new Option('--long-text <how>', 'texts beyond the context')
        .choices(['error', 'truncate', 'pool'])
        .default('truncate'),
    );
}

/** Flags of commands that read images. */
export function addImageFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--decode <how>', "exact: Pillow's pixels; fast: large JPEGs decoded smaller")
        .choices(['exact', 'fast'])
        .default('exact'),
    )
    .option('--auto-orient', "turn images by their EXIF orientation (the official Python doesn't)")
    .option('--icc', "convert colours to sRGB by the embedded profile (the official Python doesn't)")
    .option('--max-pixels <n>', 'larger images are refused', wholeNumber(1))
    .option('--max-bytes <n>', 'larger image files are refused', wholeNumber(1))
    .option('--image-timeout <seconds>', 'images that take longer to decode are refused', timeoutSeconds)
    .option('--allow-truncated', 'keep what is there of truncated images');
}

function device(flags: Flags): Device {
  const name = flags.string('device') ?? 'auto';
  if (isDevice(name)) return name;
  throw new DiptychError('BAD_OPTION', `expected auto, cpu, cuda, cuda:N or cuda:N,M, got ${name}`, {
    input: '--device',
  });
}

/** The limits on single images that were given. */
export function imageLimits(flags: Flags): Pick<ModelOptions, 'maxPixels' | 'maxBytes' | 'imageTimeoutMs'> {
  const [maxPixels, maxBytes, seconds] = [
    flags.number('maxPixels'),
    flags.number('maxBytes'),
    flags.number('imageTimeout'),
  ];
  return {
    ...(maxPixels === null ? {} : { maxPixels }),
    ...(maxBytes === null ? {} : { maxBytes }),
    ...(seconds === null ? {} : { imageTimeoutMs: Math.round(seconds * 1000) }),
  };
}

/** Options of loadModel from the flags. */
export function modelOptions(flags: Flags, onWarning: (message: string) => void): ModelOptions {
  const optional = <K extends string>(key: K, value: number | null): Partial<Record<K, number>> => {
    const result: Partial<Record<K, number>> = {};
    if (value !== null) result[key] = value;
    return result;
  };
  return {
    device: device(flags),
    dtype: flags.choice('dtype', 'auto', ...GRAPH_DTYPES),
    batchSize: flags.number('batchSize') ?? 'auto',
    ...optional('workers', flags.number('workers')),
    ...optional('threads', flags.number('threads')),
    ...imageLimits(flags),
    ...optional('logitScale', flags.number('logitScale')),
    ...optional('logitBias', flags.number('logitBias')),
    decode: flags.choice('decode', 'exact', 'fast'),
    autoOrient: flags.boolean('autoOrient'),
    icc: flags.boolean('icc'),
    allowTruncated: flags.boolean('allowTruncated'),
    textCleaning: flags.choice('textCleaning', ...TEXT_CLEANINGS),
    longText: flags.choice('longText', 'truncate', 'error', 'pool'),
    normalize: flags.has('normalize') ? flags.boolean('normalize') : true,
    onWarning,
  };
}
