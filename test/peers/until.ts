import { setTimeout as pause } from 'node:timers/promises';

const INTERVAL = 15;

/**
 * Looks again and again until `look` returns something other than `undefined` or `false`, and resolves
 * with it. After `limit` ms it rejects, naming `what` was waited for and `evidence`, what is known.
 * What `look` throws ends the waiting at once.
 */
export async function until<T>(
  what: string,
  limit: number,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  evidence: () => string = () => '',
): Promise<T> {
  const deadline = performance.now() + limit;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limit} ms\n${evidence()}`);
    await pause(INTERVAL);
  }
}
