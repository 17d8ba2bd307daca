import type { Knex } from 'knex';

/** Whether a migration runs on MySQL or MariaDB; else it is SQLite. */
export function isMysql(knex: Knex): boolean {
  return (knex.client as { config: { client: string } }).config.client === 'mysql2';
}

/** A table of ours: transactional, and addresses and tags compared byte by byte, as SQLite does by itself. */
export function ourTable(knex: Knex, table: Knex.CreateTableBuilder): void {
  if (!isMysql(knex)) return;
  table.engine('InnoDB');
  table.charset('utf8mb4');
  table.collate('utf8mb4_bin');
}
