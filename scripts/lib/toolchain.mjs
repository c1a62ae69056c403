import { StepError, versionOf } from './run.mjs';

const HINTS = {
  node: {
    debian: 'https://nodejs.org (Debian and Ubuntu often carry an older one)',
    fedora: 'sudo dnf install nodejs',
    macos: 'brew install node',
  },
  npm: { debian: 'sudo apt install npm', fedora: 'sudo dnf install npm', macos: 'brew install node' },
  cmake: { debian: 'sudo apt install cmake', fedora: 'sudo dnf install cmake', macos: 'brew install cmake' },
  make: { debian: 'sudo apt install make', fedora: 'sudo dnf install make', macos: 'xcode-select --install' },
  compiler: {
    debian: 'sudo apt install g++',
    fedora: 'sudo dnf install gcc-c++',
    macos: 'xcode-select --install',
  },
};

function missing(what, hint) {
  return [
    `missing: ${what}`,
    `  Debian, Ubuntu: ${hint.debian}`,
    `  Fedora:         ${hint.fedora}`,
    `  macOS:          ${hint.macos}`,
  ].join('\n');
}

/** Major and minor of the first "N.M" in a version line, or null. */
function numbers(line) {
  const match = /(\d+)\.(\d+)/.exec(line ?? '');
  return match === null ? null : [Number(match[1]), Number(match[2])];
}

function atLeast(line, major, minor) {
  const found = numbers(line);
  return found !== null && (found[0] > major || (found[0] === major && found[1] >= minor));
}

/** The least that every step needs. */
export function checkNode() {
  if (!atLeast(process.versions.node, 20, 0)) {
    throw new StepError(missing(`Node.js 20 or newer (this is ${process.versions.node})`, HINTS.node));
  }
}

export function checkNpm() {
  if (versionOf('npm') === null) throw new StepError(missing('npm', HINTS.npm));
}

/** The C++ compiler that CMake will take: $CXX, or the first of the usual names. */
function findCompiler() {
  const candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
  for (const command of candidates) {
    const version = versionOf(command);
    if (version !== null) return { command, version };
  }
  return null;
}

/** Throws one message that names everything missing for the native build and how to get it. */
export function checkNativeTools() {
  const problems = [];
  const cmake = versionOf('cmake');
  if (cmake === null) problems.push(missing('CMake 3.20 or newer', HINTS.cmake));
  else if (!atLeast(cmake, 3, 20)) {
    problems.push(missing(`CMake 3.20 or newer (found: ${cmake})`, HINTS.cmake));
  }
  if (process.platform !== 'win32' && versionOf('make') === null && versionOf('ninja') === null) {
    problems.push(missing('make (or ninja)', HINTS.make));
  }
  if (process.platform !== 'win32') {
    const compiler = findCompiler();
    if (compiler === null) {
      const named = process.env.CXX ? ` (CXX is set to ${process.env.CXX}, which does not run)` : '';
      problems.push(missing(`a C++20 compiler, GCC 11 or Clang 14 or newer${named}`, HINTS.compiler));
    } else if (/\bg\+\+|\bGCC\b|Free Software/.test(compiler.version) && !gccIsNew(compiler.version)) {
      problems.push(missing(`GCC 11 or newer for C++20 (found: ${compiler.version})`, HINTS.compiler));
    }
  }
  if (problems.length > 0) {
    throw new StepError(`${problems.join('\n')}\nThen run the same command again.`);
  }
}

function gccIsNew(line) {
  // "g++ (Debian 12.2.0-14) 12.2.0": the version proper stands last.
  const last = line.split(' ').at(-1);
  return atLeast(last, 11, 0);
}
