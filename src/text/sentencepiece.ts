import { DiptychError } from '../errors.js';
import { WireFile } from '../models/onnx/wire.js';
import type { Encoder } from './encoder.js';
import { CharsMap } from './json/charsmap.js';
import { cutBefore, keepsWords, MARK } from './pieces/cut.js';
import { Unigram } from './pieces/unigram.js';
import { collapse, lower, strip } from './python.js';

const UNIGRAM = 1;
const KIND = { unknown: 2, control: 3, defined: 4, unused: 5 } as const;
/** Python's string.punctuation. */
const PUNCTUATION = /[!-/:-@[-`{-~]/g;
const SPECIALS = /(<\/s>|<unk>)/;
const SPECIAL = /^(?:<\/s>|<unk>)$/;

interface Spec {
  readonly pieces: ([string, number] | null)[];
  readonly defined: Set<string>;
  readonly ids: Map<string, number>;
  unknownId: number;
  unknownPiece: string;
  modelType: number;
  byteFallback: boolean;
  charsMap: CharsMap;
  dummyPrefix: boolean;
  removeExtraSpaces: boolean;
}

/**
 * A SentencePiece unigram model as SigLIP's own Python tokenizer (transformers' SiglipTokenizer) drives it:
 * lower case, punctuation removed, white space collapsed; "<unk>" is put before the text and its tokens are
 * taken off again, so that leading marks survive; special tokens inside the text are recognised.
 * Throws MODEL_INVALID for a broken file, MODEL_UNSUPPORTED for one that is not a unigram model.
 */
export function loadSentencePiece(file: string): Encoder {
  let spec: Spec;
  let wire: WireFile | undefined;
  try {
    wire = new WireFile(file);
    spec = readSpec(wire);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DiptychError('MODEL_INVALID', `not a whole SentencePiece model (${why}); fetch it again`, {
      input: file,
      cause,
    });
  } finally {
    wire?.close();
  }
  if (spec.pieces.length === 0) {
    throw new DiptychError('MODEL_INVALID', 'holds no pieces; fetch the file again', { input: file });
  }
  if (spec.modelType !== UNIGRAM) {
    throw new DiptychError(
      'MODEL_UNSUPPORTED',
      'only unigram SentencePiece models are read from .model files',
      {
        input: file,
      },
    );
  }
  return new SentencePieceEncoder(spec);
}

/** sentencepiece_model.proto: pieces (1), trainer_spec (2), normalizer_spec (3). */
function readSpec(wire: WireFile): Spec {
  const spec: Spec = {
    pieces: [],
    defined: new Set(),
    ids: new Map(),
    unknownId: 0,
    unknownPiece: '<unk>',
    modelType: UNIGRAM,
    byteFallback: false,
    charsMap: new CharsMap(Buffer.alloc(0)),
    dummyPrefix: true,
    removeExtraSpaces: true,
  };
  for (const field of wire.fields(0, wire.size)) {
    if (field.number === 1) readPiece(wire, field.start, field.end, spec);
    if (field.number === 2) {
      for (const part of wire.fields(field.start, field.end)) {
        if (part.number === 3) spec.modelType = part.value;
        if (part.number === 35) spec.byteFallback = part.value !== 0;
      }
    }
    if (field.number === 3) {
      for (const part of wire.fields(field.start, field.end)) {
        if (part.number === 2) spec.charsMap = new CharsMap(wire.bytes(part.start, part.end - part.start));
        if (part.number === 3) spec.dummyPrefix = part.value !== 0;
        if (part.number === 4) spec.removeExtraSpaces = part.value !== 0;
      }
    }
  }
  return spec;
}

function readPiece(wire: WireFile, start: number, end: number, spec: Spec): void {
  let piece = '';
  let score = 0;
  let kind = 1;
  for (const part of wire.fields(start, end)) {
    if (part.number === 1) piece = wire.text(part);
    else if (part.number === 2) score = wire.bytes(part.start, 4).readFloatLE(0);
    else if (part.number === 3) kind = part.value;
  }
  const id = spec.pieces.length;
  spec.ids.set(piece, id);
  if (kind === KIND.unknown) {
    spec.unknownId = id;
    spec.unknownPiece = piece;
  }
  if (kind === KIND.defined) spec.defined.add(piece);
  const silent = kind === KIND.unknown || kind === KIND.control || kind === KIND.unused;
  spec.pieces.push(silent ? null : [piece, score]);
}

class SentencePieceEncoder implements Encoder {
  readonly before: readonly number[] = [];
  readonly after: readonly number[];
  readonly #spec: Spec;
  readonly #model: Unigram;
  readonly #end: number;
  readonly #prefixLength: number;
  readonly #byWord: boolean;
  readonly dropsRepeatedEnd = true;
  readonly largestId: number;

  constructor(spec: Spec) {
    this.#spec = spec;
    this.largestId = spec.pieces.length - 1;
    this.#model = new Unigram(spec.pieces, {
      unknownId: spec.unknownId,
      byteFallback: spec.byteFallback,
      fuseUnknown: true,
      defined: spec.defined,
    });
    this.#end = spec.ids.get('</s>') ?? spec.ids.get('<eos>') ?? 1;
    this.after = [this.#end];
    this.#byWord = keepsWords(spec.ids.keys());
    this.#prefixLength = this.#pieces(spec.unknownPiece).length;
  }

  idOf(token: string): number | undefined {
    return this.#spec.ids.get(token);
  }

  encode(text: string): readonly number[] {
    const ids: number[] = [];
    const [first, ...rest] = (MARK + text.replaceAll(MARK, ' '))
      .split(SPECIALS)
      .filter((part) => part !== '');
    if (first !== undefined) {
      const begun = this.#segment(first);
      // A lone mark before a special token is dropped.
      const lone = begun.length === 1 && begun[0] === this.#spec.ids.get(MARK);
      if (!lone || !SPECIAL.test(rest[0] ?? '')) ids.push(...begun);
    }
    for (const part of rest) ids.push(...this.#segment(part));
    return ids;
  }

  #segment(text: string): readonly number[] {
    if (SPECIAL.test(text)) return [this.#spec.ids.get(text) ?? this.#spec.unknownId];
    const clean = strip(collapse(lower(text).replace(PUNCTUATION, '')));
    const ids = this.#pieces(this.#spec.unknownPiece + clean);
    return ids.length >= this.#prefixLength ? ids.slice(this.#prefixLength) : ids;
  }

  #pieces(text: string): readonly number[] {
    let normal = this.#spec.charsMap.normalizeLongest(text);
    if (this.#spec.removeExtraSpaces) normal = normal.replace(/ +/g, ' ').replace(/^ | $/g, '');
    if (normal === '') return [];
    if (this.#spec.dummyPrefix) normal = ` ${normal}`;
    const marked = normal.replaceAll(' ', MARK);
    if (!this.#byWord) return this.#model.encode(marked);
    const ids: number[] = [];
    let unknown = false;
    for (const word of cutBefore(marked, MARK)) {
      const own = this.#model.encode(word);
      // Unknown characters on both sides of a cut would have been one unknown token.
      const from = unknown && own[0] === this.#spec.unknownId ? 1 : 0;
      for (let at = from; at < own.length; at++) ids.push(own[at] ?? 0);
      unknown = own.length > 0 && own[own.length - 1] === this.#spec.unknownId;
    }
    return ids;
  }
}
