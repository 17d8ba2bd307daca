import { isUtf8 } from 'node:buffer';
import type { SipHeaders, SipMessage } from '../message/sip-message.ts';
import { serializeMessage } from '../message/serialize-message.ts';

/** How a body reaches an application that reads frames as UTF-8 when it is none. */
export type BinaryBodies = 'base64' | 'raw';

/**
 * A message as an application is shown it: what came, with a body that would not survive decoding put in base64
 * (RFC 2045 §6.1). Content-Length is that of the body shown.
 */
export function shownToApplication(message: SipMessage, binaryBodies: BinaryBodies): Buffer {
  const { body } = message;
  const headers = undisguised(message.headers);
  if (binaryBodies === 'raw' || body.length === 0 || (isUtf8(body) && !body.includes(0))) {
    return serializeMessage({ ...message, headers });
  }
  const encoded = headers.clone();
  encoded.set('Content-Transfer-Encoding', 'base64');
  return serializeMessage({
    ...message,
    headers: encoded,
    body: Buffer.from(body.toString('base64'), 'latin1'),
  });
}

/** What `unescape` of JavaScript reads as another character. */
const ESCAPE = /%(?:u[\dA-Fa-f]{4}|[\dA-Fa-f]{2})/;

/**
 * Without the headers whose names have escapes, which SIP has not in names (RFC 3261 §25.1). Threat: drachtio-srf resolves
 * them, so that `%46rom` would count as From, and `%50-Asserted-Identity` as what every proxy that is trusted takes out.
 */
function undisguised(headers: SipHeaders): SipHeaders {
  let shown = headers;
  for (const [name] of headers.entries()) {
    if (!name.includes('%') || !ESCAPE.test(name)) continue;
    if (shown === headers) shown = headers.clone();
    shown.delete(name);
  }
  return shown;
}
