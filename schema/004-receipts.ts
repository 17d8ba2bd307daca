import type { Knex } from 'knex';
import { isMysql, ourTable } from './dialect.ts';

/*
 * A text may keep the headers of the message/cpim it came in, and may expire: `expires_at` is null once it was read.
 * `receipt_request` is what its sender wants to be told, in a table of its own, so that texts without cost nothing;
 * `imdn_hash` finds it again by its IMDN Message-ID, which may be of any length. `receipt` is what is to be sent. `recipient` is
 * the address the sender wrote to, which may be an alias: receipts speak as that one.
 *
 * MySQL commits each statement by itself: whatever a crash left of an earlier run is found or made anew.
 */

export async function up(knex: Knex): Promise<void> {
  const mysql = isMysql(knex);
  const bytes = (name: 'wrapper' | 'imdn_hash'): string =>
    mysql ? (name === 'wrapper' ? 'MEDIUMBLOB' : 'BINARY(32)') : 'BLOB';

  if (!(await knex.schema.hasColumn('message', 'wrapper'))) {
    await knex.schema.alterTable('message', (table) => {
      table.specificType('wrapper', bytes('wrapper')).nullable();
    });
  }
  if (!(await knex.schema.hasColumn('message', 'expires_at'))) {
    await knex.schema.alterTable('message', (table) => {
      table.bigInteger('expires_at').nullable();
    });
  }
  if (!(await hasExpiryIndex(knex))) {
    await knex.schema.alterTable('message', (table) => {
      // SQLite leaves texts that never expire out of it; MySQL has no such index, and keeps those in the order of their ids.
      const predicate = mysql ? {} : { predicate: knex.whereNotNull('expires_at') };
      table.index(['expires_at'], 'message_expiring', predicate);
    });
  }

  // Nobody has used these before this migration was over.
  for (const table of ['receipt', 'receipt_request']) await knex.schema.dropTableIfExists(table);

  await knex.schema.createTable('receipt_request', (table) => {
    ourTable(knex, table);
    const text = table.bigInteger('text_id').unsigned().primary();
    text.references('message.id').onDelete('CASCADE');
    table.bigInteger('mailbox_id').unsigned().notNullable();
    table.string('recipient', 400).notNullable();
    table.specificType('imdn_hash', bytes('imdn_hash')).notNullable();
    table.text('imdn_id').notNullable();
    table.string('dispositions', 100).notNullable();
    table.text('date_time').nullable();
    table.text('return_hop').nullable();
    table.bigInteger('displayed_at').nullable();
    table.index(['mailbox_id', 'imdn_hash'], 'receipt_request_of_imdn');
  });

  await knex.schema.createTable('receipt', (table) => {
    ourTable(knex, table);
    table.bigIncrements('id');
    table.bigInteger('mailbox_id').unsigned().notNullable().references('mailbox.id').onDelete('CASCADE');
    table.string('author', 512).notNullable();
    table.string('recipient', 400).notNullable();
    table.string('status', 16).notNullable();
    table.text('imdn_id').notNullable();
    table.text('date_time').nullable();
    table.text('return_hop').nullable();
    table.integer('attempts').notNullable().defaultTo(0);
    table.bigInteger('created_at').notNullable();
    table.bigInteger('due_at').notNullable();
    table.string('claim_node', 64).nullable();
    table.bigInteger('claim_until').nullable();
    table.index(['mailbox_id'], 'receipt_of_mailbox');
    table.index(['due_at'], 'receipt_due');
    table.index(['claim_until'], 'receipt_claimed');
  });
}

/** SQLite makes all of this in one transaction. */
async function hasExpiryIndex(knex: Knex): Promise<boolean> {
  if (!isMysql(knex)) return false;
  const answer: unknown = await knex.raw("show index from message where Key_name = 'message_expiring'");
  const [rows] = answer as [readonly unknown[]];
  return rows.length > 0;
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['receipt', 'receipt_request']) await knex.schema.dropTable(table);
  await knex.schema.alterTable('message', (table) => {
    table.dropIndex(['expires_at'], 'message_expiring');
    table.dropColumns('expires_at', 'wrapper');
  });
}
