import { randomBytes } from 'node:crypto';

/** Where identifiers and jitter come from. Injected, so that tests can repeat a run. */
export interface Random {
  /** `count` unpredictable bytes. */
  bytes(count: number): Buffer;
  /** A number in [0, 1). */
  fraction(): number;
}

/** Cryptographically strong randomness of the operating system. */
export const systemRandom: Random = {
  bytes: (count) => randomBytes(count),
  fraction: () => randomBytes(4).readUInt32BE(0) / 0x1_0000_0000,
};

/** An identifier of lower-case hex digits that carries `bits` random bits (a multiple of 8). */
export function hexToken(random: Random, bits: number): string {
  return random.bytes(bits / 8).toString('hex');
}
