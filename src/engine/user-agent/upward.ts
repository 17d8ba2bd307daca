import { isUtf8 } from 'node:buffer';
import type { SipMessage } from '../message/sip-message.ts';
import { serializeMessage } from '../message/serialize-message.ts';

/** How a body reaches an application that reads frames as UTF-8 when it is none. */
export type BinaryBodies = 'base64' | 'raw';

/**
 * A message as an application is shown it: what came, with a body that would not survive decoding put in base64
 * (RFC 2045 §6.1). Content-Length is that of the body shown.
 */
export function shownToApplication(message: SipMessage, binaryBodies: BinaryBodies): Buffer {
  const { body } = message;
  if (binaryBodies === 'raw' || body.length === 0 || (isUtf8(body) && !body.includes(0))) {
    return serializeMessage(message);
  }
  const headers = message.headers.clone();
  headers.set('Content-Transfer-Encoding', 'base64');
  return serializeMessage({ ...message, headers, body: Buffer.from(body.toString('base64'), 'latin1') });
}
