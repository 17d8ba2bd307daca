import type { Knex } from 'knex';
import { ourTable } from './dialect.ts';

/*
 * A mailbox may have several addresses; each has a lamp of its own, so publications go by address. What was kept in memory
 * before (when a lost publication will have lapsed, since when a mailbox is unchanged) is kept here, and so is what a voicemail
 * says. An address whose `published_version` is below its mailbox's `wanted_version` is due.
 */

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('mailbox', (table) => {
    table.bigInteger('changed_at').notNullable().defaultTo(0);
  });

  await knex.schema.createTable('address', (table) => {
    ourTable(knex, table);
    table.bigIncrements('id');
    table.bigInteger('mailbox_id').unsigned().notNullable().references('mailbox.id').onDelete('CASCADE');
    table.string('aor', 400).notNullable().unique();
    table.bigInteger('published_version').notNullable().defaultTo(0);
    table.string('entity_tag', 512).nullable();
    table.bigInteger('expires_at').nullable();
    table.integer('failures').notNullable().defaultTo(0);
    table.bigInteger('restore_at').nullable();
    table.bigInteger('reassure_at').nullable();
    table.integer('refused_with').nullable();
    table.bigInteger('due_at').nullable();
    table.bigInteger('not_before').notNullable().defaultTo(0);
    table.string('claim_node', 64).nullable();
    table.bigInteger('claim_until').nullable();
    table.index(['mailbox_id'], 'address_of_mailbox');
    table.index(['due_at'], 'address_due');
    table.index(['claim_until'], 'address_claimed');
    table.index(['failures'], 'address_failing');
  });

  await knex.schema.createTable('voicemail', (table) => {
    ourTable(knex, table);
    table.bigInteger('mailbox_id').unsigned().primary().references('mailbox.id').onDelete('CASCADE');
    table.string('body', 4000).nullable();
    table.bigInteger('stands_until').nullable();
    table.bigInteger('watch_due_at').nullable();
    table.string('claim_node', 64).nullable();
    table.bigInteger('claim_until').nullable();
    table.index(['watch_due_at'], 'voicemail_due');
    table.index(['claim_until'], 'voicemail_claimed');
  });

  const carried = ['published_version', 'entity_tag', 'expires_at', 'failures', 'due_at', 'not_before'];
  const names = carried.map((name) => `, ${name}`).join('');
  const values = carried
    .map((name) => {
      const zero = ['published_version', 'failures', 'not_before'].includes(name);
      return zero ? `, coalesce(publication.${name}, 0)` : `, publication.${name}`;
    })
    .join('');
  await knex.raw(
    `insert into address (mailbox_id, aor${names}) select mailbox.id, mailbox.aor${values} ` +
      'from mailbox left join publication on publication.mailbox_id = mailbox.id',
  );
  await knex.schema.dropTable('publication');
}

export function down(): Promise<void> {
  return Promise.reject(new Error('aliases have no place in the schema before this one'));
}
