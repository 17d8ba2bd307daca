import type { SipResponse } from '../message/sip-message.ts';

/** RFC 3261 §20.33: after how long a response asks to be tried again, ms; a comment and parameters may follow. */
export function retryAfterOf({ headers }: SipResponse): { readonly retryAfter?: number } {
  const seconds = /^\s*(\d{1,9})(?=[\s;(]|$)/.exec(headers.get('Retry-After') ?? '')?.[1];
  return seconds === undefined ? {} : { retryAfter: Number(seconds) * 1_000 };
}
