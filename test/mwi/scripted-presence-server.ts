import type { Clock } from '../../src/core/clock.ts';
import { pause } from '../../src/core/clock.ts';
import type { PublishRequest, PublishResponse, PublishSender } from '../../src/mwi/ports.ts';

/** What the presence server does with the next PUBLISH; without a script it is a good one. */
export type Fault =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly retryAfter?: number;
      readonly minExpires?: number;
    }
  /** The request never arrives. */
  | { readonly kind: 'request-lost' }
  /** It takes effect, and nobody hears of it. */
  | { readonly kind: 'answer-lost' }
  /** It arrives late, perhaps when the sender has long given up and sent another. */
  | { readonly kind: 'delayed'; readonly ms: number }
  /** It takes effect at once, and the answer comes late. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** The server restarts with an empty memory before it looks at the request. */
  | { readonly kind: 'state-lost' };

interface Publication {
  readonly target: string;
  readonly body: string;
  readonly expiresAt: number;
}

const ROUND_TRIP = 5;
const GIVES_UP = 32_000;
/** How late the server notices that a publication lapsed. */
const CLEANS_AFTER = 100_000;

/** A presence server and the way to it: each PUBLISH takes {@link ROUND_TRIP} ms, a lost one is given up after 32 s. */
export class ScriptedPresenceServer implements PublishSender {
  readonly #clock: Clock;
  readonly #publications = new Map<string, Publication>();
  readonly #last = new Map<string, { readonly body: string; readonly at: number }>();
  readonly #inFlight = new Map<string, number>();
  #tags = 0;
  /** What happens to the next PUBLISHes, in order. */
  readonly script: Fault[] = [];
  readonly requests: (PublishRequest & { readonly at: number })[] = [];
  readonly answers: PublishResponse[] = [];
  /** Longest life granted and shortest life taken, seconds. */
  readonly expires: { longest: number; shortest: number } = { longest: 3600, shortest: 0 };
  /** Most PUBLISHes ever in flight at one time, for one mailbox and over all. */
  readonly most = { one: 0, all: 0 };
  roundTrip = ROUND_TRIP;
  /** Nothing that is sent arrives. */
  away = false;
  /** Users it does not know. */
  readonly refused = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** It restarts with an empty memory. */
  forgetEverything(): void {
    this.#publications.clear();
  }

  /** The body a phone was last told of: '' when a publication lapsed, even beside another one. */
  lamp(target: string): string | undefined {
    const last = this.#last.get(target);
    if (last === undefined) return undefined;
    const lapsed = [...this.#publications.values()].some((publication) => {
      const noticed = publication.expiresAt + CLEANS_AFTER;
      return publication.target === target && noticed > last.at && noticed <= this.#clock.now();
    });
    return lapsed ? '' : last.body;
  }

  /** The body of the last PUBLISH that took effect. */
  published(target: string): string | undefined {
    return this.#last.get(target)?.body;
  }

  /** Bodies that a phone subscribing now could be told of. */
  living(target: string): string[] {
    return [...this.#publications.values()]
      .filter((publication) => publication.target === target && publication.expiresAt > this.#clock.now())
      .map(({ body }) => body);
  }

  /** The sender of one incarnation of the publisher: what it had in flight is forgotten with it. */
  connection(isAlive: () => boolean): PublishSender {
    const silence = new Promise<never>(() => undefined);
    return { publish: (request) => (isAlive() ? this.#publish(request, isAlive) : silence) };
  }

  publish(request: PublishRequest): Promise<PublishResponse> {
    return this.#publish(request, () => true);
  }

  async #publish(request: PublishRequest, isAlive: () => boolean): Promise<PublishResponse> {
    const target = request.target.toString();
    this.requests.push({ ...request, at: this.#clock.now() });
    const mine = (this.#inFlight.get(target) ?? 0) + 1;
    this.#inFlight.set(target, mine);
    this.most.one = Math.max(this.most.one, mine);
    const all = [...this.#inFlight.values()].reduce((sum, count) => sum + count, 0);
    this.most.all = Math.max(this.most.all, all);
    const answered = this.#answer(request, this.script.shift());
    const response = await answered;
    if (isAlive()) this.#inFlight.set(target, (this.#inFlight.get(target) ?? 0) - 1);
    this.answers.push(response);
    return response;
  }

  /** A publisher died: none of its PUBLISHes is in flight any more. */
  forgetInFlight(): void {
    this.#inFlight.clear();
  }

  async #answer(request: PublishRequest, fault: Fault | undefined): Promise<PublishResponse> {
    if (fault?.kind === 'request-lost' || this.away) {
      await pause(this.#clock, GIVES_UP);
      return { kind: 'unanswered', cause: new Error('request lost') };
    }
    if (fault?.kind === 'delayed') {
      const served = pause(this.#clock, fault.ms).then(() => this.#accept(request));
      const givenUp = pause(this.#clock, GIVES_UP).then((): PublishResponse => {
        return { kind: 'unanswered', cause: new Error('too late') };
      });
      return await Promise.race([served, givenUp]);
    }
    await pause(this.#clock, this.roundTrip);
    if (fault?.kind === 'answer') return { ...fault, kind: 'rejected', reason: 'scripted' };
    if (fault?.kind === 'state-lost') this.#publications.clear();
    if (this.refused.has(request.target.toString())) {
      return { kind: 'rejected', status: 404, reason: 'Not Found' };
    }
    const response = this.#accept(request);
    if (fault?.kind === 'slow') await pause(this.#clock, Math.min(fault.ms, GIVES_UP));
    const isLate = fault?.kind === 'slow' && fault.ms > GIVES_UP;
    if (isLate) return { kind: 'unanswered', cause: new Error('answered too late') };
    if (fault?.kind !== 'answer-lost') return response;
    await pause(this.#clock, GIVES_UP);
    return { kind: 'unanswered', cause: new Error('answer lost') };
  }

  #accept({ target, entityTag, expires, body }: PublishRequest): PublishResponse {
    if (expires < this.expires.shortest) {
      return {
        kind: 'rejected',
        status: 423,
        reason: 'Interval Too Brief',
        minExpires: this.expires.shortest,
      };
    }
    let replaced: Publication | undefined;
    if (entityTag !== null) {
      const known = this.#publications.get(entityTag);
      if (known === undefined || known.expiresAt <= this.#clock.now()) {
        return { kind: 'rejected', status: 412, reason: 'Conditional Request Failed' };
      }
      this.#publications.delete(entityTag);
      replaced = known;
    }
    const said = body ?? replaced?.body;
    if (said === undefined) return { kind: 'rejected', status: 400, reason: 'no body' };
    const granted = Math.min(expires, this.expires.longest);
    const tag = `tag-${++this.#tags}`;
    const publication = {
      target: target.toString(),
      body: said,
      expiresAt: this.#clock.now() + granted * 1000,
    };
    this.#publications.set(tag, publication);
    this.#last.set(target.toString(), { body: said, at: this.#clock.now() });
    return { kind: 'accepted', entityTag: tag, expires: granted };
  }
}
