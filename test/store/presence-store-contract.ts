import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
import type { KeptPublication, KeptSubscription, PresenceStore } from '../../src/presence/ports.ts';
import { STORE_LIMITS } from '../../src/store/limits.ts';
import type { Store } from '../../src/store/store.ts';
import { ALICE, CAROL, openForTest } from './store-contract.ts';

const NOW = 1_800_000_000_000;

export function publication(parts: Partial<KeptPublication> = {}): KeptPublication {
  return {
    id: 'publication-1',
    presentity: ALICE,
    event: 'message-summary',
    entityTag: 'tag-1',
    body: 'Messages-Waiting: yes\r\nText-Message: 1/0\r\n',
    expiresAt: NOW + 3_600_000,
    order: NOW,
    ...parts,
  };
}

export function subscription(parts: Partial<KeptSubscription> = {}): KeptSubscription {
  return {
    id: 'subscription-1',
    presentity: ALICE,
    event: 'message-summary;id=7',
    expiresAt: NOW + 3_600_000,
    dialog: JSON.stringify({ callId: 'x@192.0.2.1', from: '"Zoë 🙂" <sip:alice@example.test>;tag=1' }),
    ...parts,
  };
}

async function all<T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> {
  const found: T[] = [];
  for await (const page of pages) found.push(...page);
  return found;
}

/** The ids of what is kept, sorted. */
export async function ids(pages: AsyncIterable<readonly { readonly id: string }[]>): Promise<string[]> {
  return (await all(pages)).map(({ id }) => id).sort();
}

/** What every store keeps of publications and subscriptions. `newUrl` names a database that nobody used. */
export function presenceStoreContract(newUrl: () => Promise<string>): void {
  let url: string;
  let store: Store;
  let kept: PresenceStore;

  beforeEach(async () => {
    url = await newUrl();
    store = await openForTest(url);
    kept = store.presence('node-1');
  });

  afterEach(async () => {
    await store.close();
  });

  /** As after a restart. */
  async function again(): Promise<PresenceStore> {
    await store.close();
    store = await openForTest(url);
    return store.presence('node-1');
  }

  it('gives publications and subscriptions back as they were', async () => {
    const [one, two] = [publication(), publication({ id: 'publication-2', presentity: CAROL, body: '' })];
    await kept.savePublication(one);
    await kept.savePublication(two);
    await kept.saveSubscription(subscription());
    const after = await again();
    const found = await all(after.publications(10));
    expect(found.map(readable)).to.have.deep.members([one, two].map(readable));
    const subscriptions = await all(after.subscriptions(10));
    expect(subscriptions.map(readable)).to.deep.equal([readable(subscription())]);
  });

  it('keeps the longest body, the longest dialog and the longest names', async () => {
    const presentity = AddressOfRecord.parse(`sip:${'u'.repeat(128)}@example.test`);
    const long = publication({
      ...{ id: 'i'.repeat(64), entityTag: 't'.repeat(64), event: 'e'.repeat(200), presentity },
      body: 'ü'.repeat(4_096),
    });
    await kept.savePublication(long);
    const dialog = 'ü🙂\u0000\t'.repeat(1_500);
    await kept.saveSubscription(subscription({ id: 'i'.repeat(64), presentity, dialog }));
    expect((await all(kept.publications(1))).map(readable)).to.deep.equal([readable(long)]);
    expect((await all(kept.subscriptions(1)))[0]?.dialog).to.equal(dialog);
  });

  it('puts one that is saved again in the place of what there was', async () => {
    await kept.savePublication(publication());
    const next = publication({ entityTag: 'tag-2', body: 'other', expiresAt: NOW + 1, order: NOW + 5 });
    await kept.savePublication(next);
    expect((await all(kept.publications(10))).map(readable)).to.deep.equal([readable(next)]);
    await kept.saveSubscription(subscription());
    const moved = subscription({ dialog: 'elsewhere', expiresAt: NOW + 2 });
    await kept.saveSubscription(moved);
    expect((await all(kept.subscriptions(10))).map(readable)).to.deep.equal([readable(moved)]);
  });

  it('forgets what is removed, and nothing else', async () => {
    await kept.savePublication(publication());
    await kept.savePublication(publication({ id: 'other' }));
    await kept.saveSubscription(subscription({ id: 'publication-1' }));
    await kept.removePublication('publication-1');
    await kept.removePublication('never-there');
    expect(await ids(kept.publications(10))).to.deep.equal(['other']);
    expect(await ids(kept.subscriptions(10))).to.deep.equal(['publication-1']);
    await kept.removeSubscription('publication-1');
    expect(await ids(kept.subscriptions(10))).to.deep.equal([]);
  });

  it('does what is asked for at one time in its order', async () => {
    await Promise.all([
      kept.savePublication(publication({ entityTag: 'first' })),
      kept.savePublication(publication({ id: 'gone' })),
      kept.removePublication('publication-1'),
      kept.savePublication(publication({ entityTag: 'last' })),
      kept.removePublication('gone'),
      kept.saveSubscription(subscription()),
      kept.removeSubscription('subscription-1'),
      kept.saveSubscription(subscription({ dialog: 'again' })),
    ]);
    expect((await all(kept.publications(10))).map(({ entityTag }) => entityTag)).to.deep.equal(['last']);
    expect((await all(kept.subscriptions(10))).map(({ dialog }) => dialog)).to.deep.equal(['again']);
  });

  it('shows what there is beyond one page, each once, and no more than asked for', async () => {
    const many = STORE_LIMITS.keptPage + 100;
    await Promise.all(
      Array.from({ length: many }, (_, index) => kept.saveSubscription(subscription({ id: `s${index}` }))),
    );
    expect(new Set(await ids(kept.subscriptions(many + 1)))).to.have.property('size', many);
    expect(await ids(kept.subscriptions(many - 50))).to.have.length(many - 50);
    expect(await ids(kept.subscriptions(0))).to.deep.equal([]);
  });

  it('shows what expired until it is forgotten, whoever kept it', async () => {
    const another = store.presence('node-2');
    const late = { expiresAt: NOW + 1 };
    for (const each of [kept, another]) {
      await each.savePublication(publication({ expiresAt: NOW }));
      await each.savePublication(publication({ id: 'late', ...late }));
      await each.saveSubscription(subscription({ expiresAt: NOW - 5 }));
      await each.saveSubscription(subscription({ id: 'late', ...late }));
    }
    expect(await ids(kept.publications(10))).to.deep.equal(['late', 'publication-1']);
    await kept.removeExpired(NOW);
    for (const each of [kept, another]) {
      expect(await ids(each.publications(10))).to.deep.equal(['late']);
      expect(await ids(each.subscriptions(10))).to.deep.equal(['late']);
    }
    const many = STORE_LIMITS.expiredBatch + 10;
    await Promise.all(
      Array.from({ length: many }, (_, index) =>
        kept.savePublication(publication({ id: `p${index}`, expiresAt: NOW - index })),
      ),
    );
    await kept.removeExpired(NOW);
    expect(await ids(kept.publications(many + 1))).to.deep.equal(['late']);
  });

  it('says StoreUnavailable when it is closed', async () => {
    const closed = store.presence('node-1');
    await store.close();
    const refused = await closed.savePublication(publication()).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(StoreUnavailable);
    store = await openForTest(url);
  });
}

/** For comparison: addresses are compared by what they say. */
function readable(item: { readonly presentity: AddressOfRecord }): object {
  return { ...item, presentity: item.presentity.toString() };
}
