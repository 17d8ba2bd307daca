import type { SipMessage } from './sip-message.ts';

/**
 * Writes a message. Content-Length is counted in bytes of the body and comes last; no value can end its own line, whatever
 * the application put into it; a NUL is written in a quoted string alone, behind its backslash (§25.1).
 */
export function serializeMessage(message: SipMessage): Buffer {
  const startLine =
    message.kind === 'request'
      ? `${message.method} ${message.uri} SIP/2.0`
      : `SIP/2.0 ${message.status} ${message.reason}`;
  let head = `${oneLine(startLine)}\r\n`;
  for (const [name, value] of message.headers.entries()) {
    if (name !== 'Content-Length') head += `${oneLine(name)}: ${oneLine(value)}\r\n`;
  }
  head += `Content-Length: ${message.body.length}\r\n\r\n`;
  const headLength = Buffer.byteLength(head);
  const bytes = Buffer.allocUnsafe(headLength + message.body.length);
  bytes.write(head, 0, 'utf8');
  message.body.copy(bytes, headLength);
  return bytes;
}

const BREAKS = /[\r\n]|(?<!\\)\0/;
const BREAK_RUNS = /(?:[\r\n]|(?<!\\)\0)+/g;

function oneLine(value: string): string {
  return BREAKS.test(value) ? value.replace(BREAK_RUNS, ' ') : value;
}
