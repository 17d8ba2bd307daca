/** However little there is to read, ms: a collection of garbage may fall into it. */
const LEAST = 5;
/** For each byte, ms. A reader takes a hundredth of it; one that goes back over what it read takes far more. */
const PER_BYTE = 1 / 1_000;
const TRIES = 4;

/** The longest that any one thing took, ms, and how many bytes it had. */
export interface Slowest {
  ms: number;
  bytes: number;
}

/** Work took longer than bytes of that number may take. */
export class TooSlow extends Error {}

/**
 * Does the work, and fails when it takes longer than in proportion to `bytes`. The machine has other things to do: what seems
 * slow once is done again.
 */
export function atPace<T>(bytes: number, work: () => T, slowest?: Slowest): T {
  const bound = LEAST + bytes * PER_BYTE;
  for (let tries = 1; ; tries++) {
    const started = performance.now();
    const result = work();
    const ms = performance.now() - started;
    if (ms <= bound) {
      if (slowest !== undefined && ms > slowest.ms) Object.assign(slowest, { ms, bytes });
      return result;
    }
    if (tries === TRIES)
      throw new TooSlow(`${ms.toFixed(1)} ms for ${bytes} bytes, which may take ${bound.toFixed(1)}`);
  }
}
