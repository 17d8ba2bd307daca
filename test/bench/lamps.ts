import type { Sql } from './sql.ts';

/** Mailboxes changed in one transaction, so that the program never waits long for us. */
const CHUNK = 200;

/** Rows made in one transaction. */
const FILL_CHUNK = 100_000;

const HOUR = 3_600_000;

/**
 * Makes `count` mailboxes with one text each, in a database that the program has made its schema in and is not running on.
 * `due`: nothing was published yet. `live`: all of it was, for an hour, and is refreshed in the last quarter of it.
 */
export async function fillLamps(sql: Sql, count: number, state: 'due' | 'live'): Promise<void> {
  const now = Date.now();
  const publication =
    state === 'due'
      ? `0, null, null, ${now}`
      : `1, 'bench', ${now + HOUR}, ${now + 0.75 * HOUR} + n % ${0.2 * HOUR}`;
  for (let done = 0; done < count; done += FILL_CHUNK) {
    const chunk = Math.min(FILL_CHUNK, count - done);
    const numbers = `(select n + ${done} as n from ${sql.numbers(chunk)}) as numbered`;
    await sql.change(
      'insert into mailbox (id, aor, new_count, wanted_version, changed_at) ' +
        `select n + 1000, ${sql.address}, 1, 1, ${now} from ${numbers}`,
      'insert into address (mailbox_id, aor, published_version, entity_tag, expires_at, due_at) ' +
        `select n + 1000, ${sql.address}, ${publication} from ${numbers}`,
    );
  }
}

/**
 * Lets one text more come to every mailbox of ours whose lamp is right: the program has to publish all of them again. Resolves
 * with how many those were.
 */
export async function touchLamps(sql: Sql): Promise<number> {
  const right = await sql.select(
    'select mailbox.id from mailbox join address on address.mailbox_id = mailbox.id ' +
      "where published_version >= wanted_version and mailbox.aor like 'sip:user%' order by mailbox.id",
  );
  for (let done = 0; done < right.length; done += CHUNK) {
    const now = Date.now();
    const ids = right.slice(done, done + CHUNK).join(',');
    await sql.change(
      'update mailbox set wanted_version = wanted_version + 1, new_count = new_count + 1, ' +
        `changed_at = ${now} where id in (${ids})`,
      `update address set due_at = case when not_before > ${now} then not_before else ${now} end ` +
        `where mailbox_id in (${ids})`,
    );
  }
  return right.length;
}
