// MetaCLIP's curation in memory: match, count, balance. `curatePool` does it over files.
import { EntryMatcher, countEntries, entryProbabilities, keepsAny, mersenne } from 'diptych';

const entries = ['cat', 'dog', 'photo', 'New York'];
const captions = Array.from({ length: 1000 }, (_, i) =>
  i % 100 === 0 ? 'a cat in New York, at night' : `photo ${i}`,
);
const matcher = new EntryMatcher(entries);
const matches = captions.map((caption) => matcher.match(caption));
const counts = countEntries(matches, entries.length);
const probabilities = entryProbabilities(counts, 50);
const random = mersenne(0);
const kept = captions.filter((_, i) => keepsAny(matches[i] ?? [], probabilities, random));
console.log(`matches: ${entries.map((entry, i) => `${entry} ${counts[i]}`).join(', ')}`);
console.log(`rare captions kept: ${kept.filter((caption) => caption.includes('cat')).length} of 10`);
console.log(`frequent captions thinned out: ${kept.length < 100}`);
