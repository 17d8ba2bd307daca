import Database from 'better-sqlite3';
import { createConnection } from 'mysql2/promise';

/** A second connection to the database of a program that runs, and the words in which the two kinds of it differ. */
export interface Sql {
  /** The values of the only column selected. */
  select(statement: string): Promise<number[]>;
  /** Runs statements in one transaction. */
  change(...statements: string[]): Promise<void>;
  /** A table expression with the numbers from 1 to `count` as `n`. */
  numbers(count: number): string;
  /** An expression: the address of the mailbox that `n` numbers, `sip:user0000001@example.test`. */
  readonly address: string;
  stop(): Promise<void>;
}

/** Opens `sqlite:FILE` or `mysql://…`. */
export async function openSql(url: string): Promise<Sql> {
  return url.startsWith('sqlite:') ? sqlite(url.slice('sqlite:'.length)) : await mysql(url);
}

function sqlite(file: string): Sql {
  const database = new Database(file, { timeout: 5_000 });
  // The program waits while we commit; nothing of ours needs to outlive a crash.
  database.pragma('synchronous = OFF');
  const change = database.transaction((statements: readonly string[]) => {
    for (const statement of statements) database.exec(statement);
  });
  return {
    select: (statement) => Promise.resolve(database.prepare(statement).pluck().all() as number[]),
    change: (...statements) => {
      change.immediate(statements);
      return Promise.resolve();
    },
    numbers: (count) =>
      `(with recursive counted (n) as (select 1 union all select n + 1 from counted where n < ${count}) select n from counted)`,
    address: "printf('sip:user%07d@example.test', n)",
    stop: () => {
      database.close();
      return Promise.resolve();
    },
  };
}

async function mysql(url: string): Promise<Sql> {
  const connection = await createConnection({ uri: url, rowsAsArray: true });
  return {
    select: async (statement) => {
      const [rows] = await connection.query(statement);
      return (rows as [number][]).map(([value]) => value);
    },
    change: async (...statements) => {
      await connection.beginTransaction();
      for (const statement of statements) await connection.query(statement);
      await connection.commit();
    },
    numbers: (count) => `(select seq as n from seq_1_to_${count}) as counted`,
    address: "concat('sip:user', lpad(n, 7, '0'), '@example.test')",
    stop: () => connection.end(),
  };
}
