import type { Knex } from 'knex';
import * as initial from './001-initial.ts';
import * as lamps from './002-lamps.ts';
import * as presence from './003-presence.ts';
import * as receipts from './004-receipts.ts';
import * as desk from './005-desk.ts';

/** Every migration in order. A released one is never edited: a change is a new one at the end. */
const MIGRATIONS: readonly { readonly name: string; readonly migration: Knex.Migration }[] = [
  { name: '001-initial', migration: initial },
  { name: '002-lamps', migration: resumable(lamps, withoutHalfOfLamps) },
  { name: '003-presence', migration: resumable(presence, withoutHalfOfPresence) },
  { name: '004-receipts', migration: receipts },
  { name: '005-desk', migration: desk },
];

/**
 * MySQL commits each statement of a migration by itself, so that a crash leaves some of it behind. `clear` takes that away
 * before it runs once more; false: it was through, but for being written down.
 */
function resumable(migration: Knex.Migration, clear: (knex: Knex) => Promise<boolean>): Knex.Migration {
  return {
    ...migration,
    up: async (knex) => {
      if (await clear(knex)) await migration.up(knex);
    },
  };
}

/** Until `publication` goes, which is its last statement, nobody has used what it made. */
async function withoutHalfOfLamps(knex: Knex): Promise<boolean> {
  if (!(await knex.schema.hasTable('publication'))) return false;
  for (const table of ['voicemail', 'address']) await knex.schema.dropTableIfExists(table);
  if (await knex.schema.hasColumn('mailbox', 'changed_at')) {
    await knex.schema.alterTable('mailbox', (table) => void table.dropColumn('changed_at'));
  }
  return true;
}

/** Nobody has used its tables before it was over. */
async function withoutHalfOfPresence(knex: Knex): Promise<boolean> {
  for (const table of ['subscription', 'event_state']) await knex.schema.dropTableIfExists(table);
  return true;
}

/** Gives knex the migrations as they are imported here, so that sources and build run the same ones. */
export const migrationSource: Knex.MigrationSource<(typeof MIGRATIONS)[number]> = {
  getMigrations: () => Promise.resolve([...MIGRATIONS]),
  getMigrationName: ({ name }) => name,
  getMigration: ({ migration }) => Promise.resolve(migration),
};
