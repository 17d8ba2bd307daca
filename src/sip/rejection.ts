import { deltaSeconds } from './delta-seconds.ts';
import type { DrachtioResponse } from './drachtio.ts';

/** What a refusal says to whoever may try again. */
export interface Rejection {
  readonly kind: 'rejected';
  readonly status: number;
  readonly reason: string;
  /** Seconds, from Min-Expires. */
  readonly minExpires?: number;
  /** Seconds, from Retry-After. */
  readonly retryAfter?: number;
}

/** Reads a response of 300 and above. */
export function rejectionOf(response: DrachtioResponse): Rejection {
  const minExpires = deltaSeconds(response.get('Min-Expires'));
  const retryAfter = deltaSeconds(response.get('Retry-After'));
  return {
    kind: 'rejected',
    status: response.status,
    reason: response.reason,
    ...(minExpires === undefined ? {} : { minExpires }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}
