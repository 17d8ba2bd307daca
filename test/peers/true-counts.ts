import path from 'node:path';

import Database from 'better-sqlite3';

/** What a mailbox truly holds. */
export interface TrueCounts {
  readonly fresh: number;
  readonly old: number;
}

/** Counts the texts of every mailbox one by one in the SQLite file in a server's folder: address to counts. */
export function trueCountsIn(folder: string): Map<string, TrueCounts> {
  const database = new Database(path.join(folder, 'data/mailbox.db'), { readonly: true, timeout: 2_000 });
  try {
    const rows = database
      .prepare(
        'select aor, count(message.id) - count(read_at) as fresh, count(read_at) as old ' +
          'from mailbox left join message on message.mailbox_id = mailbox.id group by mailbox.id',
      )
      .all() as { aor: string; fresh: number; old: number }[];
    return new Map(rows.map(({ aor, fresh, old }) => [aor, { fresh, old }]));
  } finally {
    database.close();
  }
}
