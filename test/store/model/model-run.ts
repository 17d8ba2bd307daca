import { expect } from 'chai';
import type { Knex } from 'knex';
import { AddressOfRecord } from '../../../src/core/address-of-record.ts';
import type { Clock } from '../../../src/core/clock.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { Store } from '../../../src/store/store.ts';
import { text } from '../store-contract.ts';
import type { ModelLimits, ModelText, NewModelText } from './mailbox-model.ts';
import { MailboxModel } from './mailbox-model.ts';
import type { Boxes, Operation } from './model-operations.ts';

/** How long a lease lasts here, ms. */
const LEASE = 1_000;

/** Mailboxes that lamps are read of at one time. */
const PAGE = 2_000;

export interface ModelRunOptions {
  readonly mailboxes: number;
  readonly limits: ModelLimits;
  /** Opens the database, the same each time. */
  readonly open: (clock: Clock) => Promise<Store>;
  /** Looks into it, past the store. */
  readonly look: () => Promise<Knex>;
}

interface Box {
  readonly owner: AddressOfRecord;
  readonly model: MailboxModel;
}

/**
 * Mailboxes of a store beside what they should be. Time stands still unless an operation lets it pass; what is done to many
 * mailboxes is done at the same time.
 */
export class ModelRun {
  readonly #options: ModelRunOptions;
  readonly #boxes: readonly Box[];
  readonly #clock: Clock = { now: () => this.#now, after: (...args) => systemClock.after(...args) };
  #now = 1_800_000_000_000;
  #order = 0;
  #store: Store | undefined;

  constructor(options: ModelRunOptions) {
    this.#options = options;
    this.#boxes = Array.from({ length: options.mailboxes }, (_, index) => ({
      owner: AddressOfRecord.parse(`sip:user${String(index).padStart(5, '0')}@example.test`),
      model: new MailboxModel(options.limits),
    }));
  }

  /** Does it to store and model, and compares all of both. */
  async apply(operation: Operation): Promise<void> {
    const store = await this.#open();
    switch (operation.kind) {
      case 'deposit':
        await this.#deposit(store, operation);
        break;
      case 'lease':
        await this.#lease(store, operation);
        break;
      case 'renew':
        await store.renewLease(`t${operation.token}`, this.#now + LEASE);
        for (const each of this.#heldBy(operation.token)) {
          each.lease = { token: `t${operation.token}`, until: this.#now + LEASE };
        }
        break;
      case 'release':
        await store.releaseLease(`t${operation.token}`);
        for (const each of this.#heldBy(operation.token)) each.lease = null;
        break;
      case 'read':
        await this.#read(store, operation);
        break;
      case 'save':
        await this.#save(store, operation);
        break;
      case 'delete':
        await this.#delete(store, operation);
        break;
      case 'block':
      case 'unblock':
        await this.#block(store, operation);
        break;
      case 'expire':
      case 'due':
      case 'drop':
      case 'forget':
        await this.#sweep(store, operation);
        break;
      case 'time':
        this.#now += operation.ms;
        break;
      case 'restart':
        await this.close();
    }
    await this.check();
  }

  async close(): Promise<void> {
    await this.#store?.close();
    this.#store = undefined;
  }

  /** What the store says of every mailbox, what its rows say, and the model: all the same. */
  async check(): Promise<void> {
    const store = await this.#open();
    const models = new Map(this.#boxes.map(({ owner, model }) => [owner.toString(), model]));
    let after: string | null = null;
    for (;;) {
      const page = await store.lamps({ after, limit: PAGE });
      for (const { target, counts, counted } of page) {
        const expected = models.get(target.toString())?.counts();
        // Compared as text first: a deep comparison of each costs more than everything else.
        const same = JSON.stringify(expected);
        if (JSON.stringify(counts) === same && JSON.stringify(counted) === same) continue;
        expect({ counts, counted }, target.toString()).to.deep.equal({ counts: expected, counted: expected });
      }
      after = page.at(-1)?.target.toString() ?? null;
      if (page.length < PAGE) break;
    }
    await this.#checkRoom();
    const due = this.#all().flatMap(({ deliverAt }) => (deliverAt === null ? [] : [deliverAt]));
    expect(await store.nextScheduledAt(), 'next scheduled').to.equal(least(due));
    const ends = this.#all().flatMap(({ readAt, deliverAt, expiresAt, lease }) =>
      readAt !== null || deliverAt !== null || expiresAt === null
        ? []
        : [Math.max(expiresAt, lease?.until ?? 0)],
    );
    expect(await store.nextExpiryAt(), 'next expiry').to.equal(least(ends));
    const read = this.#all().flatMap(({ readAt, saved }) => (readAt === null || saved ? [] : [readAt]));
    expect(await store.oldestReadAt(), 'oldest read').to.equal(least(read));
  }

  /** Room taken and texts that are not due, as the mailboxes' rows have them. */
  async #checkRoom(): Promise<void> {
    const knex = await this.#options.look();
    const rows: { aor: string; bytes: number; scheduled_count: number }[] = await knex('mailbox').select(
      'aor',
      'bytes',
      'scheduled_count',
    );
    const there = new Map(rows.map((row) => [row.aor, row]));
    for (const { owner, model } of this.#boxes) {
      const row = there.get(owner.toString());
      const [bytes, scheduled] = [row?.bytes ?? 0, row?.scheduled_count ?? 0];
      if (bytes === model.bytes() && scheduled === model.scheduled()) continue;
      expect({ bytes, scheduled }, owner.toString()).to.deep.equal({
        bytes: model.bytes(),
        scheduled: model.scheduled(),
      });
    }
  }

  async #deposit(store: Store, operation: Extract<Operation, { kind: 'deposit' }>): Promise<void> {
    const { key, author, bytes, urgent, life, delay } = operation;
    const deliverAt = delay === null ? null : this.#now + delay;
    const receivedAt = deliverAt ?? this.#now;
    const shape: NewModelText = {
      ...{ key: `k${key}`, author: `sip:author${author}@example.test`, bytes, urgent, receivedAt, deliverAt },
      expiresAt: life === null ? null : receivedAt + life,
    };
    await this.#each(operation.boxes, async ({ owner, model }) => {
      const expected = model.deposit(shape, ++this.#order, this.#now);
      const { author: from, expiresAt } = shape;
      const outcome = await store.deposit(
        text({
          ...{ owner, author: from, uniqueKey: shape.key, messageId: shape.key, urgent, receivedAt },
          ...{ expiresAt, deliverAt, content: Buffer.alloc(bytes, 'x') },
        }),
      );
      expect(outcome, `deposit for ${owner.toString()}`).to.equal(expected);
    });
  }

  async #lease(store: Store, operation: Extract<Operation, { kind: 'lease' }>): Promise<void> {
    const token = `t${operation.token}`;
    const until = this.#now + LEASE;
    await this.#each(operation.boxes, async ({ owner, model }) => {
      const expected = model.lease(token, until, operation.limit, this.#now);
      const leased = await store.lease(owner, token, until, operation.limit);
      const keys = leased.map(({ messageId }) => messageId);
      expect(keys, `lease of ${owner.toString()}`).to.deep.equal(expected.map(({ key }) => key));
      expected.forEach((each, index) => {
        each.id = leased[index]?.id ?? null;
      });
    });
  }

  async #read(store: Store, operation: Extract<Operation, { kind: 'read' }>): Promise<void> {
    const token = `t${operation.token}`;
    await this.#each(operation.boxes, async ({ model }) => {
      const picked = model.heldBy(token)[operation.pick];
      if (picked === undefined) return;
      const { id } = picked;
      model.markRead(picked, this.#now);
      expect(await store.markRead(token, id ?? -1), 'marked read').to.equal(true);
    });
  }

  async #save(store: Store, operation: Extract<Operation, { kind: 'save' }>): Promise<void> {
    await this.#each(operation.boxes, async ({ owner, model }) => {
      const picked = model.read()[operation.pick];
      if (picked === undefined) return;
      picked.saved = true;
      expect(await store.saveTexts(owner, [picked.id ?? -1]), 'saved').to.equal(1);
    });
  }

  async #delete(store: Store, operation: Extract<Operation, { kind: 'delete' }>): Promise<void> {
    const { pick } = operation;
    await this.#each(operation.boxes, async ({ owner, model }) => {
      const read = model.read();
      const gone = pick === null ? read : read.slice(pick, pick + 1);
      const ids = gone.map(({ id }) => id ?? -1);
      model.delete(gone, this.#now);
      const deleted = await store.deleteTexts(owner, pick === null ? 'all read' : ids);
      expect(deleted, `deleted of ${owner.toString()}`).to.equal(gone.length);
    });
  }

  async #block(store: Store, operation: Extract<Operation, { kind: 'block' | 'unblock' }>): Promise<void> {
    const author = `sip:author${operation.author}@example.test`;
    await this.#each(operation.boxes, async ({ owner, model }) => {
      if (operation.kind === 'block') {
        model.block(author);
        expect(await store.block(owner, author), 'blocked').to.equal(true);
      } else {
        expect(await store.unblock(owner, author), 'unblocked').to.equal(model.unblock(author));
      }
    });
  }

  async #sweep(
    store: Store,
    operation: Extract<Operation, { kind: 'expire' | 'due' | 'drop' | 'forget' }>,
  ): Promise<void> {
    const { kind, limit } = operation;
    const now = this.#now;
    if (kind === 'forget') {
      const known = this.#boxes.flatMap(({ model }) => model.forgettable(now).map((key) => ({ model, key })));
      // Which of those go first is the store's choice: so all of them do.
      expect(await store.forgetGone(now, known.length + 1), 'forgotten').to.equal(known.length);
      for (const { model, key } of known) model.forget(key);
      return;
    }
    const before = now - (kind === 'drop' ? operation.age : 0);
    const candidates = this.#boxes.flatMap(({ model }) => {
      const texts =
        kind === 'expire' ? model.expirable(now) : kind === 'due' ? model.due(now) : model.droppable(before);
      return texts.map((each) => ({ model, each }));
    });
    const timeOf = ({ expiresAt, deliverAt, readAt }: ModelText): number =>
      (kind === 'expire' ? expiresAt : kind === 'due' ? deliverAt : readAt) ?? 0;
    candidates.sort((a, b) => timeOf(a.each) - timeOf(b.each) || a.each.order - b.each.order);
    const swept =
      kind === 'expire'
        ? await store.expireTexts(now, limit)
        : kind === 'due'
          ? await store.deliverScheduled(now, limit)
          : await store.dropRead(before, limit);
    expect(swept, kind).to.equal(Math.min(limit, candidates.length));
    for (const { model, each } of candidates.slice(0, swept)) {
      if (kind === 'due') each.deliverAt = null;
      else model.delete([each], now);
    }
  }

  async #each({ first, count }: Boxes, work: (box: Box) => Promise<void>): Promise<void> {
    const wanted = Math.min(count, this.#boxes.length);
    const chosen = Array.from({ length: wanted }, (_, i) => this.#boxes[(first + i) % this.#boxes.length]);
    await Promise.all(chosen.map(async (box) => (box === undefined ? undefined : await work(box))));
  }

  async #open(): Promise<Store> {
    this.#store ??= await this.#options.open(this.#clock);
    return this.#store;
  }

  #all(): ModelText[] {
    return this.#boxes.flatMap(({ model }) => [...model.texts]);
  }

  #heldBy(token: number): ModelText[] {
    return this.#boxes.flatMap(({ model }) => model.heldBy(`t${token}`));
  }
}

/** Null of none. */
function least(instants: readonly number[]): number | null {
  return instants.length === 0 ? null : instants.reduce((a, b) => Math.min(a, b));
}
