import type { ColumnChunk, OffsetIndex, SchemaElement } from 'hyparquet';
import { ByteWriter, type ParquetWriter } from 'hyparquet-writer';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';

/** Numbers in a page. */
const PAGE_NUMBERS = 2 ** 18;

/** Names under a list's column, as parquet's format has them: three levels, the innermost holds the numbers. */
const [LIST, ELEMENT] = ['list', 'element'];

/** A column of lists that are never null, of numbers that are never null. */
export function listSchema(name: string): SchemaElement[] {
  return [
    { name, repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST' },
    { name: LIST, repetition_type: 'REPEATED', num_children: 1 },
    { name: ELEMENT, repetition_type: 'REQUIRED', type: 'FLOAT' },
  ];
}

/** A run of one level that is 0 or 1 (RLE of parquet's encodings: twice the length as a varint, then the value). */
function appendRun(levels: ByteWriter, length: number, level: 0 | 1): void {
  levels.appendVarInt(length * 2);
  levels.appendUint8(level);
}

/** Levels of `rows` lists of `dim` numbers: where a list begins (0) or goes on (1), and that every number is there. */
function listLevels(
  rows: number,
  dim: number,
): { readonly repetition: ByteWriter; readonly definition: ByteWriter } {
  const [repetition, definition] = [new ByteWriter(), new ByteWriter()];
  if (dim === 1) appendRun(repetition, rows, 0);
  for (let row = 0; dim > 1 && row < rows; row++) {
    appendRun(repetition, 1, 0);
    appendRun(repetition, dim - 1, 1);
  }
  appendRun(definition, rows * dim, 1);
  return { repetition, definition };
}

/** One page (a data page of version 2) of `data`, lists of `dim` numbers each; the numbers are stored as they are. */
function appendPage(file: ParquetWriter, data: Float32Array, dim: number): void {
  const rows = data.length / dim;
  const { repetition, definition } = listLevels(rows, dim);
  const size = repetition.offset + definition.offset + data.byteLength;
  writePageHeader(file.writer, {
    type: 'DATA_PAGE_V2',
    uncompressed_page_size: size,
    compressed_page_size: size,
    data_page_header_v2: {
      num_values: data.length,
      num_nulls: 0,
      num_rows: rows,
      encoding: 'PLAIN',
      definition_levels_byte_length: definition.offset,
      repetition_levels_byte_length: repetition.offset,
      is_compressed: false,
    },
  });
  file.writer.appendBytes(repetition.getBytes());
  file.writer.appendBytes(definition.getBytes());
  file.writer.appendBytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

/**
 * Appends vectors to the row group that was begun last, as the chunk of column `name`. The writer's own way makes three
 * lists of numbers of every vector: twenty times the time.
 *
 * @param data [rows, dim] of the row group, one row after the other
 */
export function appendVectors(file: ParquetWriter, name: string, data: Float32Array, dim: number): void {
  const start = file.writer.offset;
  const rows = Math.max(1, Math.floor(PAGE_NUMBERS / dim));
  const pages: OffsetIndex['page_locations'] = [];
  for (let at = 0; at * dim < data.length; at += rows) {
    const offset = file.writer.offset;
    appendPage(file, data.subarray(at * dim, (at + rows) * dim), dim);
    pages.push({
      offset: BigInt(offset),
      compressed_page_size: file.writer.offset - offset,
      first_row_index: BigInt(at),
    });
  }
  const size = BigInt(file.writer.offset - start);
  const chunk: ColumnChunk = {
    file_offset: BigInt(start),
    meta_data: {
      type: 'FLOAT',
      encodings: ['PLAIN', 'RLE'],
      path_in_schema: [name, LIST, ELEMENT],
      codec: 'UNCOMPRESSED',
      num_values: BigInt(data.length),
      total_compressed_size: size,
      total_uncompressed_size: size,
      data_page_offset: BigInt(start),
    },
  };
  file.pendingIndexes.push({ chunk, offsetIndex: { page_locations: pages } });
  const group = file.row_groups.at(-1);
  if (group === undefined) throw new Error('a row group has to be begun before vectors are appended to it');
  group.columns.push(chunk);
  group.total_byte_size += size;
  group.total_compressed_size = (group.total_compressed_size ?? 0n) + size;
}
