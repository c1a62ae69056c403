import { DiptychError } from '../errors.js';
import { WireFile } from '../models/onnx/wire.js';

const UNIGRAM = 1;
const KIND = { unknown: 2, control: 3, defined: 4, unused: 5 } as const;

/** What a .model file of SentencePiece holds. */
export interface SentencePieceModel {
  /** By id, with the score; null for those that are never found in a text. */
  readonly pieces: ([string, number] | null)[];
  readonly defined: Set<string>;
  readonly ids: Map<string, number>;
  unknownId: number;
  unknownPiece: string;
  modelType: number;
  byteFallback: boolean;
  /** The normaliser's table, as it stands in the file. */
  charsMap: Buffer;
  dummyPrefix: boolean;
  removeExtraSpaces: boolean;
}

/**
 * Reads a unigram model; apart from the encoder, whose tables a model's description has no use for.
 * Throws MODEL_INVALID for a broken file, MODEL_UNSUPPORTED for one that is not a unigram model.
 */
export function readSentencePiece(file: string): SentencePieceModel {
  let spec: SentencePieceModel;
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
  return spec;
}

/** sentencepiece_model.proto: pieces (1), trainer_spec (2), normalizer_spec (3). */
function readSpec(wire: WireFile): SentencePieceModel {
  const spec: SentencePieceModel = {
    pieces: [],
    defined: new Set(),
    ids: new Map(),
    unknownId: 0,
    unknownPiece: '<unk>',
    modelType: UNIGRAM,
    byteFallback: false,
    charsMap: Buffer.alloc(0),
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
        if (part.number === 2) spec.charsMap = wire.bytes(part.start, part.end - part.start);
        if (part.number === 3) spec.dummyPrefix = part.value !== 0;
        if (part.number === 4) spec.removeExtraSpaces = part.value !== 0;
      }
    }
  }
  return spec;
}

function readPiece(wire: WireFile, start: number, end: number, spec: SentencePieceModel): void {
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
