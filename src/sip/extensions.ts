import type { DrachtioRequest } from './drachtio.ts';
import { SipRefusal } from './refusal.ts';

/** Option tags of the SIP extensions we know in a call (RFC 3261 §20.32). */
export const SUPPORTED = 'timer';

/**
 * RFC 3261 §8.2.2.3: a request that needs an extension we don't know is not ours to answer.
 * @throws SipRefusal 420
 */
export function refuseUnknownExtensions(request: DrachtioRequest): void {
  const unknown = optionTags(request.get('Require')).filter((tag) => tag !== SUPPORTED);
  if (unknown.length === 0) return;
  throw new SipRefusal(420, 'Bad Extension', { Unsupported: unknown.join(', ') });
}

/** Lower case; compared without case (RFC 3261 §7.3.1). What is no token is left out, for it may go into a header again. */
export function optionTags(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((tag) => tag.trim().toLowerCase())
    .filter((tag) => /^[!%'*+\-.`~\w]{1,64}$/.test(tag));
}
