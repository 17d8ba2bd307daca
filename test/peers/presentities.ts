import Database from 'better-sqlite3';

/** A publication as Kamailio keeps it in its table `presentity`. */
export interface Presentity {
  readonly user: string;
  readonly body: string;
  /** The entity tag. */
  readonly tag: string;
  /** When it ends, epoch seconds. */
  readonly expires: number;
}

/** How long a look waits for Kamailio's own writes, ms. */
const BUSY = 2_000;

/** Every publication in Kamailio's SQLite file, by user. */
export function presentitiesIn(file: string): Presentity[] {
  const database = new Database(file, { readonly: true, timeout: BUSY });
  try {
    const rows = database
      .prepare('select username, body, etag, expires from presentity order by username, expires')
      .all() as { username: string; body: Buffer | string; etag: string; expires: number }[];
    return rows.map(({ username, body, etag, expires }) => ({
      user: username,
      body: body.toString(),
      tag: etag,
      expires,
    }));
  } finally {
    database.close();
  }
}

/** Empties the table under the running Kamailio: it then knows no tag it ever gave. Returns how many publications are lost. */
export function forgetPresentities(file: string): number {
  const database = new Database(file, { timeout: BUSY });
  try {
    return database.prepare('delete from presentity').run().changes;
  } finally {
    database.close();
  }
}
