import type { Credentials, DigestChallenge } from './digest.ts';
import { digestAnswer } from './digest.ts';

/**
 * What goes on between us and a server from one challenge to the next (RFC 7616 §3.3): the nonce in use and how often we
 * used it.
 */
export class DigestSession {
  readonly #began: DigestChallenge;
  readonly #cnonce: string;
  #nonce: string;
  #count = 0;

  constructor(challenge: DigestChallenge, cnonce: string) {
    this.#began = challenge;
    this.#cnonce = cnonce;
    this.#nonce = challenge.nonce;
  }

  get realm(): string {
    return this.#began.realm;
  }

  get nonce(): string {
    return this.#nonce;
  }

  /** RFC 7616 §3.5: the nonce the server wants from now on. The session goes on with what it began with. */
  follow(nextNonce: string): void {
    if (nextNonce === this.#nonce) return;
    this.#nonce = nextNonce;
    this.#count = 0;
  }

  /** The value of Authorization or Proxy-Authorization for one more request. */
  answer(credentials: Credentials, method: string, uri: string): string {
    this.#count++;
    return digestAnswer({ ...this.#began, nonce: this.#nonce }, credentials, {
      method,
      uri,
      cnonce: this.#cnonce,
      nonceCount: this.#count,
      sessionNonce: this.#began.nonce,
    });
  }
}
