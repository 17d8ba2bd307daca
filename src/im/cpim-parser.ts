import { trimBlanks } from './blanks.ts';
import type { CpimAddress, CpimHeader, CpimMessage, CpimSubject } from './cpim.ts';
import { CPIM_NAMESPACE, MalformedCpim, nameWithin } from './cpim.ts';
import { unescapeCpim } from './cpim-escapes.ts';
import { readDateTime } from './date-time.ts';
import type { HeaderLine } from './header-lines.ts';
import { HeaderLines } from './header-lines.ts';
import { IM_LIMITS } from './limits.ts';

/*
 * RFC 3862 §2: message headers, an empty line, MIME headers, an empty line, content. Clients write a bare LF in the MIME part or
 * everywhere, and some an empty line more between the parts, so every line is read by itself.
 */

/** Reads a message. Every part of it is read once, so that the time it takes grows with its length only. @throws MalformedCpim */
export function parseCpim(bytes: Buffer): CpimMessage {
  const lines = new HeaderLines(bytes);
  lines.skipEmpty();
  const outer = lines.block();
  if (outer === null || outer.length === 0) throw new MalformedCpim('it has no message headers');
  const declared = outer.some(isContentType);
  const inner = readMimeHeaders(lines, declared);
  // Some clients put the MIME headers right after the message headers, with no empty line between.
  const mimeHeaders = [...outer.filter(isMime), ...inner].map(readMimeHeader);
  const headers = outer.filter((header) => !isMime(header)).map(readMessageHeader);
  const others = mimeHeaders.filter((header) => !isContentType(header));
  if (headers.length + others.length > IM_LIMITS.cpimHeaders) {
    throw new MalformedCpim(`more than ${IM_LIMITS.cpimHeaders} headers`);
  }
  const contentType = mimeHeaders.find(isContentType)?.value ?? '';
  return {
    ...readMessageHeaders(headers),
    contentType: contentType === '' ? 'text/plain' : contentType,
    mimeHeaders: others,
    content: lines.rest(),
  };
}

/** What stands between the message headers and the content; nothing when the client wrote no MIME headers. */
function readMimeHeaders(lines: HeaderLines, declared: boolean): HeaderLine[] {
  const start = lines.position;
  lines.skipEmpty();
  const inner = lines.block();
  if (inner?.some(isMime) === true) return inner;
  lines.position = start;
  // MIME headers may be none at all: then the empty line that ends them is the first one left.
  if (!declared) lines.skipOneEmpty();
  return [];
}

function isMime({ name }: { readonly name: string }): boolean {
  return /^(content-|mime-version$)/i.test(name);
}

function isContentType({ name }: { readonly name: string }): boolean {
  return name.toLowerCase() === 'content-type';
}

function readMimeHeader({ name, rest }: HeaderLine): CpimHeader {
  return { name, value: trimBlanks(rest) };
}

/*
 * §3.3: Header = name ":" *( ";" name "=" value ) SP value. Parameters follow the colon at once; after a blank a semicolon
 * belongs to the value. Blanks around the value mean nothing.
 */
const PARAMETER = /;[^\s=;:"]+=(?:"(?:[^"\\]|\\.)*"|[^\s";]*)/uy;

function readMessageHeader({ name, rest }: HeaderLine): CpimHeader {
  let end = 0;
  PARAMETER.lastIndex = 0;
  while (PARAMETER.test(rest)) end = PARAMETER.lastIndex;
  const parametersEnd = end === rest.length || /[ \t]/.test(rest.charAt(end));
  if (end === 0 || !parametersEnd) return { name, value: trimBlanks(rest) };
  return { name, value: trimBlanks(rest.slice(end)), parameters: rest.slice(0, end) };
}

type MessageHeaders = Omit<CpimMessage, 'contentType' | 'mimeHeaders' | 'content'>;

/** §4: the headers of the default namespace. */
const CORE: ReadonlySet<string> = new Set(['from', 'to', 'cc', 'datetime', 'subject', 'ns', 'require']);

function readMessageHeaders(headers: readonly CpimHeader[]): MessageHeaders {
  const ns = headers.filter(({ name }) => name.toLowerCase() === 'ns');
  const namespaces = new Map(ns.map(({ value }) => readNamespace(value)));
  const named = headers.map((header) => ({ header, core: coreName(namespaces, header) }));
  const found = (name: string): CpimHeader[] =>
    named.filter(({ core }) => core === name).map(({ header }) => header);
  const dateTimeText = found('datetime')[0]?.value ?? '';
  return {
    from: found('from').map(readAddress)[0] ?? null,
    to: found('to').map(readAddress),
    cc: found('cc').map(readAddress),
    dateTime: readDateTime(dateTimeText),
    dateTimeText: dateTimeText === '' ? null : dateTimeText,
    subjects: found('subject').map(readSubject),
    namespaces,
    require: found('require')
      .flatMap(({ value }) => value.split(','))
      .map(trimBlanks)
      .filter((name) => name !== ''),
    headers: named.filter(({ core }) => core === undefined).map(({ header }) => header),
  };
}

/**
 * §3.4: the headers of this specification may be written with a prefix as well. Without one they are always taken for its own,
 * whatever default namespace an NS names: clients give their own headers one and go on to write From and Subject.
 */
function coreName(namespaces: ReadonlyMap<string, string>, header: CpimHeader): string | undefined {
  const bare = header.name.toLowerCase();
  if (CORE.has(bare)) return bare;
  const name = nameWithin({ namespaces }, header, CPIM_NAMESPACE, '');
  return name !== undefined && CORE.has(name) ? name : undefined;
}

/** §4.5. Parameters other than the language are not kept. */
function readSubject({ value, parameters = '' }: CpimHeader): CpimSubject {
  const language = /;lang="?([A-Za-z0-9-]{1,100})/i.exec(parameters)?.[1];
  return { text: trimBlanks(unescapeCpim(value)), language: language ?? null };
}

/** §4.1: [ formal-name ] "<" URI ">"; a name may lack its quotes and an address its brackets. */
function readAddress({ value }: CpimHeader): CpimAddress {
  const open = value.lastIndexOf('<');
  if (open === -1) return { displayName: '', uri: value };
  const close = value.indexOf('>', open);
  const uri = trimBlanks(value.slice(open + 1, close === -1 ? undefined : close));
  const name = trimBlanks(value.slice(0, open));
  const quoted = name.length >= 2 && name.startsWith('"') && name.endsWith('"');
  return { displayName: unescapeCpim(quoted ? name.slice(1, -1) : name), uri };
}

/** §4.6: [ prefix ] "<" URI ">"; the brackets may be missing. */
function readNamespace(value: string): [string, string] {
  const open = value.indexOf('<');
  const blank = /[ \t]/.exec(value)?.index ?? 0;
  const start = open === -1 ? blank : open;
  const close = value.indexOf('>', start);
  const uri = value.slice(open === -1 ? start : start + 1, close === -1 ? undefined : close);
  return [trimBlanks(value.slice(0, start)), trimBlanks(uri)];
}
