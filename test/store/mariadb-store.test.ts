import { expect } from 'chai';
import type { Knex } from 'knex';
import knexModule from 'knex';
import * as receipts from '../../schema/004-receipts.ts';
import { migrationSource } from '../../schema/migrations.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
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

  it('finishes a migration that a crash interrupted, after whichever statement', async () => {
    const url = await newUrl();
    const knex = knexModule.default({ client: 'mysql2', connection: url });
    try {
      const all = await migrationSource.getMigrations([]);
      const getMigrations = (): ReturnType<typeof migrationSource.getMigrations> =>
        Promise.resolve(all.slice(0, 3));
      await knex.migrate.latest({ migrationSource: { ...migrationSource, getMigrations } });
      await knex('mailbox').insert({ id: 1, aor: ALICE.toString(), new_count: 1, wanted_version: 1 });
      await knex('address').insert({ mailbox_id: 1, aor: ALICE.toString() });
      await receipts.up(knex);
      const schema = await schemaOf(knex);
      await receipts.down(knex);
      // Each run begins with what the one before it left.
      let crashes = 0;
      while (await crashAfter(knex, crashes, () => receipts.up(knex))) crashes += 1;
      expect(crashes).to.be.above(10);
      expect(await schemaOf(knex)).to.deep.equal(schema);
    } finally {
      await knex.destroy();
    }
    // The last run ended without its migration being written down.
    const store = await openForTest(url);
    expect((await store.counts(ALICE)).new).to.equal(1);
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
  const tables = ['message', 'receipt', 'receipt_request'];
  const answers: unknown[] = await Promise.all(tables.map((table) => knex.raw(`show create table ${table}`)));
  return answers.map((answer) => {
    const [rows] = answer as [{ 'Create Table': string }[]];
    return rows[0]?.['Create Table'] ?? '';
  });
}
