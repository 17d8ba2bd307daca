import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { Clock } from '../../src/core/clock.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Disposition, MailboxCounts } from '../../src/mailbox/ports.ts';
import type { Store } from '../../src/store/store.ts';
import { openForTest, text } from './store-contract.ts';

const OWNERS = ['sip:alice@example.test', 'sip:carol@example.test'].map((aor) => AddressOfRecord.parse(aor));
const DISPOSITIONS: readonly Disposition[] = [
  'processing',
  'positive-delivery',
  'negative-delivery',
  'display',
];
const MAX_TEXTS = 8;
const TOKENS = ['t', 'u'];

type Operation =
  | {
      readonly kind: 'deposit';
      readonly owner: number;
      readonly key: number;
      readonly life: number | null;
      readonly urgent: boolean;
      readonly dispositions: readonly Disposition[];
    }
  | { readonly kind: 'lease'; readonly owner: number; readonly token: number; readonly limit: number }
  | { readonly kind: 'renew' | 'release'; readonly token: number }
  | { readonly kind: 'read'; readonly token: number; readonly pick: number }
  | { readonly kind: 'displayed'; readonly owner: number; readonly key: number }
  | { readonly kind: 'expire'; readonly limit: number }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'alias' | 'restart' };

/** A text as it should be in the store. */
interface Modelled {
  owner: number;
  /** As whom its receipts speak, whoever becomes its owner. */
  readonly sentTo: number;
  readonly key: number;
  readonly urgent: boolean;
  readonly dispositions: readonly Disposition[];
  readonly expiresAt: number | null;
  readonly receivedAt: number;
  id: number | null;
  lease: { readonly token: number; readonly until: number } | null;
  isRead: boolean;
  isDisplayed: boolean;
}

const owner = fc.integer({ min: 0, max: OWNERS.length - 1 });
const key = fc.integer({ min: 0, max: 11 });
const token = fc.integer({ min: 0, max: TOKENS.length - 1 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('deposit' as const),
      owner,
      key,
      life: fc.option(fc.integer({ min: 0, max: 3_000 })),
      urgent: fc.boolean(),
      dispositions: fc.subarray([...DISPOSITIONS]),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('lease' as const),
      owner,
      token,
      limit: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('renew' as const, 'release' as const), token }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('read' as const), token, pick: fc.nat({ max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('displayed' as const), owner, key }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('expire' as const), limit: fc.integer({ min: 0, max: 5 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 2_500 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('alias' as const, 'restart' as const) }),
  },
);

/** The store beside what it should hold. Time stands still unless an operation lets it pass. */
class Run {
  readonly #url: string;
  readonly #texts: Modelled[] = [];
  readonly #receipts: string[] = [];
  /** Texts that expired, by mailbox and key: none is forgotten in so short a time. */
  readonly #gone = new Set<string>();
  readonly #clock: Clock = { now: () => this.#now, after: (...args) => systemClock.after(...args) };
  #now = 1_800_000_000_000;
  #serial = 0;
  #joined = false;
  #store: Store | null = null;

  constructor(url: string) {
    this.#url = url;
  }

  async open(): Promise<Store> {
    this.#store ??= await openForTest(this.#url, { clock: this.#clock, maxTexts: MAX_TEXTS });
    return this.#store;
  }

  async close(): Promise<void> {
    await this.#store?.close();
    this.#store = null;
  }

  async apply(step: Operation): Promise<void> {
    const store = await this.open();
    const held = this.#now + 1_000;
    switch (step.kind) {
      case 'deposit':
        await this.#deposit(store, step);
        break;
      case 'lease': {
        const leased = await store.lease(this.#owner(step.owner), this.#token(step.token), held, step.limit);
        const free = this.#new(step.owner).filter((each) => this.#isFree(each) && !this.#isOld(each));
        const expected = free.slice(0, step.limit);
        expect(leased.map(({ messageId }) => messageId)).to.deep.equal(
          expected.map((each) => `m${each.key}`),
        );
        expected.forEach((each, i) => {
          each.lease = { token: step.token, until: held };
          each.id = leased[i]?.id ?? null;
        });
        break;
      }
      case 'renew':
        await store.renewLease(this.#token(step.token), held);
        for (const each of this.#heldBy(step.token)) each.lease = { token: step.token, until: held };
        break;
      case 'release':
        await store.releaseLease(this.#token(step.token));
        for (const each of this.#heldBy(step.token)) each.lease = null;
        break;
      case 'read': {
        const text = this.#heldBy(step.token)[step.pick];
        if (text === undefined) break;
        expect(await store.markRead(this.#token(step.token), text.id ?? 0)).to.equal(true);
        Object.assign(text, { isRead: true, lease: null });
        this.#tell(text, 'positive-delivery', 'delivered');
        break;
      }
      case 'displayed': {
        const text = this.#texts.find(
          (each) =>
            each.owner === this.#mailbox(step.owner) && each.key === step.key && asks(each, 'display'),
        );
        expect(await store.markDisplayed(this.#owner(step.owner), `m${step.key}`, null)).to.equal(
          text !== undefined,
        );
        if (text === undefined || text.isDisplayed) break;
        text.isDisplayed = true;
        this.#tell(text, 'display', 'displayed');
        break;
      }
      case 'expire':
        await this.#expire(store, step.limit);
        break;
      case 'time':
        this.#now += step.ms;
        break;
      case 'alias':
        await this.#join(store);
        break;
      case 'restart':
        await this.close();
    }
    await this.check();
  }

  /** Counts, rows and model agree, and so do the times of the next expiry. */
  async check(): Promise<void> {
    const store = await this.open();
    for (const [index, aor] of OWNERS.entries()) {
      const expected = this.#counts(index);
      expect(await store.counts(aor)).to.deep.equal(expected);
      const [lamp] = await store.lamps({ only: aor });
      if (lamp !== undefined) expect([lamp.counts, lamp.counted]).to.deep.equal([expected, expected]);
    }
    const ends = this.#texts
      .filter((each) => !each.isRead && each.expiresAt !== null)
      .map(({ expiresAt, lease }) => Math.max(expiresAt ?? 0, lease?.until ?? 0));
    expect(await store.nextExpiryAt()).to.equal(ends.length === 0 ? null : Math.min(...ends));
  }

  /** The receipts that were written are those that came true. */
  async finish(): Promise<void> {
    const store = await this.open();
    const claimed = await store.claimReceipts({ node: 'n', until: this.#now + 1 }, this.#now, 10_000);
    const said = claimed.map((each) => `${each.status} ${each.messageId} ${each.owner.toString()}`);
    expect(said).to.have.members(this.#receipts);
  }

  async #deposit(store: Store, step: Extract<Operation, { kind: 'deposit' }>): Promise<void> {
    const { key: name, urgent, dispositions } = step;
    const mailbox = this.#mailbox(step.owner);
    const expiresAt = step.life === null ? null : this.#now + step.life;
    const receivedAt = ++this.#serial;
    const outcome = await store.deposit(
      text({
        owner: this.#owner(step.owner),
        uniqueKey: `k${name}`,
        messageId: `m${name}`,
        urgent,
        receivedAt,
        expiresAt,
        receipts: { dispositions, messageId: `m${name}`, dateTime: null, returnHop: null },
      }),
    );
    const isKnown =
      this.#gone.has(`${mailbox} ${name}`) ||
      this.#texts.some((each) => each.owner === mailbox && each.key === name);
    const isFull = this.#texts.filter((each) => each.owner === mailbox).length >= MAX_TEXTS;
    expect(outcome).to.equal(isKnown ? 'duplicate' : isFull ? 'full' : 'stored');
    if (outcome !== 'stored') return;
    const state = { id: null, lease: null, isRead: false, isDisplayed: false };
    const kept = {
      owner: mailbox,
      sentTo: step.owner,
      key: name,
      urgent,
      dispositions,
      expiresAt,
      receivedAt,
      ...state,
    };
    this.#texts.push(kept);
    this.#tell(kept, 'processing', 'stored');
  }

  async #expire(store: Store, limit: number): Promise<void> {
    const before = this.#texts.filter((each) => !each.isRead && this.#isFree(each) && this.#isOld(each));
    const taken = await store.expireTexts(this.#now, limit);
    expect(taken).to.equal(Math.min(limit, before.length));
    // Those that are too old for longest; of equals, which were kept first.
    before.sort((a, b) => (a.expiresAt ?? 0) - (b.expiresAt ?? 0) || a.receivedAt - b.receivedAt);
    for (const each of before.slice(0, taken)) {
      this.#texts.splice(this.#texts.indexOf(each), 1);
      this.#gone.add(`${each.owner} ${each.key}`);
      this.#tell(each, 'negative-delivery', 'failed');
    }
  }

  /** Carol's address becomes one of Alice's; a text that both have is the one of Alice. */
  async #join(store: Store): Promise<void> {
    const outcome = await store.addAlias(this.#owner(0), this.#owner(1));
    expect(outcome).to.equal(this.#joined ? 'there already' : 'added');
    this.#joined = true;
    for (const each of this.#texts.filter((text) => text.owner === 1)) {
      const isTwice = this.#texts.some((other) => other.owner === 0 && other.key === each.key);
      if (isTwice) this.#texts.splice(this.#texts.indexOf(each), 1);
      else each.owner = 0;
    }
    for (const each of [...this.#gone]) this.#gone.add(each.replace(/^1 /, '0 '));
  }

  #tell(text: Modelled, disposition: Disposition, status: string): void {
    if (!asks(text, disposition)) return;
    this.#receipts.push(`${status} m${text.key} ${this.#owner(text.sentTo).toString()}`);
  }

  #mailbox(index: number): number {
    return this.#joined ? 0 : index;
  }

  #owner(index: number): AddressOfRecord {
    const aor = OWNERS[index];
    if (aor === undefined) throw new Error('there is no such owner');
    return aor;
  }

  #token(index: number): string {
    return TOKENS[index] ?? '';
  }

  /** In the order in which they are handed out. */
  #new(index: number): Modelled[] {
    return this.#texts
      .filter((each) => each.owner === this.#mailbox(index) && !each.isRead)
      .sort((a, b) => a.receivedAt - b.receivedAt);
  }

  #heldBy(index: number): Modelled[] {
    return this.#texts.filter(({ lease }) => lease?.token === index);
  }

  #isFree({ lease }: Modelled): boolean {
    return lease === null || lease.until <= this.#now;
  }

  #isOld({ expiresAt }: Modelled): boolean {
    return expiresAt !== null && expiresAt <= this.#now;
  }

  #counts(index: number): MailboxCounts {
    const own = this.#texts.filter((each) => each.owner === this.#mailbox(index));
    const count = (isRead: boolean, urgentOnly: boolean): number =>
      own.filter((each) => each.isRead === isRead && (each.urgent || !urgentOnly)).length;
    return {
      new: count(false, false),
      old: count(true, false),
      newUrgent: count(false, true),
      oldUrgent: count(true, true),
    };
  }
}

function asks({ dispositions }: Modelled, disposition: Disposition): boolean {
  return dispositions.includes(disposition);
}

describe('a store in which texts expire', function () {
  this.timeout(60_000);

  let folder: string;
  let files = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'text-mailbox-expiry-'));
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('counts what its rows are, hands out what lives, and tells what came true, whatever is done to it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 10, maxLength: 60, size: 'max' }), async (steps) => {
        const run = new Run(`sqlite:${folder}/${++files}.db`);
        try {
          for (const step of steps) await run.apply(step);
          await run.finish();
        } finally {
          await run.close();
        }
      }),
      { numRuns: 40 },
    );
  });
});
