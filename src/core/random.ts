import { randomBytes } from 'node:crypto';

/** Where identifiers and jitter come from. Injected, so that tests can repeat a run. */
export interface Random {
  /** `count` unpredictable bytes. */
  bytes(count: number): Buffer;
  /** A number in [0, 1). */
  fraction(): number;
}

/** Bytes fetched at one time: asking the system for each identifier costs more than the identifier. */
const POOL = 4096;

class SystemRandom implements Random {
  #pool = Buffer.alloc(0);

  bytes(count: number): Buffer {
    if (count > POOL) return randomBytes(count);
    if (this.#pool.length < count) this.#pool = randomBytes(POOL);
    const taken = Buffer.from(this.#pool.subarray(0, count));
    this.#pool = this.#pool.subarray(count);
    return taken;
  }

  fraction(): number {
    return this.bytes(4).readUInt32BE(0) / 0x1_0000_0000;
  }
}

/** Cryptographically strong randomness of the operating system. */
export const systemRandom: Random = new SystemRandom();

/** An identifier of lower-case hex digits that carries `bits` random bits (a multiple of 8). */
export function hexToken(random: Random, bits: number): string {
  return random.bytes(bits / 8).toString('hex');
}
