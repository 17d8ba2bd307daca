import { singleLine } from './control-characters.ts';
import type { CpimAddress, CpimHeader, CpimMessage } from './cpim.ts';

/**
 * Writes a message by the letter of RFC 3862 §2: every line ends with CRLF, addresses stand in angle brackets, and nothing
 * out of a value can begin a line of its own.
 */
export function formatCpim(message: CpimMessage): Buffer {
  const { from, to, cc, dateTime, subject, namespaces, require, headers, contentType, mimeHeaders } = message;
  const outer = [
    ...(from === null ? [] : [line('From', formatAddress(from))]),
    ...to.map((address) => line('To', formatAddress(address))),
    ...cc.map((address) => line('cc', formatAddress(address))),
    ...(dateTime === null ? [] : [line('DateTime', new Date(dateTime).toISOString())]),
    ...(subject === null ? [] : [line('Subject', subject.replace(/\\/g, '\\\\'))]),
    ...[...namespaces].map(([prefix, uri]) => line('NS', `${prefix} <${cleanUri(uri)}>`.trim())),
    ...(require.length === 0 ? [] : [line('Require', require.join(','))]),
    ...headers.map(formatHeader),
  ];
  const inner = [line('Content-Type', contentType), ...mimeHeaders.map(formatHeader)];
  const text = [...outer, '', ...inner, '', ''].join('\r\n');
  return Buffer.concat([Buffer.from(text, 'utf8'), message.content]);
}

function formatHeader({ name, value }: CpimHeader): string {
  return line(name.replace(/[^!#$%&'*+\-.^_`|~0-9A-Za-z]/g, ''), value);
}

/** §2.2: one blank after the colon. */
function line(name: string, value: string): string {
  return `${name}: ${singleLine(value)}`;
}

/** §4.1: the formal name is written as a quoted string (§2.3: `"` and `\` escaped), and left out when empty. */
function formatAddress({ displayName, uri }: CpimAddress): string {
  const name = singleLine(displayName).replace(/["\\]/g, '\\$&');
  return name === '' ? `<${cleanUri(uri)}>` : `"${name}" <${cleanUri(uri)}>`;
}

/** RFC 3986 §2: a URI is printable ASCII without brackets, quotes and blanks; anything else is escaped as UTF-8. */
function cleanUri(uri: string): string {
  return uri.replace(/[^\x21\x23-\x3b\x3d\x3f-\x7e]/gu, (character) =>
    [...Buffer.from(character, 'utf8')]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}
