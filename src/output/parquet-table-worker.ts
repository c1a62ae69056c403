/**
 * Parquet files put together in a thread of its own: encoding the columns of a part of ten thousand rows takes tenths of
 * a second, in which the event loop would stand still.
 */
import { parentPort, type MessagePort } from 'node:worker_threads';
import { messageOf } from '../errors.js';
import type { TableReply, TableRequest, TableRows } from './parquet-protocol.js';
import { tablePieces } from './parquet-rows.js';

const tables = new Map<number, TableRows[]>();

function finish({ table, count, dims }: TableRequest & { type: 'finish' }): TableReply {
  try {
    const gathered = tables.get(table) ?? [];
    tables.delete(table);
    const there = gathered.reduce((sum, { cells }) => sum + cells.length, 0);
    if (there !== count)
      throw new Error(`${String(there)} of ${String(count)} rows have reached the thread that writes them`);
    return { type: 'file', table, pieces: tablePieces(gathered, dims) };
  } catch (error) {
    return { type: 'failed', table, message: messageOf(error) };
  }
}

function serve(port: MessagePort): void {
  port.on('message', (request: TableRequest) => {
    if (request.type === 'rows') {
      const gathered = tables.get(request.table) ?? [];
      gathered.push(request.rows);
      tables.set(request.table, gathered);
    } else if (request.type === 'drop') {
      tables.delete(request.table);
    } else {
      const reply = finish(request);
      port.postMessage(reply, reply.type === 'file' ? reply.pieces.map(({ buffer }) => buffer) : []);
    }
  });
}

if (parentPort !== null) serve(parentPort);
