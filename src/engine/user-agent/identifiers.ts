import { createHmac } from 'node:crypto';
import type { Random } from '../../core/random.ts';
import { hexToken } from '../../core/random.ts';
import { MAGIC_COOKIE } from '../transaction/match.ts';

const POOL_BYTES = 1024;

/** Makes the names messages are told apart by. */
export class Identifiers {
  readonly #random: Random;
  readonly #series: string;
  readonly #tagKey: Buffer;
  #count = 0;
  #pool = '';

  constructor(random: Random) {
    this.#random = random;
    const hex = hexToken(random, 80);
    this.#series = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(12, 15)}-8${hex.slice(15, 18)}`;
    this.#tagKey = random.bytes(16);
  }

  /** Id of a frame or a transaction on the control port, in the form of a UUID: unique, not secret. */
  next(): string {
    this.#count = (this.#count + 1) % 0x1_0000_0000_0000;
    return `${this.#series}-${this.#count.toString(16).padStart(12, '0')}`;
  }

  /** RFC 3261 §8.1.1.7: unique in space and time. Hard to guess, so that only who saw the request can answer it. */
  branch(): string {
    return `${MAGIC_COOKIE}${this.#hex(24)}`;
  }

  /** RFC 3261 §19.3: at least 32 random bits. */
  tag(): string {
    return this.#hex(16);
  }

  /** RFC 3261 §8.2.7: a tag for a request answered without state, the same each time the request comes. */
  statelessTag(key: string): string {
    return createHmac('sha256', this.#tagKey).update(key).digest('hex').slice(0, 16);
  }

  callId(): string {
    return this.#hex(32);
  }

  /** Random digits, drawn many at a time: asking the system for each name would be the dearest part of it. */
  #hex(digits: number): string {
    if (this.#pool.length < digits) this.#pool = hexToken(this.#random, 8 * POOL_BYTES);
    const taken = this.#pool.slice(0, digits);
    this.#pool = this.#pool.slice(digits);
    return taken;
  }
}
