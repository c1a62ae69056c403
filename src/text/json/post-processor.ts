import { asList, asNumber, asString, at } from '../../models/json.js';

export interface Surround {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** The special tokens that the `post_processor` of a tokenizer.json puts around one text. */
export function compilePostProcessor(config: unknown): Surround {
  const type = asString(at(config, 'type'));
  if (config === null || config === undefined || type === 'ByteLevel') return { before: [], after: [] };
  if (type === 'Sequence') {
    const parts = asList(at(config, 'processors')).map(compilePostProcessor);
    return {
      before: parts.flatMap((part) => part.before),
      after: parts.flatMap((part) => part.after),
    };
  }
  if (type === 'RobertaProcessing' || type === 'BertProcessing') {
    return { before: ids([at(config, 'cls', 1)]), after: ids([at(config, 'sep', 1)]) };
  }
  if (type !== 'TemplateProcessing') throw new RangeError(`post-processor "${String(type)}"`);
  const before: number[] = [];
  const after: number[] = [];
  let seen = false;
  for (const piece of asList(at(config, 'single'))) {
    if (at(piece, 'Sequence') !== undefined) {
      seen = true;
      continue;
    }
    const name = asString(at(piece, 'SpecialToken', 'id')) ?? '';
    const special = ids(asList(at(config, 'special_tokens', name, 'ids')));
    (seen ? after : before).push(...special);
  }
  return { before, after };
}

function ids(values: readonly unknown[]): number[] {
  return values.map(asNumber).filter((id) => id !== undefined);
}
