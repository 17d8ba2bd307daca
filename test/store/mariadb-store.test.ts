import { expect } from 'chai';
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

  it('is refused at once when the server is not there', async () => {
    const refused = await openForTest('mysql://mailbox:secret@127.0.0.1:1/none').catch(
      (error: unknown) => error,
    );
    expect(refused).to.be.instanceOf(StoreUnavailable);
  });
});
