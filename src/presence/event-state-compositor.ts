import type { Clock } from '../core/clock.ts';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Gauge, Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import { badEvent, grantLifetime, intervalTooBrief, ok, refusal, unavailable } from './answers.ts';
import type { EventPackage } from './event-package.ts';
import { readEventHeader, resourceOf } from './event-package.ts';
import type { KeptState } from './kept-states.ts';
import { readKeptStates } from './kept-states.ts';
import type { Accepted, EventState, Publication } from './event-state.ts';
import { refuseBody } from './event-state.ts';
import type { PresenceLimits } from './limits.ts';
import type { Answer, KeptPublication, PresenceStore, PublishCommand } from './ports.ts';
import { RememberedStates } from './remembered-states.ts';
import { Turns } from './turns.ts';
import { wholeSeconds } from './whole-seconds.ts';

export interface CompositorOptions {
  readonly packages: ReadonlyMap<string, EventPackage>;
  readonly store: PresenceStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits: PresenceLimits;
  /** The state of a presentity reads differently now. */
  readonly onChange: (presentity: AddressOfRecord, eventPackage: EventPackage) => void;
}

/**
 * The event state compositor of RFC 3903. One publication:
 *
 *              PUBLISH with body               PUBLISH + SIP-If-Match (refresh, modify): new tag
 *     (none) ────────────────────> published <──────────────────────────────────────────┐
 *        ^                          │  │  └───────────────────────────────────────────┘
 *        └── lifetime over ─────────┘  │
 *        └── Expires: 0 ───────────────┘
 *
 * Each of these is kept before it is answered, and before it shows. Those of one presentity go one after the other.
 */
export class EventStateCompositor {
  readonly #options: CompositorOptions;
  readonly #turns = new Turns();
  readonly #states = new Map<string, EventState>();
  readonly #remembered: RememberedStates;
  #publications = 0;
  /** First publications that are being kept. */
  #coming = 0;
  #order = 0;
  #stopped = false;
  readonly #answers: Counter;
  readonly #alive: Gauge;

  constructor(options: CompositorOptions) {
    this.#options = options;
    this.#remembered = new RememberedStates(options.limits.rememberedStates);
    const { metrics } = options;
    this.#answers = metrics.counter('presence_publish_total', 'PUBLISH requests, by answer', ['status']);
    this.#alive = metrics.gauge(
      'presence_publications',
      'Publications alive in the built-in presence server',
    );
  }

  /** Takes up what was kept. What lapsed meanwhile is told as lapsed to whoever asks. Rejects when it cannot be read. */
  async restore(): Promise<void> {
    const { store, limits, packages, logger } = this.#options;
    for (const kept of await readKeptStates(store, packages, limits.publications)) this.#restoreState(kept);
    this.#alive.set(this.#publications);
    if (this.#publications > 0) logger.info({ publications: this.#publications }, 'publications restored');
  }

  /** Serves one PUBLISH (RFC 3903 §6). A 200 means that it is kept; what could not be kept gets 503 and changes nothing. */
  async publish(command: PublishCommand): Promise<Answer> {
    const answer = await this.#serve(command);
    this.#answers.add({ status: String(answer.status) });
    if (answer.status >= 300) {
      const { status, reason } = answer;
      this.#options.logger.info(
        { presentity: command.presentity.toString(), status, reason },
        'PUBLISH refused',
      );
    }
    return answer;
  }

  /** The whole state of `presentity`, as a body of the package's first type: never empty. */
  bodyOf(presentity: AddressOfRecord, eventPackage: EventPackage): string {
    const key = resourceOf(presentity, eventPackage);
    return this.#find(key)?.body ?? this.#remembered.recall(key) ?? eventPackage.neutralBody(null);
  }

  /** Clears every timer and leaves what is kept to the next start; a PUBLISH after gets 503. */
  stop(): void {
    this.#stopped = true;
    for (const { publications } of this.#states.values()) {
      for (const { lapse } of publications.values()) lapse.cancel();
    }
    this.#states.clear();
  }

  async #serve(command: PublishCommand): Promise<Answer> {
    const { packages } = this.#options;
    // RFC 3903 §6, step 2: the event package.
    const eventPackage = packages.get(readEventHeader(command.event)?.name ?? '');
    if (eventPackage === undefined) return badEvent(packages);
    return await this.#turns.take(resourceOf(command.presentity, eventPackage), async () => {
      const checked = this.#check(command, eventPackage);
      return 'status' in checked ? checked : await this.#accept(checked);
    });
  }

  /** The steps of RFC 3903 §6 in their order; the first that fails makes the answer. */
  #check(command: PublishCommand, eventPackage: EventPackage): Answer | Accepted {
    const { limits } = this.#options;
    if (this.#stopped) return unavailable('Presence Server Stops', limits.retryAfter);
    // Step 3: the condition. A tag is good once, and for its own presentity alone.
    const state = this.#stateOf(command.presentity, eventPackage);
    const { entityTag } = command;
    const previous = entityTag === undefined ? undefined : state.publications.get(entityTag);
    if (entityTag !== undefined && previous === undefined) {
      return refusal(412, 'Conditional Request Failed');
    }
    // Step 4: the lifetime.
    const expires = grantLifetime(command.expires, eventPackage.defaultExpires, limits.publicationLifetime);
    if (expires === undefined) return intervalTooBrief(limits.publicationLifetime);
    // Step 5: the body. A removal needs none, and one that carries one removes all the same.
    const newBody = command.body !== undefined && command.body !== '';
    const body = newBody ? command.body : previous?.body;
    if (body === undefined) return refusal(400, 'PUBLISH Without Body');
    if (newBody) {
      const refused = refuseBody(body, command.contentType, eventPackage, limits);
      if (refused !== undefined) return refused;
    }
    const accepted: Accepted = { state, previous, expires, body, newBody };
    return expires === 0 ? accepted : (this.#refuseBeyondBounds(accepted) ?? accepted);
  }

  #refuseBeyondBounds({ state, previous, body }: Accepted): Answer | undefined {
    const { limits } = this.#options;
    if (previous === undefined) {
      if (this.#publications + this.#coming >= limits.publications) {
        return unavailable('Too Many Publications', limits.retryAfter);
      }
      if (state.publications.size >= limits.publicationsPerPresentity) {
        return unavailable('Too Many Publications Of This User', limits.retryAfter);
      }
    }
    const others = [...state.publications.values()].filter((publication) => publication !== previous);
    const merged = state.eventPackage.compose([...others.map((other) => other.body), body]) ?? '';
    return Buffer.byteLength(merged) > limits.bodyBytes ? refusal(413, 'Body Too Large') : undefined;
  }

  /** Steps 6 and 7 of RFC 3903 §6. Every 200 carries a tag not used before, that of a removal too. */
  async #accept(accepted: Accepted): Promise<Answer> {
    const { clock, random, store, limits, logger } = this.#options;
    const { state, previous, expires, body, newBody } = accepted;
    const next: KeptPublication = {
      id: previous?.id ?? hexToken(random, 96),
      presentity: state.presentity,
      event: state.eventPackage.name,
      entityTag: hexToken(random, 96),
      body,
      expiresAt: clock.now() + expires * 1000,
      order: newBody || previous === undefined ? this.#nextOrder() : previous.order,
    };
    this.#coming += previous === undefined ? 1 : 0;
    try {
      if (expires > 0) await store.savePublication(next);
      else if (previous !== undefined) await store.removePublication(previous.id);
    } catch (error) {
      logger.error(
        { presentity: state.presentity.toString(), error: describeError(error) },
        'a PUBLISH could not be kept',
      );
      // It may be committed yet: what stands is written again, behind it.
      const standing =
        previous === undefined ? store.removePublication(next.id) : store.savePublication(previous);
      standing.catch(() => undefined);
      return unavailable('Event State Storage Unavailable', limits.retryAfter);
    } finally {
      this.#coming -= previous === undefined ? 1 : 0;
    }
    if (!this.#stopped) this.#apply(accepted, next);
    return ok({ 'SIP-ETag': next.entityTag, Expires: String(expires) });
  }

  #apply({ state, previous, expires, newBody }: Accepted, next: KeptPublication): void {
    previous?.lapse.cancel();
    if (previous !== undefined && expires > 0 && !newBody) {
      // A refresh says nothing new: the publication keeps its place among the others.
      const refreshed = this.#living(state.key, next);
      state.publications = new Map(
        [...state.publications.values()].map((each) =>
          each === previous ? [refreshed.entityTag, refreshed] : [each.entityTag, each],
        ),
      );
      return;
    }
    const publications = new Map(state.publications);
    if (previous !== undefined) publications.delete(previous.entityTag);
    if (expires > 0) publications.set(next.entityTag, this.#living(state.key, next));
    this.#replace(state, publications);
  }

  /** The publication with its lifetime running. */
  #living(key: string, kept: KeptPublication): Publication {
    const { clock } = this.#options;
    const publication: Publication = {
      ...kept,
      lapse: clock.after(wholeSeconds(kept.expiresAt - clock.now()), () => {
        void this.#turns.take(key, () => this.#lapse(key, publication));
      }),
    };
    return publication;
  }

  #lapse(key: string, lapsed: Publication): void {
    const state = this.#find(key);
    // While it waited for its turn a PUBLISH may have taken its place.
    if (state?.publications.get(lapsed.entityTag) !== lapsed) return;
    const { logger, store } = this.#options;
    const presentity = state.presentity.toString();
    logger.info({ presentity }, 'publication lapsed');
    const publications = new Map(state.publications);
    publications.delete(lapsed.entityTag);
    this.#replace(state, publications);
    store.removePublication(lapsed.id).catch((error: unknown) => {
      // It is never restored: its time is over.
      logger.debug({ presentity, error: describeError(error) }, 'a lapsed publication is still kept');
    });
  }

  /** Puts `publications` in place of those there were, and tells of it when the state reads differently now. */
  #replace(state: EventState, publications: ReadonlyMap<string, Publication>): void {
    const { key, presentity, eventPackage } = state;
    const before = this.bodyOf(presentity, eventPackage);
    this.#publications += publications.size - state.publications.size;
    this.#alive.set(this.#publications);
    const body = eventPackage.compose([...publications.values()].map((each) => each.body));
    state.publications = publications;
    state.body = body ?? eventPackage.neutralBody(before);
    if (publications.size === 0) {
      this.#states.delete(key);
      this.#remembered.remember(key, state.body);
    } else {
      this.#states.set(key, state);
      this.#remembered.forget(key);
    }
    if (state.body !== before) this.#options.onChange(presentity, eventPackage);
  }

  #restoreState({ presentity, eventPackage, publications: kept }: KeptState): void {
    const { clock } = this.#options;
    const key = resourceOf(presentity, eventPackage);
    this.#order = Math.max(this.#order, ...kept.map(({ order }) => order));
    const living = kept.filter(({ expiresAt }) => expiresAt > clock.now());
    if (living.length === 0) {
      const last = kept.map(({ body }) => body).filter((body) => eventPackage.validate(body));
      this.#remembered.remember(key, eventPackage.neutralBody(eventPackage.compose(last)));
      return;
    }
    const publications = new Map(living.map((each) => [each.entityTag, this.#living(key, each)]));
    this.#states.set(key, { key, presentity, eventPackage, publications, body: undefined });
    this.#publications += publications.size;
  }

  #nextOrder(): number {
    this.#order = Math.max(this.#order + 1, this.#options.clock.now());
    return this.#order;
  }

  /** The state there is. One that was restored is read when it is first asked for; what is not readable any more is left out. */
  #find(key: string): EventState | undefined {
    const state = this.#states.get(key);
    if (state === undefined || state.body !== undefined) return state;
    const { eventPackage } = state;
    const readable = [...state.publications.values()].filter(({ body }) => eventPackage.validate(body));
    const publications = new Map(readable.map((each) => [each.entityTag, each]));
    for (const [tag, { lapse }] of state.publications) if (!publications.has(tag)) lapse.cancel();
    this.#publications += publications.size - state.publications.size;
    state.publications = publications;
    state.body = eventPackage.compose(readable.map(({ body }) => body)) ?? eventPackage.neutralBody(null);
    return state;
  }

  #stateOf(presentity: AddressOfRecord, eventPackage: EventPackage): EventState {
    const key = resourceOf(presentity, eventPackage);
    return this.#find(key) ?? { key, presentity, eventPackage, publications: new Map(), body: '' };
  }
}
