import type { GraphPlan, TextPlan } from '../../models/card.js';
import { StageClock } from '../../pipeline/stage-clock.js';
import { embedTexts, type TextTower } from '../../pipeline/texts.js';
import { openSession } from '../../session/worker-session.js';
import type { EncodedTexts } from '../../text/tokens.js';
import { ParamReader, type Job } from '../job.js';
import type { Params } from '../types.js';

const CONTEXT = 77;
const SHORTEST = 8;
const LONGEST = 20;

function graphPlan(file: string): GraphPlan {
  return {
    file,
    dtype: 'fp32',
    inputs: { ids: { name: 'input_ids', type: 'int64' } },
    idle: [],
    output: 'text_embeds',
    outputType: 'float32',
    embeds: true,
    vectors: 1,
    normalized: false,
    fixedBatch: null,
    fixedLength: null,
    roundsActivations: false,
    hidden: { last: null, penultimate: null },
    pooled: null,
    external: [],
  };
}

/** CLIP's: causal, pooled at the end token. With `bucketable` false every caption is padded to the whole context. */
function textPlan(bucketable: boolean, vocabularySize: number): TextPlan {
  return {
    contextLength: CONTEXT,
    padId: 0,
    padTo: 'context',
    mask: false,
    cleaning: 'none',
    bucketable,
    files: {},
    kind: 'clip-bpe',
    vocabularySize,
    zeroed: [],
    spelling: 'openai',
  };
}

/** Captions of 8 to 20 tokens, always the same: what people write under pictures. */
function captions(count: number, vocabulary: number): EncodedTexts {
  const lengths = Array.from({ length: count }, (_, i) => SHORTEST + ((i * 7) % (LONGEST - SHORTEST + 1)));
  const ids = lengths.flatMap((length, text) =>
    Array.from({ length }, (_, at) => {
      if (at === 0) return vocabulary - 2;
      return at === length - 1 ? vocabulary - 1 : 1 + ((text * 131 + at * 17) % (vocabulary - 3));
    }),
  );
  let end = 0;
  return {
    ids: Int32Array.from(ids),
    ends: Int32Array.from(lengths, (length) => (end += length)),
    texts: Int32Array.from(lengths, (_, text) => text),
    truncated: new Uint8Array(count),
    rejected: [],
    milliseconds: 0,
  };
}

/** Short captions through a text tower, from ids to unit vectors, as `embedTexts` batches and pads them. */
export async function textTowerJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const [count, threads, vocabulary] = [
    reader.number('count'),
    reader.number('threads'),
    reader.number('vocabulary'),
  ];
  const bucketable = reader.string('length') === 'as short as they are';
  const file = reader.string('file');
  const session = await openSession(file, { device: 'cpu', threads, spinning: false });
  const tower: TextTower = {
    graph: graphPlan(file),
    plan: textPlan(bucketable, vocabulary),
    tokenizer: { encode: () => Promise.resolve(captions(count, vocabulary)) },
    session: () => Promise.resolve(session),
    sessions: () => 1,
    lengthStep: 4,
    batchSize: 32,
    normalize: true,
    longText: 'truncate',
    clock: new StageClock(),
  };
  const items = Array.from({ length: count }, (_, index) => ({ index, item: `caption ${String(index)}` }));
  let data = new Float32Array(0);
  return {
    settings: `${String(count)} captions of ${String(SHORTEST)} to ${String(LONGEST)} tokens, ${String(threads)} thread(s)`,
    run: async () => {
      for await (const batch of embedTexts(tower, items)) data = Float32Array.from(batch.data);
    },
    output: () => ({ data, shape: [count, data.length / count] }),
    close: () => session.close(),
  };
}
