import { parseNameAddress } from './name-address.ts';

/** The tag in a From or To header (RFC 3261 §19.3); '' when there is none. */
export function tagOf(header: string | undefined): string {
  const parameters = parseNameAddress(header ?? '')?.parameters ?? '';
  return /;\s*tag\s*=\s*([^\s;,]+)/i.exec(parameters)?.[1] ?? '';
}
