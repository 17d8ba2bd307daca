import path from 'node:path';

import Database from 'better-sqlite3';

/** What a mailbox truly holds. */
export interface TrueCounts {
  readonly fresh: number;
  readonly old: number;
}

/** How long a look waits for the server's own writes, ms. */
const BUSY = 2_000;

/** Counts the texts of every mailbox one by one in the SQLite file in a server's folder: address to counts. */
export function trueCountsIn(folder: string): Map<string, TrueCounts> {
  const rows = read<{ aor: string; fresh: number; old: number }>(
    folder,
    'select aor, count(message.id) - count(read_at) as fresh, count(read_at) as old ' +
      'from mailbox left join message on message.mailbox_id = mailbox.id group by mailbox.id',
  );
  return new Map(rows.map(({ aor, fresh, old }) => [aor, { fresh, old }]));
}

/** The entity tag the server holds for the lamp of `address`, in the same file. */
export function entityTagIn(folder: string, address: string): string | undefined {
  const rows = read<{ entity_tag: string | null }>(
    folder,
    'select entity_tag from address where aor = ?',
    address,
  );
  return rows[0]?.entity_tag ?? undefined;
}

/** The words of the new texts of `address` in the same file, in the order in which they are handed over. */
export function newTextsIn(folder: string, address: string): string[] {
  const rows = read<{ content: Buffer }>(
    folder,
    'select content from message join mailbox on mailbox.id = mailbox_id ' +
      'where aor = ? and read_at is null order by received_at, message.id',
    address,
  );
  return rows.map(({ content }) => content.toString('utf8'));
}

function read<Row>(folder: string, query: string, ...values: string[]): Row[] {
  const database = new Database(path.join(folder, 'data/mailbox.db'), { readonly: true, timeout: BUSY });
  try {
    return database.prepare(query).all(...values) as Row[];
  } finally {
    database.close();
  }
}
