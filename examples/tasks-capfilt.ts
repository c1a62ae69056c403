// CapFilt with stand-ins for BLIP; `blipModels(captioner, filter)` makes them from model folders.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { capFilt } from 'diptych';

const folder = mkdtempSync(join(tmpdir(), 'capfilt-'));
const file = join(folder, 'capfilt.jsonl');
const pairs = [
  { image: 'cat.jpg', content: 'cat.jpg', text: 'buy now!' },
  { image: 'dog.jpg', content: 'dog.jpg', text: 'a dog' },
];
const models = {
  caption: (content: string | Uint8Array) => Promise.resolve(`a ${String(content).slice(0, 3)}`),
  judge: (content: string | Uint8Array, text: string) =>
    Promise.resolve(text.includes(String(content).slice(0, 3)) ? 0.9 : 0.1),
};
const summary = await capFilt(pairs, models, file);
console.log(`${summary.keptWeb} web and ${summary.keptSynthetic} synthetic captions kept`);
for (const line of readFileSync(file, 'utf8').trim().split('\n')) console.log(line.slice(0, 40));
rmSync(folder, { recursive: true });
