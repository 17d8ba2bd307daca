import type { SipRequest } from '../message/sip-message.ts';

/**
 * RFC 3261 §16.3 step 4 speaks of proxies: our own Via below the others says that a request of ours came back. The branch of the
 * lowest one, which may be ours; undefined where there is but one: straight from us to ourselves is no way round, somebody
 * wanted it.
 */
export function firstBranch({ headers }: SipRequest): string | undefined {
  const vias = headers.all('Via');
  if (vias.length < 2) return undefined;
  return /;\s*branch\s*=\s*([^\s;,]+)/i.exec(vias.at(-1) ?? '')?.[1];
}
