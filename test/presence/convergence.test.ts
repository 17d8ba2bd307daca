import { expect } from 'chai';
import fc from 'fast-check';
import { parseMessageSummary } from '../../src/im/message-summary.ts';
import { PresenceFixture } from './presence-fixture.ts';
import type { RecordedDialog } from './recorded-dialog.ts';

/*
 * A model of what Alice's lamp should say, kept beside the server: plain records of what was published and until when, and
 * of who subscribed. Any sequence of events must leave every living subscriber with a last NOTIFY that says just that.
 */

type ClassName = 'text-message' | 'voice-message';

interface Said {
  readonly account: string | null;
  readonly counts: readonly (readonly [ClassName, fresh: number, old: number])[];
}

interface Publication {
  tag: string;
  said: Said;
  /** Grows with every body published. */
  order: number;
  expiresAt: number;
}

interface Phone {
  readonly dialog: RecordedDialog;
  expiresAt: number;
  unsubscribed: boolean;
}

type Step =
  | { readonly kind: 'publish'; readonly said: Said; readonly expires: number }
  | { readonly kind: 'modify'; readonly which: number; readonly said: Said; readonly expires: number }
  | { readonly kind: 'refresh publication' | 'refresh'; readonly which: number; readonly expires: number }
  | { readonly kind: 'remove publication' | 'stale' | 'unsubscribe' | 'dialog gone'; readonly which: number }
  | { readonly kind: 'subscribe'; readonly expires: number }
  | { readonly kind: 'answers'; readonly which: number; readonly answer: number | 'held' }
  | { readonly kind: 'release'; readonly which: number; readonly status: number }
  | { readonly kind: 'crash' | 'time'; readonly ms: number };

const which = fc.nat(9);
const expires = fc.constantFrom(60, 61, 90, 600, 600);
const count = fc.nat(3);
const said: fc.Arbitrary<Said> = fc.record({
  account: fc.constantFrom('sip:one@example.test', 'sip:two@example.test', null),
  counts: fc
    .uniqueArray(fc.constantFrom<ClassName>('text-message', 'voice-message'), { minLength: 1 })
    .chain((names) => fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), count, count)))),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('publish' as const), said, expires }),
  fc.record({ kind: fc.constant('modify' as const), which, said, expires }),
  fc.record({ kind: fc.constantFrom('refresh publication' as const, 'refresh' as const), which, expires }),
  fc.record({
    kind: fc.constantFrom(
      'remove publication' as const,
      'stale' as const,
      'unsubscribe' as const,
      'dialog gone' as const,
    ),
    which,
  }),
  fc.record({ kind: fc.constant('subscribe' as const), expires }),
  fc.record({
    kind: fc.constant('answers' as const),
    which,
    answer: fc.constantFrom<(number | 'held')[]>(200, 200, 'held', 'held', 500, 503, 481, 0),
  }),
  fc.record({ kind: fc.constant('release' as const), which, status: fc.constantFrom(200, 200, 500, 404) }),
  fc.record({ kind: fc.constant('crash' as const), ms: fc.constantFrom(0, 0, 2_000, 61_000) }),
  fc.record({
    kind: fc.constant('time' as const),
    ms: fc.constantFrom(0, 1, 300, 999, 1_000, 5_000, 59_999, 60_000),
  }),
);

class Model {
  readonly presence = new PresenceFixture({
    publicationsPerPresentity: 1_000,
    subscriptionsPerPresentity: 1_000,
  });
  publications: Publication[] = [];
  readonly phones: Phone[] = [];
  #order = 0;
  #staleTags: string[] = [];

  async run(step: Step): Promise<void> {
    switch (step.kind) {
      case 'publish':
        await this.#put(undefined, step.said, step.expires);
        break;
      case 'modify':
        await this.#withPublication(step.which, (each) => this.#put(each, step.said, step.expires));
        break;
      case 'refresh publication':
        await this.#withPublication(step.which, (each) => this.#put(each, undefined, step.expires));
        break;
      case 'remove publication':
        await this.#withPublication(step.which, async (publication) => {
          await this.presence.published({ entityTag: publication.tag, expires: 0 });
          this.#staleTags.push(publication.tag);
          this.publications = this.publications.filter((other) => other !== publication);
        });
        break;
      case 'stale':
        for (const entityTag of this.#staleTags.slice(step.which, step.which + 1)) {
          expect((await this.presence.publish({ entityTag, body: bodyOf(LOUD) })).status).to.equal(412);
        }
        break;
      case 'subscribe': {
        const dialog = await this.presence.subscribe({ expires: step.expires });
        const expiresAt = this.presence.clock.now() + step.expires * 1000;
        this.phones.push({ dialog, expiresAt, unsubscribed: false });
        break;
      }
      case 'refresh':
      case 'unsubscribe':
        await this.#withPhone(step.which, (phone) =>
          this.#resubscribe(phone, step.kind === 'refresh' ? step.expires : 0),
        );
        break;
      case 'dialog gone':
        await this.#withPhone(step.which, (phone) => {
          this.presence.server.removeSubscription(phone.dialog.id);
          phone.unsubscribed = true;
        });
        break;
      case 'answers':
        await this.#withPhone(step.which, ({ dialog }) => void (dialog.answer = step.answer));
        break;
      case 'release':
        await this.#withPhone(step.which, ({ dialog }) => dialog.release(step.status));
        break;
      case 'crash':
        await this.#crash(step.ms);
        break;
      case 'time':
        await this.presence.clock.advance(step.ms);
    }
    this.#lapse();
  }

  /** Every phone answers from now on; long enough for each to hear what it has not. */
  async calmDown(): Promise<void> {
    for (const { dialog } of this.phones) {
      dialog.answer = 200;
      dialog.release();
    }
    await this.presence.clock.advance(61_000);
    // What lapses may be notified a second later: the end is a second in which nothing lapsed.
    for (let before = -1; before !== this.publications.length;) {
      this.#lapse();
      before = this.publications.length;
      await this.presence.clock.advance(1_001);
      this.#lapse();
    }
  }

  lives(phone: Phone): boolean {
    const ended = phone.dialog.statuses.some((status) => [0, 404, 481].includes(status));
    return !phone.unsubscribed && !ended && this.presence.clock.now() < phone.expiresAt;
  }

  /** What is true: per account the newest word on each class, and the sum of it all. */
  truth(): { waiting: boolean; counts: Record<string, string> } {
    const words = new Map<string, readonly [ClassName, number, number]>();
    for (const { said, order } of [...this.publications].sort((a, b) => a.order - b.order)) {
      for (const word of said.counts) words.set(`${said.account ?? order} ${word[0]}`, word);
    }
    const sums: Record<string, [number, number]> = {};
    for (const [name, fresh, old] of words.values()) {
      const [newSum, oldSum] = sums[name] ?? [0, 0];
      sums[name] = [newSum + fresh, oldSum + old];
    }
    return {
      waiting: Object.values(sums).some(([fresh]) => fresh > 0),
      counts: Object.fromEntries(Object.entries(sums).map(([name, pair]) => [name, pair.join('/')])),
    };
  }

  async #put(previous: Publication | undefined, said: Said | undefined, expires: number): Promise<void> {
    const tag = await this.presence.published({
      expires,
      ...(previous === undefined ? {} : { entityTag: previous.tag }),
      ...(said === undefined ? {} : { body: bodyOf(said) }),
    });
    const expiresAt = this.presence.clock.now() + expires * 1000;
    if (previous === undefined) {
      this.publications.push({ tag, said: said ?? LOUD, order: ++this.#order, expiresAt });
      return;
    }
    this.#staleTags.push(previous.tag);
    const order = said === undefined ? previous.order : ++this.#order;
    Object.assign(previous, { tag, expiresAt, order, said: said ?? previous.said });
  }

  async #resubscribe(phone: Phone, expires: number): Promise<void> {
    const lived = this.lives(phone);
    const { status } = await this.presence.refresh(phone.dialog.id, { expires });
    // A NOTIFY that ends it may be answered and not yet heard of.
    if (lived) expect(status).to.equal(200);
    if (status !== 200) return;
    phone.expiresAt = this.presence.clock.now() + expires * 1000;
    phone.unsubscribed = expires === 0;
  }

  async #crash(away: number): Promise<void> {
    await this.presence.restart(away);
    const now = this.presence.clock.now();
    // Nobody tells those whose time was over meanwhile; and who did not hear that it is over may be told once more.
    for (const phone of this.phones) if (phone.expiresAt <= now) phone.unsubscribed = true;
  }

  #lapse(): void {
    const now = this.presence.clock.now();
    this.publications = this.publications.filter(({ expiresAt }) => expiresAt > now);
  }

  async #withPublication(which: number, act: (publication: Publication) => Promise<void>): Promise<void> {
    const chosen = this.publications[which % Math.max(1, this.publications.length)];
    if (chosen !== undefined) await act(chosen);
  }

  async #withPhone(which: number, act: (phone: Phone) => Promise<void> | void): Promise<void> {
    const chosen = this.phones[which % Math.max(1, this.phones.length)];
    if (chosen !== undefined) await act(chosen);
  }
}

const LOUD: Said = { account: null, counts: [['text-message', 99, 99]] };

function bodyOf({ account, counts }: Said): string {
  return [
    `Messages-Waiting: ${counts.some(([, fresh]) => fresh > 0) ? 'yes' : 'no'}`,
    ...(account === null ? [] : [`Message-Account: ${account}`]),
    ...counts.map(([name, fresh, old]) => `${name}: ${fresh}/${old}`),
    '',
  ].join('\r\n');
}

function reading(body: string): { waiting: boolean; counts: Record<string, string> } {
  const summary = parseMessageSummary(body);
  const counts = [...summary.classes].map(([name, { new: fresh, old }]) => [name, `${fresh}/${old}`]);
  return { waiting: summary.waiting, counts: Object.fromEntries(counts) as Record<string, string> };
}

describe('publications and subscriptions together', () => {
  it('end with every living subscriber told the true state, whatever happened and however slow phones were', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const model = new Model();
        for (const each of steps) await model.run(each);
        await model.calmDown();
        const now = await model.presence.fetch();
        const published = model.publications.length > 0;
        const { waiting, counts } = reading(now);
        expect(waiting).to.equal(model.truth().waiting);
        if (published) expect(counts).to.deep.equal(model.truth().counts);
        else expect(Object.values(counts).every((pair) => pair === '0/0')).to.equal(true);
        for (const phone of model.phones) {
          const { dialog } = phone;
          expect(dialog.mostInFlight).to.be.at.most(1);
          for (const body of dialog.bodies) expect(body).to.match(/^Messages-Waiting: (yes|no)\r\n/);
          const terminated = dialog.states.findIndex((state) => state.startsWith('terminated'));
          if (terminated >= 0) expect(terminated).to.equal(dialog.states.length - 1);
          if (!model.lives(phone)) continue;
          expect(dialog.dropped).to.equal(0);
          expect(dialog.last?.subscriptionState).to.match(/^active;expires=\d+$/);
          expect(dialog.last?.body).to.equal(now);
        }
        const stopped = model.presence.server.stop();
        await model.presence.clock.advance(0);
        await stopped;
        expect(model.presence.clock.pendingTimers).to.equal(0);
      }),
      { numRuns: 300 },
    );
  });
});
