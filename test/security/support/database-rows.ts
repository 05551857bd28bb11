import { readFile } from 'node:fs/promises';
import initSqlJs from 'sql.js';

/** A text or the bytes of one column, in Latin-1. */
export interface Cell {
  table: string;
  text: string;
}

/** Every text and all bytes in the tables of an SQLite file, whose server has stopped. */
export async function* cellsOf(file: string): AsyncGenerator<Cell> {
  const { Database } = await initSqlJs();
  const database = new Database(await databaseWithItsLog(file));
  try {
    // What a virtual table shows stands in tables of its own beside it.
    const [tables] = database.exec(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'",
    );
    for (const [name] of tables?.values ?? []) {
      const table = String(name);
      const rows = database.prepare(`SELECT * FROM "${table}"`);
      while (rows.step()) {
        for (const value of rows.get()) {
          if (typeof value !== 'string' && !(value instanceof Uint8Array)) continue;
          yield { table, text: Buffer.from(value).toString('latin1') };
        }
      }
      rows.free();
    }
  } finally {
    database.close();
  }
}

const LOG_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

/**
 * Temporal's server leaves its write-ahead log as it is when it stops, and SQLite in WebAssembly reads none. Each frame is
 * one page: its number, the size of the database where it ends a transaction, and the salt of the log that it belongs to
 * (https://www.sqlite.org/fileformat2.html#walformat).
 */
async function databaseWithItsLog(file: string): Promise<Buffer> {
  let database = await readFile(file);
  const log = await readFile(`${file}-wal`);
  const pageBytes = log.readUInt32BE(8);
  const salt = log.subarray(16, 24);
  let transaction: { page: number; content: Buffer }[] = [];
  for (let at = LOG_HEADER_BYTES; at + FRAME_HEADER_BYTES + pageBytes <= log.length; ) {
    if (!log.subarray(at + 8, at + 16).equals(salt)) break;
    const [page, pagesAtItsEnd] = [log.readUInt32BE(at), log.readUInt32BE(at + 4)];
    const from = at + FRAME_HEADER_BYTES;
    at = from + pageBytes;
    transaction.push({ page, content: log.subarray(from, at) });
    if (pagesAtItsEnd === 0) continue;
    const grown = Buffer.alloc(pagesAtItsEnd * pageBytes);
    if (grown.length !== database.length)
      database = Buffer.concat([database, grown]).subarray(0, grown.length);
    for (const { page: number, content } of transaction) content.copy(database, (number - 1) * pageBytes);
    transaction = [];
  }
  // "Legacy", so that no log is looked for.
  database.fill(1, 18, 20);
  return database;
}
