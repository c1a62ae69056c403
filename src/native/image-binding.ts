/** PreprocessSpec as numbers: see native/bind/preprocess.cpp. */
export interface NativeSpec {
  readonly height: number;
  readonly width: number;
  readonly resizeMode: 'shortest' | 'squash' | 'longest';
  readonly resizeHeight: number;
  readonly resizeWidth: number;
  readonly interpolation: string;
  readonly centerCrop: boolean;
  readonly cropRounding: 'floor' | 'half-even';
  readonly rgb: 'before' | 'after';
  readonly transparency: 'keep' | 'white' | 'blend';
  readonly fill: readonly [number, number, number];
  readonly rescale: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly orient: boolean;
  readonly icc: boolean;
}

export interface NativeImageOptions {
  /** Decode threads this call may use. */
  readonly workers: number;
  readonly decode: 'exact' | 'fast';
  readonly maxPixels: number;
  readonly maxBytes: number;
  /** Milliseconds one picture may take; 0 is no limit. */
  readonly imageTimeoutMs: number;
  /** Keep what is there of a truncated image instead of an error. */
  readonly allowTruncated: boolean;
}

/** What a slot of the batch holds: three planes, normalised, or interleaved bytes. */
export type NativePixelType = 'float32' | 'float16' | 'bfloat16' | 'uint8';

/** One entry per item, in order. A failed item leaves its slot zero. */
export type NativeImageReport =
  | {
      readonly ok: true;
      /** As stored, before any orientation. */
      readonly width: number;
      readonly height: number;
      readonly format: string;
      /** Decoded at 1/scale (decode: fast); else 1. */
      readonly scale: number;
      readonly warning?: string;
    }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Decoded pixels: width x height x 3 bytes, RGB, row after row. */
export interface RawImage {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export interface ImageBinding {
  /**
   * Decodes, resizes, crops and writes item i into slot i of `out`: Float32Array [n, 3, h, w] normalised,
   * Uint16Array the same in float16 or bfloat16, or Uint8Array [n, h, w, 3], as `options.output` says. Items are paths (read on the pool), the bytes
   * of a file, or raw pixels; they must not be changed or transferred before the promise settles.
   * Runs on the addon's own threads; `cancel` is an Int32Array of one element, set to 1 to stop early (the
   * promise is then rejected with ABORTED).
   */
  preprocess(
    items: readonly (Uint8Array | string | RawImage)[],
    spec: NativeSpec,
    options: NativeImageOptions & { readonly output: NativePixelType },
    out: Float32Array | Uint16Array | Uint8Array,
    cancel: Int32Array | null,
  ): Promise<NativeImageReport[]>;
  /** Versions and files of the decoders in use. */
  decoderInfo(): { readonly vips: string; readonly jpeg: string };
  /** Where libturbojpeg may be, best first. Has an effect before the first picture only; see load.ts. */
  setTurboJpegPaths(paths: readonly string[]): void;
}
