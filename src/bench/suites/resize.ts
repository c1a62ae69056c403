import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { native } from '../../native/load.js';
import { randomGenerator } from '../statistics.js';
import type { BenchSettings, CasePlan, SubjectPlan, Suite } from '../types.js';

const SIZES = [
  { width: 800, height: 600, toWidth: 336, toHeight: 252 },
  { width: 1920, height: 1080, toWidth: 398, toHeight: 224 },
  { width: 4032, height: 3024, toWidth: 299, toHeight: 224 },
  { width: 200, height: 150, toWidth: 299, toHeight: 224 },
] as const;

/** Pictures a call: with one, the clock measures how fast a thread wakes up. */
const PICTURES = 8;

async function sizeCase(size: (typeof SIZES)[number], scratch: string): Promise<CasePlan> {
  const { width, height, toWidth, toHeight } = size;
  const random = randomGenerator(width);
  const pixels = join(scratch, `pixels-${String(width)}x${String(height)}.rgb`);
  await writeFile(
    pixels,
    Uint8Array.from({ length: width * height * 3 }, () => Math.floor(random() * 256)),
  );
  const params = { ...size, pixels };
  const kernels = native()
    .cpuInfo()
    .kernels.filter((kernel) => kernel !== 'amx');
  const own = kernels.map((kernel): SubjectPlan => ({
    name: kernel,
    role: 'own',
    host: { kind: 'diptych', threads: 1, kernel },
    job: 'resize',
    params: { ...params, pictures: PICTURES },
    work: PICTURES,
    expect: 'same',
  }));
  const wide = kernels.filter((kernel) => kernel !== 'reference');
  return {
    suite: 'resize',
    name: `${String(width)}x${String(height)} -> ${String(toWidth)}x${String(toHeight)} bicubic`,
    unit: 'images/s',
    quantity: 'rate',
    work: 1,
    subjects: [
      {
        name: 'pillow',
        role: 'peer',
        host: { kind: 'python', peer: 'pillow', threads: 1 },
        job: 'resize',
        params,
        expect: 'same',
      },
      ...own,
    ],
    check: { kind: 'exact', reference: 'reference' },
    bars: wide.map((kernel) => ({
      text: `${kernel} against Pillow's resize`,
      of: kernel,
      over: 'pillow',
      quantity: 'rate',
      ...(width === 800 ? { atLeast: 6 } : {}),
    })),
    limits: [],
  };
}

async function plan({ scratch, smoke }: BenchSettings): Promise<readonly CasePlan[]> {
  const wanted = smoke ? SIZES.filter((size) => size.width <= 800) : SIZES;
  return Promise.all(wanted.map((size) => sizeCase(size, scratch)));
}

/** Resizing alone, of noise: Pillow's bicubic by every kernel family, checked to the bit. */
export const resizeSuite: Suite = { name: 'resize', title: 'Resize', plan };
