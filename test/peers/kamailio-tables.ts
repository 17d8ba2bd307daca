import { readFile } from 'node:fs/promises';
import path from 'node:path';

import Database from 'better-sqlite3';
import mysql from 'mysql2/promise';

/** Where Debian's packages put the schema files. */
const SCHEMAS = '/usr/share/kamailio';
/** `standard` makes the table of versions that the others write themselves into. */
const FILES = ['standard-create.sql', 'presence-create.sql'];

/** Makes the tables of Kamailio's presence module, and of others that are named, in a new SQLite file. */
export async function createSqliteTables(file: string, others: readonly string[] = []): Promise<void> {
  const statements = await readSchema('db_sqlite', [...FILES, ...others.map((name) => `${name}-create.sql`)]);
  const database = new Database(file);
  try {
    // Several of Kamailio's processes write at once: with WAL readers do not block them.
    database.pragma('journal_mode = WAL');
    database.exec(statements);
  } finally {
    database.close();
  }
}

/** Makes the same tables in the database that `url` (`mysql://user:password@host:port/name`) names, once. */
export async function createMysqlTables(url: string): Promise<void> {
  const connection = await mysql.createConnection({ uri: url, multipleStatements: true });
  try {
    const [tables] = await connection.query<mysql.RowDataPacket[]>("SHOW TABLES LIKE 'presentity'");
    if (tables.length === 0) await connection.query(await readSchema('mysql', FILES));
  } finally {
    await connection.end();
  }
}

async function readSchema(kind: string, files: readonly string[]): Promise<string> {
  const parts = await Promise.all(files.map((file) => readFile(path.join(SCHEMAS, kind, file), 'utf8')));
  return parts.join('\n');
}
