import type { Knex } from 'knex';
import { isMysql, ourTable } from './dialect.ts';

/*
 * A text may be due later (`deliver_at`, null once it is), may be saved by its owner, and has a size, which its mailbox sums up.
 * `gone_text` knows a text again that is no more, for as long as it may be sent again. `preference` and `blocked_author` are what
 * an owner set. `registration` is who is online, and to whom texts are to be brought (`push_due_at`); a new one is noted in its
 * mailbox (`registered_at`), so that a text that another node keeps at that moment and it cannot miss each other.
 * `sender_notice` is who was told lately that a text was kept. `display_request` is a `receipt_request` whose text was read and
 * is no more: its author may still be told that it was on a screen.
 *
 * MySQL commits each statement by itself: whatever a crash left of an earlier run is found or made anew.
 */

export async function up(knex: Knex): Promise<void> {
  const mysql = isMysql(knex);
  const hash = mysql ? 'BINARY(32)' : 'BLOB';

  await addColumn(knex, 'message', 'deliver_at', (table) => table.bigInteger('deliver_at').nullable());
  await addColumn(knex, 'message', 'saved', (table) => table.boolean('saved').notNullable().defaultTo(false));
  await addColumn(knex, 'message', 'bytes', (table) => table.integer('bytes').notNullable().defaultTo(0));
  await addColumn(knex, 'mailbox', 'scheduled_count', (table) =>
    table.integer('scheduled_count').notNullable().defaultTo(0),
  );
  await addColumn(knex, 'mailbox', 'bytes', (table) => table.bigInteger('bytes').notNullable().defaultTo(0));
  await addColumn(knex, 'mailbox', 'registered_at', (table) =>
    table.bigInteger('registered_at').notNullable().defaultTo(0),
  );
  await addIndex(knex, 'message_scheduled', (table) => {
    table.index(
      ['deliver_at'],
      'message_scheduled',
      mysql ? {} : { predicate: knex.whereNotNull('deliver_at') },
    );
  });
  await addIndex(knex, 'message_read', (table) => {
    const read = { predicate: knex.whereNotNull('read_at') };
    table.index(['saved', 'read_at'], 'message_read', mysql ? {} : read);
  });
  // Nobody has used these before this migration was over. It ends the transaction that MySQL may be in, ahead of the sums.
  for (const table of TABLES) await knex.schema.dropTableIfExists(table);

  await sumUpTexts(knex);
  await knex.raw(
    'update mailbox set bytes = (select coalesce(sum(message.bytes), 0) from message where message.mailbox_id = mailbox.id)',
  );

  await knex.schema.createTable('gone_text', (table) => {
    ourTable(knex, table);
    table.bigInteger('mailbox_id').unsigned().notNullable().references('mailbox.id').onDelete('CASCADE');
    table.specificType('unique_hash', hash).notNullable();
    table.bigInteger('forget_at').notNullable();
    table.primary(['mailbox_id', 'unique_hash']);
    table.index(['forget_at'], 'gone_text_forgotten');
  });

  await knex.schema.createTable('display_request', (table) => {
    ourTable(knex, table);
    table.bigInteger('text_id').unsigned().primary();
    table.bigInteger('mailbox_id').unsigned().notNullable().references('mailbox.id').onDelete('CASCADE');
    table.string('author', 512).notNullable();
    table.string('recipient', 400).notNullable();
    table.specificType('imdn_hash', hash).notNullable();
    table.text('imdn_id').notNullable();
    table.string('dispositions', 100).notNullable();
    table.text('date_time').nullable();
    table.text('return_hop').nullable();
    table.bigInteger('displayed_at').nullable();
    table.bigInteger('forget_at').notNullable();
    table.index(['mailbox_id', 'imdn_hash'], 'display_request_of_imdn');
    table.index(['forget_at'], 'display_request_forgotten');
  });

  await knex.schema.createTable('preference', (table) => {
    ourTable(knex, table);
    table.bigInteger('mailbox_id').unsigned().primary().references('mailbox.id').onDelete('CASCADE');
    table.string('language', 16).nullable();
    table.string('time_zone', 64).nullable();
    table.string('greeting', 1000).nullable();
    // Ids of texts, as a JSON array.
    table.text('listing').nullable();
  });

  await knex.schema.createTable('blocked_author', (table) => {
    ourTable(knex, table);
    table.bigInteger('mailbox_id').unsigned().notNullable().references('mailbox.id').onDelete('CASCADE');
    table.string('author', 512).notNullable();
    table.primary(['mailbox_id', 'author']);
  });

  await knex.schema.createTable('registration', (table) => {
    ourTable(knex, table);
    table.bigInteger('address_id').unsigned().primary().references('address.id').onDelete('CASCADE');
    table.string('name', 64).notNullable();
    table.string('phones', 400).notNullable().defaultTo('');
    table.bigInteger('until').notNullable();
    table.string('methods', 400).nullable();
    table.string('hop', 400).nullable();
    table.bigInteger('push_due_at').nullable();
    table.integer('attempts').notNullable().defaultTo(0);
    // Grows with everything that makes a push due: one that was settled in ignorance of it stays due.
    table.bigInteger('wanted').notNullable().defaultTo(0);
    table.string('claim_node', 64).nullable();
    table.bigInteger('claim_until').nullable();
    table.bigInteger('claimed_wanted').notNullable().defaultTo(0);
    table.index(['push_due_at'], 'registration_push_due');
    table.index(['claim_until'], 'registration_claimed');
    table.index(['until'], 'registration_over');
  });

  await knex.schema.createTable('sender_notice', (table) => {
    ourTable(knex, table);
    table.bigInteger('mailbox_id').unsigned().notNullable().references('mailbox.id').onDelete('CASCADE');
    table.string('author', 512).notNullable();
    table.bigInteger('told_at').notNullable();
    table.primary(['mailbox_id', 'author']);
    table.index(['told_at'], 'sender_notice_told');
  });
}

/** Texts whose bytes are summed up by one statement: Galera takes a write set, which holds whole rows, of a bounded size only. */
const SUMMED_UP = 1_000;

async function sumUpTexts(knex: Knex): Promise<void> {
  const subject = isMysql(knex) ? 'length(subject)' : 'length(cast(subject as blob))';
  for (let after = 0; ;) {
    const texts: { id: number }[] = await knex('message')
      .where('id', '>', after)
      .orderBy('id')
      .limit(SUMMED_UP)
      .select('id');
    const last = texts.at(-1)?.id;
    if (last === undefined) return;
    await knex.raw(
      `update message set bytes = length(content) + coalesce(length(wrapper), 0) + ${subject} ` +
        'where bytes = 0 and id > ? and id <= ?',
      [after, last],
    );
    after = last;
  }
}

const TABLES = [
  'sender_notice',
  'registration',
  'blocked_author',
  'preference',
  'display_request',
  'gone_text',
];

async function addColumn(
  knex: Knex,
  table: string,
  column: string,
  add: (table: Knex.AlterTableBuilder) => unknown,
): Promise<void> {
  if (await knex.schema.hasColumn(table, column)) return;
  await knex.schema.alterTable(table, (builder) => void add(builder));
}

/** On `message`; SQLite makes all of a migration in one transaction, so that none is half there. */
async function addIndex(
  knex: Knex,
  name: string,
  add: (table: Knex.AlterTableBuilder) => void,
): Promise<void> {
  if (isMysql(knex)) {
    const answer: unknown = await knex.raw('show index from message where Key_name = ?', [name]);
    const [rows] = answer as [readonly unknown[]];
    if (rows.length > 0) return;
  }
  await knex.schema.alterTable('message', add);
}

export async function down(knex: Knex): Promise<void> {
  for (const table of TABLES) await knex.schema.dropTable(table);
  await knex.schema.alterTable('message', (table) => {
    table.dropIndex(['deliver_at'], 'message_scheduled');
    table.dropIndex(['saved', 'read_at'], 'message_read');
    table.dropColumns('deliver_at', 'saved', 'bytes');
  });
  await knex.schema.alterTable('mailbox', (table) => {
    table.dropColumns('scheduled_count', 'bytes', 'registered_at');
  });
}
