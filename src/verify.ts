import { Model } from './engine.js';
import { describeModel } from './models/describe.js';
import type { ModelDescription } from './models/card.js';
import { native } from './native/load.js';
import { parseModelOptions, parseOptions, read, type ModelOptions } from './options.js';
import { describeChecks, imageChecks, textChecks } from './tasks/verify/checks.js';
import { readReference, referenceChecks } from './tasks/verify/reference.js';
import type { Opener, Variation, VerifyReport } from './tasks/verify/types.js';

export interface VerifyOptions {
  /** JSON file with numbers of the official code (see docs/models-verify.md). */
  readonly reference?: string;
  /** Folder of the pictures that the reference names. Default: beside the file. */
  readonly images?: string;
  /** Encoder threads. Default: the cores this process may use. */
  readonly threads?: number;
}

/** The description with the preprocessing and the graphs of a variation. */
function varied(description: ModelDescription, { spec, graphs }: Variation): ModelDescription {
  const { image, text } = description;
  const graph = <G extends { readonly file: string }>(own: G, file: string | undefined): G =>
    file === undefined ? own : { ...own, file };
  return {
    ...description,
    image:
      image === null
        ? null
        : { ...image, spec: { ...image.spec, ...spec }, graph: graph(image.graph, graphs?.image) },
    text: text === null ? null : { ...text, graph: graph(text.graph, graphs?.text) },
  };
}

/**
 * Looks a model folder over: layout, contradictions, activation, token ids, norms, batch and order, agreement of its
 * dtypes, and, against a reference, which step differs. Throws what loadModel throws for a folder that cannot be opened.
 */
export async function verifyModel(name: string, given?: VerifyOptions): Promise<VerifyReport> {
  const options = parseOptions<{ reference: string | null; images: string | null; threads: number | null }>(
    given,
    { reference: read.string, images: read.string, threads: read.integer(1, 1024) },
    { reference: null, images: null, threads: null },
    'models verify',
  );
  const reference =
    options.reference === null ? null : await readReference(options.reference, options.images);
  const base: ModelOptions = {
    device: 'cpu',
    onWarning: () => undefined,
    ...(options.threads === null ? {} : { threads: options.threads }),
  };
  const open: Opener = async (variation = {}) => {
    const { textCleaning, dtype, batchSize, normalize } = variation;
    const description = await describeModel(name, {
      ...(dtype === undefined ? {} : { dtype }),
      ...(textCleaning === undefined ? {} : { textCleaning }),
    });
    const resolved = parseModelOptions(
      {
        ...base,
        ...(batchSize === undefined ? {} : { batchSize }),
        ...(normalize === undefined ? {} : { normalize }),
      },
      native().availableCores(),
    );
    return new Model(varied(description, variation), resolved);
  };
  const description = await describeModel(name, {});
  const subject = { description, open };
  const rows = [
    ...describeChecks(subject),
    ...(await imageChecks(subject)),
    ...(await textChecks(subject)),
    ...(reference === null ? [] : await referenceChecks(subject, reference)),
  ];
  return {
    model: description.name,
    folder: description.folder,
    family: description.family,
    layout: description.layout,
    rows,
    ok: rows.every(({ state }) => state !== 'fail'),
  };
}
