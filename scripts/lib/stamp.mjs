import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './paths.mjs';

/** Every file below the given files and folders (relative to the root), sorted; `keep` filters by name. */
export function filesBelow(entries, keep = () => true) {
  const found = [];
  const visit = (relative) => {
    const absolute = path.join(root, relative);
    if (!existsSync(absolute)) return;
    if (statSync(absolute).isDirectory()) {
      for (const name of readdirSync(absolute)) {
        if (!name.startsWith('.')) visit(path.join(relative, name));
      }
    } else if (keep(relative)) {
      found.push(relative);
    }
  };
  for (const entry of entries) visit(entry);
  return found.sort();
}

/** A hash of the names and contents of files, and of `extra`. */
export function hashFiles(files, extra = '') {
  const hash = createHash('sha256').update(extra);
  for (const file of files) {
    const bytes = readFileSync(path.join(root, file));
    hash.update(`\0${file}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

export function stampIs(file, value) {
  const absolute = path.join(root, file);
  return existsSync(absolute) && readFileSync(absolute, 'utf8').trim() === value;
}

export function writeStamp(file, value) {
  const absolute = path.join(root, file);
  mkdirSync(path.dirname(absolute), { recursive: true });
  writeFileSync(absolute, `${value}\n`);
}
