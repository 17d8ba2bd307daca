import type { Knex } from 'knex';
import { ourTable } from './dialect.ts';

/*
 * What the built-in presence server keeps over a restart, by the node that serves it: publications and subscriptions. Rows
 * whose `expires_at` is past mean nothing any more.
 */

export async function up(knex: Knex): Promise<void> {
  const begin = (table: Knex.CreateTableBuilder): void => {
    ourTable(knex, table);
    table.string('node', 64).notNullable();
    table.string('id', 64).notNullable();
    table.string('aor', 400).notNullable();
    table.string('event', 255).notNullable();
    table.bigInteger('expires_at').notNullable();
    table.primary(['node', 'id']);
  };

  await knex.schema.createTable('event_state', (table) => {
    begin(table);
    table.string('entity_tag', 64).notNullable();
    table.text('body').notNullable();
    table.bigInteger('body_order').notNullable();
    table.index(['expires_at'], 'event_state_expired');
  });

  await knex.schema.createTable('subscription', (table) => {
    begin(table);
    table.text('dialog').notNullable();
    table.index(['expires_at'], 'subscription_expired');
  });
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['subscription', 'event_state']) await knex.schema.dropTable(table);
}
