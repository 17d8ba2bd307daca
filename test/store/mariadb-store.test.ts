import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import type { Knex } from 'knex';
import knexModule from 'knex';
import { migrationSource } from '../../schema/migrations.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
import { STORE_LIMITS } from '../../src/store/limits.ts';
import type { ServerVariable } from '../../src/store/migrate.ts';
import { isOneOfSeveral } from '../../src/store/migrate.ts';
import type { Store } from '../../src/store/store.ts';
import type { Mariadb } from '../peers/mariadb.ts';
import { startMariadb } from '../peers/mariadb.ts';
import { releasedAfter } from '../peers/release.ts';
import { requirePeer } from '../peers/require-peer.ts';
import { ALICE, openForTest, storeContract, text } from './store-contract.ts';

describe('the store on MariaDB', function () {
  this.timeout(60_000);
  requirePeer('mariadb');
  const release = releasedAfter();

  let mariadb: Mariadb;
  let databases = 0;

  before(async () => {
    mariadb = await startMariadb();
    release(() => mariadb.stop());
  });

  const newUrl = (): Promise<string> => mariadb.createDatabase(`mailbox_${++databases}`);

  storeContract(newUrl);

  it('keeps the neighbours of a text that the database refuses', async () => {
    const store = await openForTest(await newUrl());
    const texts = [text(), text({ contentType: `text/plain; x=${'y'.repeat(600)}` }), text()];
    const outcomes = await Promise.allSettled(texts.map((each) => store.deposit(each)));
    expect(outcomes.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
    expect((await store.counts(ALICE)).new).to.equal(2);
    await store.close();
  });

  it('loses nothing acknowledged when the server is killed, and goes on by itself when it is back', async () => {
    const store = await openForTest(await newUrl());
    const acknowledged: string[] = [];
    const texts = Array.from({ length: 300 }, () => text());
    const burst = texts.map(async (each) => {
      try {
        await store.deposit(each);
        acknowledged.push(each.messageId);
      } catch (error) {
        expect(error).to.be.instanceOf(StoreUnavailable);
      }
    });
    await Promise.race(burst);
    await mariadb.kill();
    await Promise.all(burst);
    const started = Date.now();
    const refused = await store.deposit(text()).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(StoreUnavailable);
    expect(Date.now() - started).to.be.below(10_000);
    await mariadb.resume();
    await store.ready();
    const kept = (await store.lease(ALICE, 't', Date.now() + 60_000, 1000)).map(({ messageId }) => messageId);
    expect(kept).to.include.members(acknowledged);
    await Promise.all(texts.map((each) => store.deposit(each)));
    expect((await store.counts(ALICE)).new).to.equal(texts.length);
    await store.close();
  });

  it('answers in bounded time when the server hangs', async () => {
    const store = await openForTest(await newUrl());
    await store.deposit(text());
    mariadb.freeze();
    try {
      const refused = await store.deposit(text()).catch((error: unknown) => error);
      expect(refused).to.be.instanceOf(StoreUnavailable);
    } finally {
      mariadb.thaw();
    }
    expect(await store.deposit(text())).to.equal('stored');
    await store.close();
  });

  /** A database as the migrations before `next` leave it, with a mailbox in it. */
  async function migratedBefore(next: number): Promise<{ url: string; knex: Knex }> {
    const url = await newUrl();
    const knex = knexModule.default({ client: 'mysql2', connection: url, log: { warn: () => undefined } });
    const all = await migrationSource.getMigrations([]);
    const getMigrations = (): ReturnType<typeof migrationSource.getMigrations> =>
      Promise.resolve(all.slice(0, next));
    await knex.migrate.latest({ migrationSource: { ...migrationSource, getMigrations } });
    await knex('mailbox').insert({ id: 1, aor: ALICE.toString(), new_count: 1, wanted_version: 3 });
    const published = { mailbox_id: 1, published_version: 2, entity_tag: 'a.1', due_at: 5 };
    if (next === 1) await knex('publication').insert(published);
    else await knex('address').insert({ ...published, aor: ALICE.toString() });
    return { url, knex };
  }

  for (const [index, name] of ['002-lamps', '003-presence', '004-receipts', '005-desk'].entries()) {
    it(`finishes the migration ${name} that a crash interrupted, after whichever statement`, async () => {
      const [whole, { url, knex }] = [await migratedBefore(index + 1), await migratedBefore(index + 1)];
      try {
        const { migration, name: found } = (await migrationSource.getMigrations([]))[index + 1] ?? {};
        expect(found).to.equal(name);
        await migration?.up(whole.knex);
        // Each run begins with what the one before it left.
        let crashes = 0;
        while (
          await crashAfter(knex, crashes, async () => {
            await migration?.up(knex);
          })
        )
          crashes += 1;
        expect(crashes).to.be.above(3);
        expect(await schemaOf(knex)).to.deep.equal(await schemaOf(whole.knex));
        // The node that died last left knex's lock, too, and what it had done was not written down.
        await knex('knex_migrations_lock').update({ is_locked: 1 });
      } finally {
        await Promise.all([knex.destroy(), whole.knex.destroy()]);
      }
      const store = await openForTest(url);
      expect((await store.counts(ALICE)).new).to.equal(1);
      const [due] = await store.claimDue({ node: 'n', until: Date.now() + 60_000 }, Date.now(), 10);
      expect(due?.state).to.deep.include({ publishedVersion: 2, entityTag: 'a.1' });
      expect(due?.wantedVersion).to.equal(3);
      await store.close();
    });
  }

  it('sums up texts that were there before a bounded number at a time (Galera: a write set has a limit)', async () => {
    const { knex } = await migratedBefore(4);
    try {
      const texts = Array.from({ length: 2_500 }, (_, index) => ({
        ...{ id: 3 * index + 1, mailbox_id: 1, author: 'sip:bob@example.test', author_name: '' },
        ...{ message_id: `m${index}`, content_type: 'text/plain', content: Buffer.from('four'), subject: '' },
        ...{ unique_hash: createHash('sha256').update(`m${index}`).digest(), urgent: false, received_at: 1 },
      }));
      await knex.batchInsert('message', texts, 500);
      const updated: number[] = [];
      knex.on(
        'query-response',
        (response: [{ readonly affectedRows?: number }], { sql }: { sql: string }) => {
          if (sql.startsWith('update message')) updated.push(response[0].affectedRows ?? 0);
        },
      );
      await (await migrationSource.getMigrations([]))[4]?.migration.up(knex);
      expect(Math.max(...updated)).to.be.at.most(1_000);
      expect(updated.reduce((sum, rows) => sum + rows, 0)).to.equal(2_500);
      expect(await knex('mailbox').pluck('bytes')).to.deep.equal([4 * 2_500]);
    } finally {
      await knex.destroy();
    }
  });

  it('leaves the lock of a migration that lives alone, and goes on when it is through', async () => {
    const { url, knex } = await migratedBefore(3);
    try {
      // As another node has it: knex's lock in a row, the server's on its connection.
      await knex('knex_migrations_lock').update({ is_locked: 1 });
      let opening: Promise<Store> | undefined;
      await knex.transaction(async (trx) => {
        await trx.raw("select get_lock('text_mailbox_schema', 0)");
        opening = openForTest(url);
        opening.catch(() => undefined);
        await pause(STORE_LIMITS.lockWait * 1_000 + 2 * STORE_LIMITS.migrationPause);
        expect(await trx('knex_migrations_lock').pluck('is_locked')).to.deep.equal([1]);
        expect(await trx.schema.hasTable('receipt')).to.equal(false);
        await trx.raw("select release_lock('text_mailbox_schema')");
      });
      const store = await opening;
      expect((await store?.counts(ALICE))?.new).to.equal(1);
      await store?.close();
      expect(await knex('knex_migrations_lock').pluck('is_locked')).to.deep.equal([0]);
    } finally {
      await knex.destroy();
    }
  });

  it('brings a new database up to date once, however many nodes start together', async () => {
    const url = await newUrl();
    const stores = await Promise.all(Array.from({ length: 4 }, () => openForTest(url)));
    expect(await Promise.all(stores.map((store) => store.counts(ALICE)))).to.have.length(4);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('is brought up to date by a server that hangs for a while as it starts', async () => {
    const url = await newUrl();
    mariadb.freeze();
    const opening = openForTest(url);
    opening.catch(() => undefined);
    try {
      await pause(STORE_LIMITS.acquire + 500);
    } finally {
      mariadb.thaw();
    }
    const store = await opening;
    expect(await store.deposit(text())).to.equal('stored');
    await store.close();
  });

  it('is refused at once when the server is not there', async () => {
    const refused = await openForTest('mysql://mailbox:secret@127.0.0.1:1/none').catch(
      (error: unknown) => error,
    );
    expect(refused).to.be.instanceOf(StoreUnavailable);
  });
});

/** Runs `work` and lets it fail before its statement after `statements` others; whether it came to that. */
async function crashAfter(knex: Knex, statements: number, work: () => Promise<void>): Promise<boolean> {
  let run = 0;
  const crash = (): void => {
    if (run++ === statements) throw new Error('crashed');
  };
  knex.on('query', crash);
  try {
    await work();
    return false;
  } catch (error) {
    expect(error).to.have.property('message').that.includes('crashed');
    return true;
  } finally {
    knex.removeListener('query', crash);
  }
}

async function schemaOf(knex: Knex): Promise<string[]> {
  const [tables] = (await knex.raw('show tables')) as [Record<string, string>[]];
  const ours = tables.flatMap((row) => Object.values(row)).filter((table) => !table.startsWith('knex_'));
  const answers: unknown[] = await Promise.all(ours.map((table) => knex.raw(`show create table ${table}`)));
  return answers.map((answer) => {
    const [rows] = answer as [{ 'Create Table': string }[]];
    // Where the next id stands is no part of it.
    return (rows[0]?.['Create Table'] ?? '').replace(/ AUTO_INCREMENT=\d+/, '');
  });
}

describe('a database server', () => {
  const server = (name: string, value: string): ServerVariable => ({ Variable_name: name, Value: value });

  it('that is a node of a cluster cannot tell whether a migration lives', () => {
    expect(isOneOfSeveral([server('wsrep_on', 'ON')])).to.equal(true);
    expect(isOneOfSeveral([server('group_replication_group_name', 'aaaa-bbbb')])).to.equal(true);
    expect(isOneOfSeveral([server('wsrep_on', 'OFF'), server('group_replication_group_name', '')])).to.equal(
      false,
    );
    expect(isOneOfSeveral([])).to.equal(false);
  });
});
