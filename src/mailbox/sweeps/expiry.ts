import type { ExpiryStore } from '../ports.ts';
import { EXPIRY_LIMITS } from './sweep-limits.ts';
import type { SweepSurroundings } from './sweeper.ts';
import { Sweeper } from './sweeper.ts';

export interface ExpiryOptions extends SweepSurroundings {
  readonly store: ExpiryStore;
}

/** When a text that came at `now` (epoch ms) may no longer be handed over; null: never. The sooner of both counts. */
export function expiresAt(
  now: number,
  {
    ttl,
    expires,
  }: { /** Seconds; 0: for ever. */ ttl: number; /** Seconds (RFC 3428 §6). */ expires: number | null },
): number | null {
  const lives = [...(ttl === 0 ? [] : [ttl]), ...(expires === null ? [] : [expires])];
  return lives.length === 0 ? null : now + Math.min(...lives) * 1000;
}

/** Starts to take texts away that nobody fetched in time, whenever one's time is over. */
export function startExpiry({ store, metrics, ...options }: ExpiryOptions): Sweeper {
  const expired = metrics.counter('texts_expired_total', 'Texts that nobody fetched in time');
  return new Sweeper({
    ...options,
    what: 'texts that expired',
    pace: EXPIRY_LIMITS,
    sweep: (now, limit) => store.expireTexts(now, limit),
    nextAt: () => store.nextExpiryAt(),
    onSwept: (texts) => {
      expired.add({}, texts);
      options.logger.info({ texts }, 'texts expired');
    },
  });
}
