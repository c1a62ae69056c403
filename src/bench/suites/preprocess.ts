import { largePhoto, ownPhotos, photo, photos, pngPhoto } from '../data.js';
import { native } from '../../native/load.js';
import type { Bar, BenchSettings, CasePlan, HostPlan, Params, SubjectPlan, Suite } from '../types.js';

/** CLIP's own numbers, for the peers; ours takes them by default. */
const CLIP: Params = {
  size: 224,
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
};

const diptych = (name: string, params: Params, kernel?: string): SubjectPlan => ({
  name,
  role: 'own',
  host: { kind: 'diptych', threads: 1, ...(kernel === undefined ? {} : { kernel }) },
  job: 'preprocess',
  params: { threads: 1, ...params },
  expect: 'same',
});

function peer(name: string, host: HostPlan, job: string, params: Params): SubjectPlan {
  return {
    name,
    role: 'peer',
    host,
    job,
    params: { ...CLIP, ...params },
    expect: job === 'decode' ? 'skip' : 'noted',
  };
}

const node = (name: string): HostPlan => ({ kind: 'node', peer: name, threads: 1 });
const python = (name: string): HostPlan => ({ kind: 'python', peer: name, threads: 1 });

function decodeOnly(files: readonly string[]): SubjectPlan {
  return {
    name: 'decode only',
    role: 'limit',
    host: { kind: 'diptych', threads: 1 },
    job: 'decode',
    params: { files },
    expect: 'skip',
  };
}

const DECODE_LIMIT = { subject: 'decode only', cost: 1, text: 'share of decoding alone' };

/** What the project holds itself to at one size of JPEG. */
interface Wanted {
  readonly overDecode: number | null;
  readonly simplejpeg: number;
  readonly tensor: number;
  readonly official: number;
  readonly small: boolean;
}

function bars(wanted: Wanted, threads: number): Bar[] {
  const own = { of: 'diptych', quantity: 'rate' } as const;
  const official = { ...own, atLeast: wanted.official };
  return [
    {
      text: 'whole path against decoding alone',
      of: 'diptych',
      over: 'decode only',
      quantity: 'time',
      ...(wanted.overDecode === null ? {} : { atMost: wanted.overDecode }),
    },
    {
      ...own,
      text: "against simplejpeg's decoding alone",
      over: 'simplejpeg decode only',
      atLeast: wanted.simplejpeg,
    },
    {
      ...own,
      text: "against torchvision's tensor path",
      over: 'torchvision tensors',
      atLeast: wanted.tensor,
    },
    { ...official, text: "against Pillow's official transform", over: 'CLIP transform (Pillow)' },
    { ...official, text: 'against Pillow and numpy', over: 'pillow' },
    ...(wanted.small
      ? ([
          { ...own, text: 'against sharp', over: 'sharp', atLeast: 3.5 },
          { ...own, text: 'against transformers.js', over: 'transformers.js', atLeast: 10 },
        ] as const)
      : ([
          {
            of: 'diptych fast',
            over: 'sharp (shrink-on-load)',
            quantity: 'rate',
            text: "fast against sharp's default",
            atLeast: 1.3,
          },
        ] as const)),
    ...(threads > 1
      ? [
          {
            ...own,
            of: `diptych x${String(threads)}`,
            over: 'diptych',
            text: `${String(threads)} threads against 1`,
            atLeast: 0.95 * threads,
          },
        ]
      : []),
  ];
}

/** JPEG files to CLIP's tensor beside every peer. */
function jpegCase(name: string, files: readonly string[], wanted: Wanted, threads: number): CasePlan {
  const many: SubjectPlan[] =
    threads > 1
      ? [
          {
            ...diptych(`diptych x${String(threads)}`, { files: [...files, ...files], threads }),
            work: 2 * files.length,
            expect: 'skip',
          },
        ]
      : [];
  return {
    suite: 'preprocess',
    name,
    unit: 'images/s',
    quantity: 'rate',
    work: files.length,
    subjects: [
      diptych('diptych', { files }),
      decodeOnly(files),
      { ...diptych('diptych fast', { files, decode: 'fast' }), expect: 'noted' },
      ...many,
      peer('simplejpeg decode only', python('simplejpeg'), 'decode', { files }),
      peer('pillow decode only', python('pillow'), 'decode', { files }),
      peer('sharp decode only', node('sharp'), 'decode', { files }),
      peer('torchvision tensors', python('torchvision'), 'preprocess', { files }),
      peer('CLIP transform (Pillow)', python('torchvision'), 'official', { files }),
      peer('pillow', python('pillow'), 'preprocess', { files }),
      peer('sharp', node('sharp'), 'preprocess', { files, decode: 'exact' }),
      peer('sharp (shrink-on-load)', node('sharp'), 'preprocess', { files, decode: 'fast' }),
      peer('transformers.js', node('transformers'), 'preprocess', { files }),
    ],
    // Pillow's numpy floats differ from ours in the last bit; its pixels may not (1/255/std is 0.015).
    check: { kind: 'close', reference: 'diptych', tolerance: 1e-6 },
    bars: bars(wanted, threads),
    limits: [DECODE_LIMIT],
  };
}

/** Our own path alone, per format and rule. */
function ownCase(name: string, file: string, spec: Params | null): CasePlan {
  const files = [file];
  return {
    suite: 'preprocess',
    name,
    unit: 'images/s',
    quantity: 'rate',
    work: 1,
    subjects: [diptych('diptych', { files, ...(spec === null ? {} : { spec }) }), decodeOnly(files)],
    check: null,
    bars: [],
    limits: [DECODE_LIMIT],
  };
}

/** The same work by every kernel family that runs here: results must be the same to the bit. */
function kernelCase(files: readonly string[]): CasePlan {
  const kernels = native()
    .cpuInfo()
    .kernels.filter((kernel) => kernel !== 'amx');
  return {
    suite: 'preprocess',
    name: 'kernels: JPEG 640x480',
    unit: 'images/s',
    quantity: 'rate',
    work: files.length,
    subjects: kernels.map((kernel) => diptych(kernel, { files }, kernel)),
    check: { kind: 'exact', reference: 'reference' },
    bars: [],
    limits: [],
  };
}

const RULES: readonly (readonly [string, Params])[] = [
  ['openai crop, RGB after', { rgb: 'after', cropRounding: 'half-even' }],
  ['squash bicubic 224', { resizeMode: 'squash', centerCrop: false }],
  ['squash bilinear 384', { size: 384, resizeMode: 'squash', centerCrop: false, interpolation: 'bilinear' }],
  ['shortest bicubic 336', { size: 336 }],
];

/** Sixteen pictures a call, as a batch has: fewer, and the clock measures how fast a thread wakes up. */
const BATCH = 16;
const batch = (files: readonly string[]): readonly string[] =>
  Array.from({ length: BATCH }, (_, i) => files[i % files.length] ?? '');

const SMALL: Wanted = { overDecode: null, simplejpeg: 0.85, tensor: 2, official: 3, small: true };

async function plan({ images, scratch, threads, smoke }: BenchSettings): Promise<readonly CasePlan[]> {
  if (images !== null) {
    const { files, leftOut } = await ownPhotos(images);
    const name = `your photos (${String(files.length)})`;
    const many = files.length < BATCH ? batch(files) : files;
    const plan = jpegCase(name, many, { ...SMALL, small: false }, threads);
    // What the project holds itself to is about its own photos.
    const bars = plan.bars.map(({ text, of, over, quantity }) => ({ text, of, over, quantity }));
    return [{ ...plan, bars, leftOut }];
  }
  const [large, png] = await Promise.all([smoke ? null : largePhoto(scratch), pngPhoto(scratch)]);
  const medium = photos('640x480');
  const formats: readonly (readonly [string, string])[] = [
    ['PNG 640x480', png],
    ['WebP 640x480', photo('coffee-640x480.webp')],
    ['progressive JPEG 640x480', photo('coffee-640x480-progressive.jpg')],
    ['JPEG 4:4:4 640x480', photo('coffee-640x480-444.jpg')],
    ['gray JPEG 640x480', photo('coffee-640x480-gray.jpg')],
  ];
  return [
    jpegCase('JPEG 500x375', batch(photos('500x375')), SMALL, threads),
    jpegCase('JPEG 640x480', batch(medium), { ...SMALL, overDecode: 1.12 }, threads),
    ...(large === null
      ? []
      : [
          jpegCase(
            'JPEG 12 MP',
            [large],
            { overDecode: 1.06, simplejpeg: 1, tensor: 1.2, official: 2.2, small: false },
            threads,
          ),
        ]),
    ...formats.map(([name, file]) => ownCase(`format: ${name}`, file, null)),
    ...RULES.map(([name, spec]) => ownCase(`rule: ${name}`, photo('coffee-640x480.jpg'), spec)),
    kernelCase(medium),
  ];
}

/** Files in memory to CLIP's tensor. */
export const preprocessSuite: Suite = { name: 'preprocess', title: 'Images to tensors', plan };
