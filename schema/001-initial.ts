import type { Knex } from 'knex';

/*
 * Times are epoch ms. Addresses and tags are compared byte by byte. `wanted_version` grows with every change of a mailbox's
 * counts; a publication whose `published_version` is below it is due.
 */

export async function up(knex: Knex): Promise<void> {
  const mysql = (knex.client as { config: { client: string } }).config.client === 'mysql2';
  const finish = (table: Knex.CreateTableBuilder): void => {
    if (!mysql) return;
    table.engine('InnoDB');
    table.charset('utf8mb4');
    table.collate('utf8mb4_bin');
  };

  await knex.schema.createTable('mailbox', (table) => {
    finish(table);
    table.bigIncrements('id');
    table.string('aor', 400).notNullable().unique();
    for (const count of ['new_count', 'old_count', 'new_urgent', 'old_urgent']) {
      table.integer(count).notNullable().defaultTo(0);
    }
    table.bigInteger('wanted_version').notNullable().defaultTo(0);
  });

  await knex.schema.createTable('message', (table) => {
    finish(table);
    table.bigIncrements('id');
    table.bigInteger('mailbox_id').unsigned().notNullable().references('mailbox.id').onDelete('CASCADE');
    table.specificType('unique_hash', mysql ? 'BINARY(32)' : 'BLOB').notNullable();
    table.string('author', 512).notNullable();
    table.string('author_name', 512).notNullable();
    table.string('message_id', 512).notNullable();
    table.string('content_type', 512).notNullable();
    table.specificType('content', mysql ? 'MEDIUMBLOB' : 'BLOB').notNullable();
    table.string('subject', 1000).notNullable();
    table.boolean('urgent').notNullable();
    table.bigInteger('sent_at').nullable();
    table.bigInteger('received_at').notNullable();
    table.bigInteger('read_at').nullable();
    table.string('lease_token', 64).nullable();
    table.bigInteger('lease_until').nullable();
    table.unique(['mailbox_id', 'unique_hash'], { indexName: 'message_once' });
    table.index(['mailbox_id', 'read_at', 'received_at', 'id'], 'message_new_in_order');
    table.index(['lease_token'], 'message_leased');
  });

  await knex.schema.createTable('publication', (table) => {
    finish(table);
    table.bigInteger('mailbox_id').unsigned().primary().references('mailbox.id').onDelete('CASCADE');
    table.bigInteger('published_version').notNullable().defaultTo(0);
    table.string('entity_tag', 512).nullable();
    table.bigInteger('expires_at').nullable();
    table.integer('failures').notNullable().defaultTo(0);
    table.bigInteger('due_at').nullable();
    table.bigInteger('not_before').notNullable().defaultTo(0);
    table.string('claim_node', 64).nullable();
    table.bigInteger('claim_until').nullable();
    table.index(['due_at'], 'publication_due');
    table.index(['claim_until'], 'publication_claimed');
  });
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['publication', 'message', 'mailbox']) await knex.schema.dropTable(table);
}
