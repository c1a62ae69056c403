import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { DiptychError } from '../errors.js';
import type { NativeBinding } from './binding.js';

const require = createRequire(import.meta.url);
let loaded: NativeBinding | undefined;

/**
 * The addon, loaded on first use.
 *
 * @throws DiptychError NATIVE_MISSING: it is not built, or does not load here; the message says what was
 * tried and what to run.
 */
export function native(): NativeBinding {
  loaded ??= load();
  return loaded;
}

/** Where the addon's file is looked for: the build folder of this package. */
export function addonPath(): string {
  return fileURLToPath(new URL('../../build/Release/diptych.node', import.meta.url));
}

function load(): NativeBinding {
  const path = addonPath();
  const platform = `${process.platform}-${process.arch}, Node.js ${process.version}`;
  if (!existsSync(path)) {
    throw new DiptychError(
      'NATIVE_MISSING',
      `the native addon is not built (${platform}; looked for ${path}). ` +
        'Run "npm run build" in the package folder; it needs CMake and a C++20 compiler.',
    );
  }
  try {
    // The one place where the addon gets its type: binding.ts describes it.
    const binding = require(path) as NativeBinding;
    binding.setTurboJpegPaths(turboJpegPaths());
    return binding;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DiptychError(
      'NATIVE_MISSING',
      `the native addon does not load (${platform}; tried ${path}): ${why}. ` +
        'Run "npm install" and then "npm run build" in the package folder.',
      { cause },
    );
  }
}

/**
 * libjpeg-turbo's library inside the npm package that carries it, then the system's. The addon opens the first
 * that loads, and leaves JPEGs to libvips when none does (or when DIPTYCH_JPEG=libvips says so, for tests).
 */
function turboJpegPaths(): string[] {
  if (process.env['DIPTYCH_JPEG'] === 'libvips') return [];
  const system = ['libturbojpeg.so.0', 'libturbojpeg.dylib'];
  if (process.platform !== 'linux') return system;
  try {
    const folder = dirname(require.resolve('@julusian/jpeg-turbo/package.json'));
    const platforms = [`linux-${process.arch}`, `linux-${process.arch}-musl`];
    const bundled = platforms.map((name) =>
      join(folder, 'prebuilds', `jpeg-turbo-${name}`, 'libturbojpeg.so.0'),
    );
    return [...bundled, ...system];
  } catch {
    return system;
  }
}
