import { Option, type Command, type OptionValues } from 'commander';
import { DiptychError, toDiptychError } from '../errors.js';
import type { PreprocessSpec } from '../image/spec.js';
import type { NativePixelType } from '../native/image-binding.js';
import type { Failure } from '../pipeline/types.js';
import type { Context, Terminal } from './context.js';
import { addImageFlags, addModelFlags, type Flags, imageLimits, modelOptions } from './flags.js';
import { addUrlFlags, openItems } from './inputs.js';
import { runCommand, type ExitCode } from './run.js';

function isSpec(value: unknown): value is Partial<PreprocessSpec> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The spec of --spec (its keys are checked by preprocess), or null. */
function givenSpec({ flags }: Context): Partial<PreprocessSpec> | null {
  const text = flags.string('spec');
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw toDiptychError(cause, 'BAD_OPTION', '--spec');
  }
  if (isSpec(value)) return value;
  throw new DiptychError('BAD_OPTION', 'expected a JSON object, as {"size": 224}', { input: '--spec' });
}

async function modelSpec(context: Context): Promise<Partial<PreprocessSpec>> {
  const { loadModel } = await import('../engine.js');
  await using model = await loadModel(
    context.flags.string('model') ?? undefined,
    modelOptions(context.flags, (message) => {
      context.warn(message);
    }),
  );
  if (model.preprocessSpec !== null) return model.preprocessSpec;
  throw new DiptychError('MODEL_UNSUPPORTED', 'this model has no image tower', { input: model.name });
}

function pixelType(flags: Flags): NativePixelType {
  const dtype = flags.choice('outputDtype', 'fp32', 'fp16', 'bf16');
  if (!flags.boolean('uint8'))
    return ({ fp32: 'float32', fp16: 'float16', bf16: 'bfloat16' } as const)[dtype];
  if (dtype === 'fp32') return 'uint8';
  throw new DiptychError('BAD_OPTION', '--uint8 and --output-dtype exclude each other', { input: '--uint8' });
}

async function preprocessImages(context: Context, inputs: readonly string[]): Promise<ExitCode> {
  const { flags } = context;
  const spec = givenSpec(context) ?? (await modelSpec(context));
  const { preprocessToFile } = await import('../pipeline/preprocess-file.js');
  const progress = context.progress('preprocess');
  const result = await preprocessToFile(openItems(context, inputs, 'image'), flags.string('out') ?? '', {
    spec: {
      ...spec,
      ...(flags.boolean('autoOrient') ? { orient: true } : {}),
      ...(flags.boolean('icc') ? { icc: true } : {}),
    },
    output: pixelType(flags),
    workers: flags.number('workers'),
    decode: flags.choice('decode', 'exact', 'fast'),
    limits: imageLimits(flags),
    allowTruncated: flags.boolean('allowTruncated'),
    signal: context.signal,
    onProgress: (done, failed) => {
      progress.update({ done, failed });
    },
  });
  context.endProgress();
  for (const { input, message } of result.notices) context.notice(input, message);
  const failures: readonly Failure[] = result.failures;
  if (context.json) context.printJson({ shape: result.shape, failed: failures.length });
  else if (!context.quiet) context.print(`${flags.string('out') ?? ''}: shape (${result.shape.join(', ')})`);
  return context.reportFailures(failures);
}

export function registerPreprocess(program: Command, terminal: Terminal): void {
  const command = program
    .command('preprocess')
    .description('the tensor, as the model sees it, to a .npy file')
    .argument('<image...>', 'image files, folders, globs, URLs, lists, tars')
    .requiredOption('-o, --out <file.npy>', 'floats [n, 3, h, w], or uint8 [n, h, w, 3] with --uint8')
    .option('--spec <json>', "a PreprocessSpec instead of the model's own; missing keys take CLIP's values")
    .option('--uint8', 'the pixels after resize and crop, before scaling')
    .addOption(
      new Option('--output-dtype <type>', 'type of the values; bf16: the bits, as uint16')
        .choices(['fp32', 'fp16', 'bf16'])
        .default('fp32'),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ diptych preprocess cat.jpg --out cat.npy
  $ diptych preprocess photos/ --out pixels.npy --uint8 --spec '{"size": 336}'
  $ diptych preprocess cat.jpg --out x.npy --spec '{"size": 256, "resizeMode": "squash", "interpolation": "bilinear"}'

An image that cannot be read has no row; it is named, and the exit code is 3.`,
    );
  addImageFlags(addUrlFlags(addModelFlags(command)));
  command.action((inputs: string[], values: OptionValues) =>
    runCommand(values, terminal, (context) => preprocessImages(context, inputs)),
  );
}
