import { expect } from 'chai';
import type { Knex } from 'knex';
import knexModule from 'knex';
import type { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { MailboxRow, MessageRow } from '../../src/store/rows.ts';

/** The database itself, beside the store that is open on it. */
export function beside(url: string): Knex {
  return url.startsWith('sqlite:')
    ? knexModule.default({
        client: 'better-sqlite3',
        connection: { filename: url.slice('sqlite:'.length) },
        useNullAsDefault: true,
      })
    : knexModule.default({ client: 'mysql2', connection: url, log: { warn: () => undefined } });
}

/** What a mailbox says of its texts, which must be what its texts are. */
export async function trueMailbox(
  url: string,
  owner: AddressOfRecord,
): Promise<{ new: number; old: number; scheduled: number; bytes: number }> {
  const knex = beside(url);
  try {
    const mailbox: MailboxRow | undefined = await knex<MailboxRow>('mailbox')
      .where({ aor: owner.toString() })
      .first();
    if (mailbox === undefined) return { new: 0, old: 0, scheduled: 0, bytes: 0 };
    const texts = await knex<MessageRow>('message').where({ mailbox_id: mailbox.id }).select('*');
    const due = texts.filter(({ deliver_at }) => deliver_at === null);
    const unread = due.filter(({ read_at }) => read_at === null);
    const read = due.filter(({ read_at }) => read_at !== null);
    const urgent = (rows: readonly MessageRow[]): number => rows.filter((row) => Boolean(row.urgent)).length;
    const { new_count, old_count, new_urgent, old_urgent, scheduled_count, bytes } = mailbox;
    expect({ new_count, old_count, new_urgent, old_urgent, scheduled_count, bytes }).to.deep.equal({
      new_count: unread.length,
      old_count: read.length,
      new_urgent: urgent(unread),
      old_urgent: urgent(read),
      scheduled_count: texts.length - due.length,
      bytes: texts.reduce(
        (sum, row) => sum + row.content.length + (row.wrapper?.length ?? 0) + Buffer.byteLength(row.subject),
        0,
      ),
    });
    return { new: new_count, old: old_count, scheduled: scheduled_count, bytes };
  } finally {
    await knex.destroy();
  }
}
