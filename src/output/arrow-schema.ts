import { FlatBuilder, type FlatField } from './flatbuffer.js';

/** A column as Arrow names its type; `vector` is a list of so many float32. */
export type ArrowColumn =
  | { readonly name: string; readonly type: 'bool' | 'int64' | 'float64' | 'string' }
  | { readonly name: string; readonly type: 'vector'; readonly length: number };

/** Key of a parquet file's metadata under which Arrow's readers look for the types that parquet itself lacks. */
export const ARROW_SCHEMA_KEY = 'ARROW:schema';

/** Numbers of Arrow's format/Schema.fbs and format/Message.fbs. */
const TYPE = { int64: 2, float: 3, string: 5, bool: 6, vector: 16 } as const;
const [SINGLE, DOUBLE] = [1, 2];
const SCHEMA_MESSAGE = 1;
const VERSION_5 = 4;

function typeOf(
  builder: FlatBuilder,
  column: ArrowColumn,
): { readonly tag: number; readonly offset: number } {
  switch (column.type) {
    case 'bool':
      return { tag: TYPE.bool, offset: builder.table([]) };
    case 'string':
      return { tag: TYPE.string, offset: builder.table([]) };
    case 'int64': {
      const fields: FlatField[] = [
        { slot: 0, bytes: 4, value: 64 },
        { slot: 1, bytes: 1, value: 1 },
      ];
      return { tag: TYPE.int64, offset: builder.table(fields) };
    }
    case 'float64':
      return { tag: TYPE.float, offset: builder.table([{ slot: 0, bytes: 2, value: DOUBLE }]) };
    case 'vector':
      return { tag: TYPE.vector, offset: builder.table([{ slot: 0, bytes: 4, value: column.length }]) };
  }
}

function field(
  builder: FlatBuilder,
  name: string,
  nullable: boolean,
  type: { readonly tag: number; readonly offset: number },
  children: readonly number[],
): number {
  const list = builder.vector(children);
  return builder.table([
    { slot: 0, offset: builder.string(name) },
    { slot: 1, bytes: 1, value: nullable ? 1 : 0 },
    { slot: 2, bytes: 1, value: type.tag },
    { slot: 3, offset: type.offset },
    { slot: 5, offset: list },
  ]);
}

function columnField(builder: FlatBuilder, column: ArrowColumn): number {
  if (column.type !== 'vector') return field(builder, column.name, true, typeOf(builder, column), []);
  const single = { tag: TYPE.float, offset: builder.table([{ slot: 0, bytes: 2, value: SINGLE }]) };
  const element = field(builder, 'element', false, single, []);
  return field(builder, column.name, false, typeOf(builder, column), [element]);
}

/**
 * Arrow's schema of a parquet file in base64 (an encapsulated IPC message): with it, a list column whose rows are all
 * of one length is read as what it is, a fixed-size list. Readers that don't know it see a list.
 */
export function arrowSchema(columns: readonly ArrowColumn[]): string {
  const builder = new FlatBuilder();
  const fields = columns.map((column) => columnField(builder, column));
  const schema = builder.table([{ slot: 1, offset: builder.vector(fields) }]);
  const message = builder.table([
    { slot: 0, bytes: 2, value: VERSION_5 },
    { slot: 1, bytes: 1, value: SCHEMA_MESSAGE },
    { slot: 2, offset: schema },
    { slot: 3, bytes: 8, value: 0 },
  ]);
  const body = builder.finish(message);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0xffffffff, 0);
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body]).toString('base64');
}
