import { expect, test } from '@jest/globals';
import { describeModel } from '#diptych/models/describe.js';
import { loadTokenizer } from '#diptych/text/tokenizer.js';
import { find } from '../../support/fixtures.js';

test('U+0345 parts words and is dropped, as by the case-insensitive pattern of the Python tokenizers', async () => {
  const folder = find('families', 'clip-vit');
  const tokenizer = await loadTokenizer(await describeModel(folder, { textCleaning: 'open_clip' }));
  const ids = (text: string) => tokenizer.tokenize([text])[0]?.ids;
  expect(ids('a\u0345b \u0345 1\u0345!')).toEqual(ids('a b 1 !'));
});
