import { fileURLToPath } from 'node:url';
import path from 'node:path';

/** The folder that holds package.json. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[/\\]$/, '');

export const addonFile = path.join(root, 'build', 'Release', 'diptych.node');
export const commandFile = path.join(root, 'dist', 'cli', 'main.js');
