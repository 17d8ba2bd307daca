import type { Knex } from 'knex';
import * as initial from './001-initial.ts';
import * as lamps from './002-lamps.ts';
import * as presence from './003-presence.ts';
import * as receipts from './004-receipts.ts';

/** Every migration in order. A released one is never edited: a change is a new one at the end. */
const MIGRATIONS: readonly { readonly name: string; readonly migration: Knex.Migration }[] = [
  { name: '001-initial', migration: initial },
  { name: '002-lamps', migration: lamps },
  { name: '003-presence', migration: presence },
  { name: '004-receipts', migration: receipts },
];

/** Gives knex the migrations as they are imported here, so that sources and build run the same ones. */
export const migrationSource: Knex.MigrationSource<(typeof MIGRATIONS)[number]> = {
  getMigrations: () => Promise.resolve([...MIGRATIONS]),
  getMigrationName: ({ name }) => name,
  getMigration: ({ migration }) => Promise.resolve(migration),
};
