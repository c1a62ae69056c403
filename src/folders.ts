import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { systemCode } from './errors.js';

const isFolder = async (folder: string): Promise<boolean> =>
  (await stat(folder).catch(() => null))?.isDirectory() === true;

/**
 * Makes a folder, and those above it, where they are not there. As `mkdir` with `recursive`, but that one tries for ever
 * where the system answers that there is no folder to make it in though there is: below /proc, or in a working folder
 * that was removed. Throws the system's error.
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if (await isFolder(folder)) return;
    const above = path.dirname(folder);
    if (systemCode(error) !== 'ENOENT' || above === folder || (await isFolder(above))) throw error;
    await makeFolder(above);
    await mkdir(folder).catch(async (again: unknown) => {
      // Somebody else was faster.
      if (!(await isFolder(folder))) throw again;
    });
  }
}
