import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { neededLibraries, readOnlyData } from '#diptych/session/cuda/elf.js';
import { cudaFolders, cudaMajor, findCudaLibraries, wheelFor } from '#diptych/session/cuda/libraries.js';
import { cudaStatus, onnxRuntime, providerFolder } from '#diptych/session/cuda/status.js';
import { installCuda } from '#diptych/session/cuda/install.js';
import { DiptychError } from '#diptych/errors.js';
import { chooseDevices, plainCudaError } from '#diptych/session/providers.js';

const PROVIDER = 'libonnxruntime_providers_cuda.so';
const SHARED = 'libonnxruntime_providers_shared.so';

/** A minimal shared object that needs `names`: header, two program headers, dynamic table, strings. */
function elfThatNeeds(names: readonly string[]): Buffer {
  const strings = Buffer.from(`\0${names.map((name) => `${name}\0`).join('')}`, 'latin1');
  const dynamicAt = 64 + 2 * 56;
  const dynamicSize = (names.length + 3) * 16;
  const stringsAt = dynamicAt + dynamicSize;
  const base = 0x400000n;
  const file = Buffer.alloc(stringsAt + strings.length);
  file.writeUInt32BE(0x7f454c46, 0);
  file.set([2, 1, 1], 4);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(2, 56);
  const segment = (at: number, type: number, offset: number, size: number): void => {
    file.writeUInt32LE(type, at);
    file.writeBigUInt64LE(BigInt(offset), at + 8);
    file.writeBigUInt64LE(base + BigInt(offset), at + 16);
    file.writeBigUInt64LE(BigInt(size), at + 32);
  };
  segment(64, 1, 0, file.length);
  segment(64 + 56, 2, dynamicAt, dynamicSize);
  let at = dynamicAt;
  const tag = (name: number, value: bigint): void => {
    file.writeBigUInt64LE(BigInt(name), at);
    file.writeBigUInt64LE(value, at + 8);
    at += 16;
  };
  let offset = 1;
  for (const name of names) {
    tag(1, BigInt(offset));
    offset += name.length + 1;
  }
  tag(5, base + BigInt(stringsAt));
  tag(10, BigInt(strings.length));
  tag(0, 0n);
  strings.copy(file, stringsAt);
  return file;
}

/** The same with a table of sections and constants, as ONNX Runtime's provider has its version among them. */
function providerOf(version: string, names: readonly string[]): Buffer {
  const object = elfThatNeeds(names);
  const constants = Buffer.from(`\0cuDNN\0${version}\0`, 'latin1');
  const strings = Buffer.from('\0.rodata\0.shstrtab\0', 'latin1');
  const sections = Buffer.alloc(3 * 64);
  const section = (at: number, name: number, offset: number, size: number): void => {
    sections.writeUInt32LE(name, at);
    sections.writeBigUInt64LE(BigInt(offset), at + 24);
    sections.writeBigUInt64LE(BigInt(size), at + 32);
  };
  section(64, 1, object.length, constants.length);
  section(128, 9, object.length + constants.length, strings.length);
  object.writeBigUInt64LE(BigInt(object.length + constants.length + strings.length), 40);
  object.writeUInt16LE(64, 58);
  object.writeUInt16LE(3, 60);
  object.writeUInt16LE(2, 62);
  return Buffer.concat([object, constants, strings, sections]);
}

describe('CUDA libraries', () => {
  let root: string;
  const put = (path: string, needs: readonly string[]): string => {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, elfThatNeeds(needs));
    return file;
  };
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'diptych-cuda-'));
    put(`provider/${SHARED}`, ['libc.so.6']);
    put(`provider/${PROVIDER}`, ['libcublas.so.12', 'libcudnn.so.9', 'libc.so.6']);
    put('usr/local/cuda-12.8/lib64/libcublas.so.12', ['libcublasLt.so.12']);
    put('usr/local/cuda-12.8/lib64/libcublasLt.so.12', []);
    put('venv/lib/python3.11/site-packages/nvidia/cudnn/lib/libcudnn.so.9', ['libcublas.so.12']);
  });
  afterAll(() => {
    rmSync(root, { recursive: true });
  });

  test('a real shared library tells what it needs', () => {
    const needed = neededLibraries(join(providerFolder(), 'onnxruntime_binding.node'));
    expect(needed).toContain('libonnxruntime.so.1');
    expect(neededLibraries(join(root, 'provider', PROVIDER))).toEqual([
      'libcublas.so.12',
      'libcudnn.so.9',
      'libc.so.6',
    ]);
    writeFileSync(
      join(root, 'text.so'),
      'not a library, but long enough to have a header of sixty-four bytes or more',
    );
    expect(neededLibraries(join(root, 'text.so'))).toBeNull();
  });

  test('are found through toolkits and Python wheels, each after what it needs', () => {
    const surroundings = { environment: { VIRTUAL_ENV: join(root, 'venv') }, root };
    const { found, missing } = findCudaLibraries(join(root, 'provider', PROVIDER), surroundings);
    expect(missing).toEqual([]);
    expect(found.map((path) => path.slice(root.length))).toEqual([
      '/usr/local/cuda-12.8/lib64/libcublasLt.so.12',
      '/usr/local/cuda-12.8/lib64/libcublas.so.12',
      '/venv/lib/python3.11/site-packages/nvidia/cudnn/lib/libcudnn.so.9',
    ]);
  });

  test('DIPTYCH_CUDA_PATH comes first', () => {
    const own = join(root, 'usr/local/cuda-12.8/lib64');
    expect(cudaFolders({ environment: { DIPTYCH_CUDA_PATH: own, LD_LIBRARY_PATH: root }, root })[0]).toBe(
      own,
    );
  });

  const status = (environment: Record<string, string>, folder = join(root, 'provider')) =>
    cudaStatus(folder, { environment, root });

  test('every reason why CUDA cannot be used comes with its mend', () => {
    if (process.platform !== 'linux' || process.arch !== 'x64') return;
    expect(status({}, join(root, 'usr'))).toMatchObject({
      usable: false,
      reason: expect.stringContaining('diptych cuda install'),
    });
    expect(status({})).toMatchObject({ usable: false, reason: expect.stringContaining('no NVIDIA driver') });
    mkdirSync(join(root, 'proc/driver/nvidia'), { recursive: true });
    writeFileSync(
      join(root, 'proc/driver/nvidia/version'),
      'NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.12.3  Tue\n',
    );
    const { usable, reason } = status({});
    expect(usable).toBe(false);
    expect(reason).toContain('libcudnn.so.9');
    expect(reason).toContain('nvidia-cudnn');
    expect(reason).not.toContain('libcublas.so.12');
    const good = status({ VIRTUAL_ENV: join(root, 'venv') });
    expect(good).toMatchObject({ usable: true, reason: expect.stringContaining('570.12.3') });
    expect(good.preload).toHaveLength(3);
  });

  test('install copies the provider from a folder, whole or not at all', async () => {
    if (process.platform !== 'linux') return;
    const into = join(root, 'bin');
    mkdirSync(into);
    await expect(installCuda({ from: join(root, 'usr'), into })).rejects.toMatchObject({
      code: 'INPUT_NOT_FOUND',
    });
    await expect(installCuda({ from: join(root, 'nowhere'), into })).rejects.toMatchObject({
      code: 'INPUT_NOT_FOUND',
    });
    expect(readdirSync(into)).toEqual([]);
    await installCuda({ from: root, into });
    expect(readdirSync(into).sort()).toEqual([PROVIDER, SHARED]);
    expect(readFileSync(join(into, PROVIDER))).toEqual(readFileSync(join(root, 'provider', PROVIDER)));
  });

  test('install runs the script of onnxruntime-node, and says what to do where its server is out of reach', async () => {
    if (process.platform !== 'linux') return;
    const calls: string[][] = [];
    const answering =
      (code: number) =>
      (command: string, parameters: readonly string[], environment: Readonly<Record<string, string>>) => {
        calls.push([command, ...parameters, environment['ONNXRUNTIME_NODE_INSTALL'] ?? '']);
        return Promise.resolve(code);
      };
    const into = join(root, 'empty');
    expect((await installCuda({ into, run: answering(0) })).usable).toBe(false);
    expect(calls[0]?.[0]).toBe(process.execPath);
    expect(calls[0]?.[1]).toMatch(/onnxruntime-node.*install\.js$/);
    expect(calls[0]?.[2]).toBe('cuda12');
    await expect(installCuda({ into, run: answering(1) })).rejects.toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
      message: expect.stringContaining('--from DIR'),
    });
  });

  test('a provider of another ONNX Runtime is told as such, before the driver is missed', () => {
    if (process.platform !== 'linux' || process.arch !== 'x64') return;
    const { version } = onnxRuntime();
    const folderOf = (name: string, text: string): string => {
      put(`${name}/${SHARED}`, []);
      writeFileSync(join(root, name, PROVIDER), providerOf(text, ['libcudart.so.13']));
      return join(root, name);
    };
    expect(readOnlyData(join(folderOf('own', version), PROVIDER))?.toString()).toContain(version);
    const bare = join(root, 'nowhere');
    const other = cudaStatus(folderOf('other', '1.2.3'), { environment: {}, root: bare });
    expect(other).toMatchObject({ usable: false, expected: true });
    expect(other.reason).toMatch(
      /is of ONNX Runtime 1\.2\.3, but onnxruntime-node is .*diptych cuda install/,
    );
    const own = cudaStatus(join(root, 'own'), { environment: {}, root: bare });
    expect(own.reason).toContain('no NVIDIA driver');
    expect(readOnlyData(join(root, 'provider', PROVIDER))).toBeNull();
  });

  test('cuDNN, which the provider opens itself, and the driver are missed by name', () => {
    if (process.platform !== 'linux' || process.arch !== 'x64') return;
    const provider = put('late/libprovider.so', ['libcudart.so.13', 'libcuda.so.1']);
    expect(cudaMajor(provider)).toBe(13);
    expect(findCudaLibraries(provider, { environment: {}, root }).missing).toEqual([
      'libcudart.so.13',
      'libcuda.so.1',
      'libcudnn.so.9',
    ]);
    const lib = join(root, 'toolkit', 'lib64');
    for (const name of ['libcudart.so.13', 'libcudnn.so.9']) put(`toolkit/lib64/${name}`, []);
    put(`late/${SHARED}`, []);
    put(`late/${PROVIDER}`, ['libcudart.so.13', 'libcuda.so.1']);
    const machine = { environment: { LD_LIBRARY_PATH: lib }, root };
    const without = cudaStatus(join(root, 'late'), machine);
    expect(without.reason).toMatch(/needs libcuda\.so\.1, which is part of the driver.*--gpus all/);
    put('toolkit/lib64/libcuda.so.1', []);
    const { usable, preload } = cudaStatus(join(root, 'late'), machine);
    expect(usable).toBe(true);
    expect(preload.at(-1)).toBe(join(lib, 'libcudnn.so.9'));
  });

  test('the wheel that carries a library', () => {
    expect(wheelFor('libcublasLt.so.12', 12)).toBe('nvidia-cublas-cu12');
    expect(wheelFor('libcudart.so.13', 13)).toBe('nvidia-cuda-runtime');
    expect(wheelFor('libcurand.so.10', 12)).toBe('nvidia-curand-cu12');
    expect(wheelFor('libcudnn.so.9', 13)).toBe('nvidia-cudnn-cu13');
    expect(wheelFor('libcuda.so.1', 13)).toBeNull();
    expect(wheelFor('libc.so.6', 12)).toBeNull();
  });
});

test("CUDA's own words are taken out of ONNX Runtime's message", () => {
  const wrapped = new DiptychError(
    'MODEL_INVALID',
    'cannot open it: /src/cuda_call.cc:154 CudaCall(ERRTYPE) [with ERRTYPE = cudaError] CUDA failure 35: CUDA driver version is ' +
      'insufficient for CUDA runtime version ; GPU=-1 ; hostname=box ; file=/src/a.cc ; line=345 ; expr=cudaSetDevice(0); ',
  );
  const { code, message } = plainCudaError(wrapped);
  expect(code).toBe('DEVICE_UNAVAILABLE');
  expect(message).toBe(
    'CUDA answers 35 (CUDA driver version is insufficient for CUDA runtime version); see nvidia-smi, and that the driver is ' +
      'new enough for this CUDA',
  );
  const other = new DiptychError('MODEL_INVALID', 'has no graph');
  expect(plainCudaError(other)).toBe(other);
});

describe('chooseDevices', () => {
  const usable = () => ({ usable: true, reason: '', preload: [], expected: true });
  const unusable = () => ({ usable: false, reason: 'no driver; install it', preload: [], expected: false });
  test('auto takes CUDA where it is, else the CPU; an explicit cuda never falls back', () => {
    expect(chooseDevices('cpu', usable)).toEqual(['cpu']);
    expect(chooseDevices('auto', usable)).toEqual([{ cuda: 0 }]);
    expect(chooseDevices('auto', unusable)).toEqual(['cpu']);
    expect(chooseDevices('cuda', usable)).toEqual([{ cuda: 0 }]);
    expect(chooseDevices('cuda:3', usable)).toEqual([{ cuda: 3 }]);
    expect(chooseDevices('cuda:2,0,2', usable)).toEqual([{ cuda: 2 }, { cuda: 0 }]);
    const said: string[] = [];
    const tell = (message: string): void => void said.push(message);
    chooseDevices('auto', unusable, tell);
    chooseDevices('cpu', () => ({ ...unusable(), expected: true }), tell);
    expect(said).toEqual([]);
    chooseDevices('auto', () => ({ ...unusable(), expected: true }), tell);
    expect(said).toEqual(['CUDA cannot be used, going on with the CPU: no driver; install it']);
    expect(() => chooseDevices('cuda:1', unusable)).toThrow(
      expect.objectContaining({ code: 'DEVICE_UNAVAILABLE', message: expect.stringContaining('install it') }),
    );
  });
});
