import type { Clock, Timer } from '../core/clock.ts';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Gauge, Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import { badEvent, grantLifetime, intervalTooBrief, ok, refusal, unavailable } from './answers.ts';
import type { EventPackage } from './event-package.ts';
import { readEventHeader } from './event-package.ts';
import type { PresenceLimits } from './limits.ts';
import type { Answer, PublishCommand } from './ports.ts';
import { RememberedStates } from './remembered-states.ts';

/** One publication, from its first PUBLISH until it is removed or lapses. */
interface Publication {
  readonly entityTag: string;
  readonly body: string;
  readonly lapse: Timer;
}

/** What is published for one presentity in one package. */
interface EventState {
  readonly key: string;
  readonly presentity: AddressOfRecord;
  readonly eventPackage: EventPackage;
  /** By entity tag; the one whose body came last stands last. */
  publications: ReadonlyMap<string, Publication>;
  /** What the publications say together. */
  body: string;
}

/** A PUBLISH that passed every check. */
interface Accepted {
  readonly state: EventState;
  /** The publication it replaces; undefined for an initial one. */
  readonly previous: Publication | undefined;
  /** Seconds. */
  readonly expires: number;
  readonly body: string;
  /** False for a refresh: the state stays what it was. */
  readonly newBody: boolean;
}

export interface CompositorOptions {
  readonly packages: ReadonlyMap<string, EventPackage>;
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
 */
export class EventStateCompositor {
  readonly #options: CompositorOptions;
  readonly #states = new Map<string, EventState>();
  readonly #remembered: RememberedStates;
  #publications = 0;
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

  /** Serves one PUBLISH (RFC 3903 §6). */
  publish(command: PublishCommand): Answer {
    const checked = this.#stopped
      ? unavailable('Presence Server Stops', this.#options.limits.retryAfter)
      : this.#check(command);
    const answer = 'status' in checked ? checked : this.#apply(checked);
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
    const key = keyOf(presentity, eventPackage);
    return this.#states.get(key)?.body ?? this.#remembered.recall(key) ?? eventPackage.neutralBody(null);
  }

  /** Forgets everything and clears every timer; a PUBLISH after gets 503. */
  stop(): void {
    this.#stopped = true;
    for (const { publications } of this.#states.values()) {
      for (const { lapse } of publications.values()) lapse.cancel();
    }
    this.#states.clear();
  }

  /** The steps of RFC 3903 §6 in their order; the first that fails makes the answer. */
  #check(command: PublishCommand): Answer | Accepted {
    const { packages, limits } = this.#options;
    // Step 2: the event package.
    const eventPackage = packages.get(readEventHeader(command.event)?.name ?? '');
    if (eventPackage === undefined) return badEvent(packages);
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
      if (this.#publications >= limits.publications) {
        return unavailable('Too Many Publications', limits.retryAfter);
      }
      if (state.publications.size >= limits.publicationsPerPresentity) {
        return unavailable('Too Many Publications Of This User', limits.retryAfter);
      }
    }
    const others = [...state.publications.values()].filter((publication) => publication !== previous);
    const composed = state.eventPackage.compose([...others.map((other) => other.body), body]) ?? '';
    return Buffer.byteLength(composed) > limits.bodyBytes ? refusal(413, 'Body Too Large') : undefined;
  }

  /** Steps 6 and 7 of RFC 3903 §6. Every 200 carries a tag not used before, that of a removal too. */
  #apply({ state, previous, expires, body, newBody }: Accepted): Answer {
    const { clock, random } = this.#options;
    const entityTag = hexToken(random, 96);
    const publications = new Map(state.publications);
    if (previous !== undefined) {
      previous.lapse.cancel();
      if (newBody || expires === 0) publications.delete(previous.entityTag);
    }
    if (expires > 0) {
      const lapse = clock.after(expires * 1000, () => this.#lapse(state, entityTag));
      const publication = { entityTag, body, lapse };
      if (previous !== undefined && !newBody) return this.#refreshed(state, previous, publication, expires);
      publications.set(entityTag, publication);
    }
    this.#replace(state, publications);
    return ok({ 'SIP-ETag': entityTag, Expires: String(expires) });
  }

  /** A refresh says nothing new: the publication keeps its place among the others. */
  #refreshed(state: EventState, previous: Publication, publication: Publication, expires: number): Answer {
    const { entityTag } = publication;
    state.publications = new Map(
      [...state.publications.values()].map((other) =>
        other === previous ? [entityTag, publication] : [other.entityTag, other],
      ),
    );
    return ok({ 'SIP-ETag': entityTag, Expires: String(expires) });
  }

  #lapse(state: EventState, entityTag: string): void {
    const publications = new Map(state.publications);
    publications.delete(entityTag);
    this.#options.logger.info({ presentity: state.presentity.toString() }, 'publication lapsed');
    this.#replace(state, publications);
  }

  /** Puts `publications` in place of those there were, and tells of it when the state reads differently now. */
  #replace(state: EventState, publications: ReadonlyMap<string, Publication>): void {
    const { key, presentity, eventPackage } = state;
    const before = this.bodyOf(presentity, eventPackage);
    this.#publications += publications.size - state.publications.size;
    this.#alive.set(this.#publications);
    const composed = eventPackage.compose([...publications.values()].map(({ body }) => body));
    state.publications = publications;
    state.body = composed ?? eventPackage.neutralBody(before);
    if (composed === null) {
      this.#states.delete(key);
      this.#remembered.remember(key, state.body);
    } else {
      this.#states.set(key, state);
      this.#remembered.forget(key);
    }
    if (state.body !== before) this.#options.onChange(presentity, eventPackage);
  }

  #stateOf(presentity: AddressOfRecord, eventPackage: EventPackage): EventState {
    const key = keyOf(presentity, eventPackage);
    return this.#states.get(key) ?? { key, presentity, eventPackage, publications: new Map(), body: '' };
  }
}

function keyOf(presentity: AddressOfRecord, eventPackage: EventPackage): string {
  return `${eventPackage.name} ${presentity.toString()}`;
}

function refuseBody(
  body: string,
  contentType: string | undefined,
  eventPackage: EventPackage,
  limits: PresenceLimits,
): Answer | undefined {
  // RFC 3261 §7.4.1: type and subtype in any case, parameters aside.
  const type = contentType?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (!eventPackage.contentTypes.includes(type)) {
    return refusal(415, 'Unsupported Media Type', { Accept: eventPackage.contentTypes.join(', ') });
  }
  if (Buffer.byteLength(body) > limits.bodyBytes) return refusal(413, 'Body Too Large');
  return eventPackage.validate(body) ? undefined : refusal(400, 'Malformed Event State');
}
