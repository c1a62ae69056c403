import type { CleaningRule } from '../types.js';
import { collapse, lower, splitJoin, strip } from '../python.js';
import { fixText } from './fix-text.js';
import { unescapeHtml } from './html.js';

/** Python's string.punctuation. */
const PUNCTUATION = /[!-/:-@[-`{-~]/g;
/** Nothing in such a text is mended, unescaped or collapsed. Lower-casing still applies. */
const PLAIN = /^[!-%'-;=-~]+(?: [!-%'-;=-~]+)*$/;

/** The function for a cleaning rule. Sources: simple_tokenizer.py of openai/CLIP, tokenizer.py of open_clip. */
export function cleaner(rule: CleaningRule): (text: string) => string {
  switch (rule) {
    // Lower-casing ("lower") comes after the special tokens: it is the encoder's.
    case 'none':
    case 'lower':
      return (text) => text;
    case 'openai':
      return (text) => (PLAIN.test(text) ? lower(text) : lower(strip(collapse(basic(text)))));
    case 'open_clip':
      return (text) => (PLAIN.test(text) ? lower(text) : lower(splitJoin(basic(text))));
    case 'whitespace':
      return (text) => (PLAIN.test(text) ? text : splitJoin(basic(text)));
    case 'canonicalize':
      return (text) =>
        splitJoin(
          lower((PLAIN.test(text) ? text : basic(text)).replaceAll('_', ' ').replace(PUNCTUATION, '')),
        );
    case 'hf_slow':
      return (text) => (PLAIN.test(text) ? lower(text) : lower(strip(collapse(fixText(text)))));
  }
}

/** basic_clean: mend, unescape twice (once for text that was escaped twice), strip. */
function basic(text: string): string {
  return strip(unescapeHtml(unescapeHtml(fixText(text))));
}
