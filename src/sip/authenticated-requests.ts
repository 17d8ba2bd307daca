import { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { DeadlineExceeded } from '../core/deadline.ts';
import { MailboxError, describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import { MalformedChallenge, parseAuthenticationInfo, parseChallenges } from './challenges.ts';
import type { Credentials, DigestChallenge } from './digest.ts';
import { checkCredentials, chooseChallenge } from './digest.ts';
import { DigestSession } from './digest-session.ts';
import type { DrachtioRequestOptions, DrachtioResponse, HeaderMap } from './drachtio.ts';
import { SIP_LIMITS } from './limits.ts';
import { ProtectionSpaces } from './protection-spaces.ts';
import type { RequestSender } from './request-sender.ts';
import { retriableHeaders } from './retriable-headers.ts';

/** Who asks, in which header, and where the answer and later news go (RFC 3261 §22.2, §22.3; RFC 7615 §3, §4). */
const ROLES = [
  { challenge: 'WWW-Authenticate', answer: 'Authorization', info: 'Authentication-Info' },
  { challenge: 'Proxy-Authenticate', answer: 'Proxy-Authorization', info: 'Proxy-Authentication-Info' },
] as const;

type Role = (typeof ROLES)[number];

/** Credentials a request carries. */
interface Carried {
  readonly session: DigestSession;
  /** The nonce they were made with; the session may have gone on to another meanwhile. */
  readonly nonce: string;
  /** They answer a challenge to this very request; false for those sent before anybody asked. */
  readonly asked: boolean;
}

type Baggage = ReadonlyMap<Role, Carried>;

export interface AuthenticatedRequestsOptions {
  readonly sender: RequestSender;
  /** undefined: whatever comes is passed on, challenges too. */
  readonly credentials: Credentials | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Sends requests and meets digest challenges to them (RFC 3261 §22): a 401 or 407 is answered by the same request with
 * credentials, and what it asked for is kept, so that later requests carry credentials from the start.
 */
export class AuthenticatedRequests implements RequestSender {
  readonly #options: AuthenticatedRequestsOptions;
  readonly #sessions = new ProtectionSpaces<DigestSession>(SIP_LIMITS.protectionSpaces);
  readonly #challenges: Counter;
  /** A challenge we could not meet was told of, and none was met since. */
  #complained = false;

  /** @throws UnusableCredentials */
  constructor(options: AuthenticatedRequestsOptions) {
    if (options.credentials !== undefined) checkCredentials(options.credentials);
    this.#options = options;
    this.#challenges = options.metrics.counter(
      'sip_challenges_total',
      'Challenges to requests of ours, by what became of them',
      ['outcome'],
    );
  }

  /**
   * Resolves with the final response to the last try: a 401 or 407 when the credentials were rejected, the challenge cannot be
   * met, or there were too many.
   * @throws DeadlineExceeded also for a challenge that came so late that there is no time for another try
   */
  async request(uri: string, options: DrachtioRequestOptions): Promise<DrachtioResponse> {
    const { sender, credentials } = this.#options;
    if (credentials === undefined) return await sender.request(uri, options);
    return await this.#request(uri, options, credentials);
  }

  async #request(
    uri: string,
    options: DrachtioRequestOptions,
    credentials: Credentials,
  ): Promise<DrachtioResponse> {
    const { sender, clock, random } = this.#options;
    const space = spaceOf(uri, options);
    const headersOf = retriableHeaders(options, random);
    const begun = clock.now();
    let carried: Baggage = this.#remembered(space);
    for (let retry = 0; ; retry++) {
      const headers = { ...headersOf(retry), ...write(carried, credentials, options.method, uri) };
      const response = await sender.request(uri, { ...options, headers });
      if (response.status !== 401 && response.status !== 407) {
        this.#unchallenged(response, carried, space);
        return response;
      }
      const next = this.#meet(response, carried, space, credentials.realm);
      if (next === undefined) return response;
      if (retry === SIP_LIMITS.challengeRetries) {
        this.#complain('too-many', space, response, `challenged ${retry + 1} times`);
        return response;
      }
      if (clock.now() - begun > SIP_LIMITS.challengeRetryWindow) {
        this.#complain('too-late', space, response, 'challenged too slowly to try again at once');
        this.#keep(next, space);
        throw new DeadlineExceeded(`the challenge to ${options.method}`, SIP_LIMITS.challengeRetryWindow);
      }
      this.#challenges.add({ outcome: 'answered' });
      carried = next;
    }
  }

  #remembered(space: string): Baggage {
    const carried = new Map<Role, Carried>();
    for (const role of ROLES) {
      const session = this.#sessions.get(key(role, space));
      if (session !== undefined) carried.set(role, { session, nonce: session.nonce, asked: false });
    }
    return carried;
  }

  /** What the next try carries; undefined when there is to be none. */
  #meet(
    response: DrachtioResponse,
    carried: Baggage,
    space: string,
    realm: string | undefined,
  ): Baggage | undefined {
    const next = new Map(carried);
    let challenged = false;
    for (const role of ROLES) {
      const header = response.get(role.challenge);
      if (header === undefined) continue;
      let challenge: DigestChallenge;
      try {
        challenge = chooseChallenge(parseChallenges(header), realm);
      } catch (error) {
        if (!(error instanceof MailboxError)) throw error;
        this.#complain('not-understood', space, response, describeError(error));
        return undefined;
      }
      const before = carried.get(role);
      if (before !== undefined && isRejection(challenge, before)) {
        this.#sessions.forget(key(role, space), before.session);
        this.#complain('rejected', space, response, `realm ${challenge.realm} does not take our credentials`);
        return undefined;
      }
      const session = new DigestSession(challenge, hexToken(this.#options.random, 128));
      next.set(role, { session, nonce: session.nonce, asked: true });
      challenged = true;
    }
    return challenged ? next : undefined;
  }

  #unchallenged(response: DrachtioResponse, carried: Baggage, space: string): void {
    if (carried.size > 0) this.#complained = false;
    this.#keep(carried, space);
    for (const [role, { session }] of carried) {
      const nextNonce = this.#nextNonce(response, role);
      if (nextNonce !== undefined) session.follow(nextNonce);
    }
  }

  /**
   * Lets later requests share the nonces of this one, once it is over: servers that watch the count want it to grow from one
   * request to the next, and a later one may overtake. A request that has been challenged is not to suffer from that again.
   */
  #keep(carried: Baggage, space: string): void {
    for (const [role, { session, asked }] of carried) {
      if (asked) this.#sessions.keep(key(role, space), session);
    }
  }

  #nextNonce(response: DrachtioResponse, role: Role): string | undefined {
    const header = response.get(role.info);
    if (header === undefined) return undefined;
    try {
      return parseAuthenticationInfo(header).get('nextnonce');
    } catch (error) {
      if (!(error instanceof MalformedChallenge)) throw error;
      // The request was taken all the same.
      this.#options.logger.debug({ header: role.info, error: error.message }, 'header passed over');
      return undefined;
    }
  }

  #complain(outcome: string, space: string, response: DrachtioResponse, problem: string): void {
    this.#challenges.add({ outcome });
    const level = this.#complained ? 'debug' : 'warn';
    this.#complained = true;
    this.#options.logger[level]({ request: space, status: response.status, problem }, 'challenge not met');
  }
}

/**
 * RFC 3261 §22.1: credentials that were just rejected are not sent again unless their nonce was stale. Not every server says
 * `stale`: one that has restarted knows no old nonce. So credentials nobody asked for yet get another chance with a new one.
 */
function isRejection({ realm, nonce, stale }: DigestChallenge, before: Carried): boolean {
  if (stale || realm !== before.session.realm) return false;
  return before.asked || nonce === before.nonce;
}

function write(carried: Baggage, credentials: Credentials, method: string, uri: string): HeaderMap {
  return Object.fromEntries(
    [...carried].map(([role, { session }]) => [role.answer, session.answer(credentials, method, uri)]),
  );
}

/**
 * Requests likely to be challenged alike: servers choose by method and by domain. Credentials go nowhere they were not asked
 * for: those for a PUBLISH not into a MESSAGE, which a phone receives.
 */
function spaceOf(uri: string, { method, proxy }: DrachtioRequestOptions): string {
  const domain = AddressOfRecord.tryParse(uri)?.host ?? uri;
  return `${method} ${domain} by ${proxy ?? uri}`;
}

function key(role: Role, space: string): string {
  return `${role.answer} ${space}`;
}
