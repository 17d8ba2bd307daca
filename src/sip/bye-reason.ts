import type { HeaderMap } from './drachtio.ts';

/** Why a BYE of ours ends a call (RFC 3326): a SIP status, and words. */
export function byeReason(cause: number, text: string): HeaderMap {
  return { Reason: `SIP;cause=${cause};text="${quotable(text)}"` };
}

/** RFC 3326: text is a quoted string. */
function quotable(text: string): string {
  return text.replace(/[^\x20-\x7e]|["\\]/g, '').slice(0, 200);
}
