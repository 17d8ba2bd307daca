import { trimBlanks } from './blanks.ts';
import type { CpimAddress, CpimHeader, CpimMessage, CpimSubject } from './cpim.ts';
import { escapeControls, escapeCpim } from './cpim-escapes.ts';
import { formatDateTime } from './date-time.ts';

/** §3.6: what a name of a header or a prefix is made of. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Names that are written from fields of their own, or would be taken for headers of the content. */
const OWN = /^(from|to|cc|datetime|subject|ns|require|content-.*|mime-version)$/i;

/**
 * Writes a message by the letter of RFC 3862 §2: every line ends with CRLF, addresses stand in angle brackets, and nothing
 * out of a value can begin a line of its own. A header whose name is none is left out.
 */
export function formatCpim(message: CpimMessage): Buffer {
  const { from, to, cc, subjects, namespaces, require, headers, contentType, mimeHeaders } = message;
  const dateTime = dateTimeOf(message);
  const defaultNamespace = namespaces.get('');
  const required = require.filter((name) => NAME.test(name));
  const outer = [
    ...(from === null ? [] : [line('From', formatAddress(from))]),
    ...to.map((address) => line('To', formatAddress(address))),
    ...cc.map((address) => line('cc', formatAddress(address))),
    ...(dateTime === null ? [] : [line('DateTime', dateTime)]),
    ...subjects.map(formatSubject),
    ...[...namespaces].flatMap(formatNamespace),
    ...(required.length === 0 ? [] : [line('Require', required.join(','))]),
    // §3.4: from here on names without a prefix are in it, so those of our own stand before.
    ...(defaultNamespace === undefined ? [] : [line('NS', `<${cleanUri(defaultNamespace)}>`)]),
    ...headers.filter(({ name }) => NAME.test(name) && !OWN.test(name)).map(formatHeader),
  ];
  const inner = mimeHeaders.filter(({ name }) => NAME.test(name) && !/^content-type$/i.test(name));
  const type = oneLine(contentType);
  const mime = [
    line('Content-Type', type === '' ? 'text/plain' : type),
    ...inner.map(({ name, value }) => line(name, oneLine(value))),
  ];
  return Buffer.concat([Buffer.from([...outer, '', ...mime, '', ''].join('\r\n'), 'utf8'), message.content]);
}

/** §3.3: one blank before the value. */
function line(name: string, value: string): string {
  return `${name}: ${value}`;
}

function dateTimeOf({ dateTime, dateTimeText }: CpimMessage): string | null {
  if (dateTimeText !== null) return escapeControls(dateTimeText);
  return dateTime === null ? null : formatDateTime(dateTime);
}

/** §4.5: the language is a parameter. */
function formatSubject({ text, language }: CpimSubject): string {
  const tag = language !== null && /^[A-Za-z0-9-]+$/.test(language) ? `;lang=${language}` : '';
  return `Subject:${tag} ${escapeCpim(text)}`;
}

/** §4.6. */
function formatNamespace([prefix, uri]: readonly [string, string]): string[] {
  return NAME.test(prefix) ? [line('NS', `${prefix} <${cleanUri(uri)}>`)] : [];
}

function formatHeader({ name, value, parameters = '' }: CpimHeader): string {
  return `${name}:${escapeControls(parameters)} ${escapeControls(value)}`;
}

/** §4.1: the formal name is written as a quoted string, and left out when empty. */
function formatAddress({ displayName, uri }: CpimAddress): string {
  const name = escapeCpim(displayName).replaceAll('"', '\\"');
  return name === '' ? `<${cleanUri(uri)}>` : `"${name}" <${cleanUri(uri)}>`;
}

/** RFC 2045 knows none of the escapes of message headers: what could end a line becomes a blank. */
function oneLine(value: string): string {
  return trimBlanks(value.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' '));
}

/** RFC 3986 §2: a URI is printable ASCII without brackets, quotes, backslashes and blanks; anything else is escaped as UTF-8. */
function cleanUri(uri: string): string {
  return uri.replace(/[^\x21\x23-\x3b\x3d\x3f-\x5b\x5d-\x7e]/gu, (character) =>
    [...Buffer.from(character, 'utf8')]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}
