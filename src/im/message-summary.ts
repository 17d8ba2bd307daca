import { MailboxError } from '../core/errors.ts';
import { singleLine } from './control-characters.ts';
import { encodeWords, isPrintableAscii } from './encoded-word.ts';
import { IM_LIMITS } from './limits.ts';

/** MIME type of the body (RFC 3842 §5.1). */
export const MESSAGE_SUMMARY_TYPE = 'application/simple-message-summary';

/** A body that is no application/simple-message-summary, or one that does not say clearly what waits. */
export class MalformedMessageSummary extends MailboxError {
  constructor(reason: string) {
    super('MALFORMED_MESSAGE_SUMMARY', `not a message summary: ${reason}`);
  }
}

/** How many messages of one context class there are; the urgent ones when the body tells them apart. */
export interface ClassCounts {
  readonly new: number;
  readonly old: number;
  readonly urgent: { readonly new: number; readonly old: number } | null;
}

/** Headers of one message: name and value, in their order. */
export type HeaderBlock = readonly (readonly [name: string, value: string])[];

/** A body of application/simple-message-summary (RFC 3842 §5.2). */
export interface MessageSummary {
  readonly waiting: boolean;
  /** Message-Account, a bare URI; null when the body names none. */
  readonly account: string | null;
  /** By context class in lower case (RFC 3458 §4 and others): `text-message`, `voice-message`, … */
  readonly classes: ReadonlyMap<string, ClassCounts>;
  readonly headerBlocks: readonly HeaderBlock[];
}

/*
 * RFC 3842 §5.2: a status line, perhaps an account line, summary lines, then blocks of message headers, each after a blank
 * line; a count is less than 2**32. RFC 3261 §7.3.1: names and yes/no in any case, blanks allowed around the colon and, by
 * SLASH and parentheses (§25.1), around those; a line that begins with a blank continues the one before it.
 */
const FOLD = /\r?\n[ \t]+(?=[^\s])/g;
const LINE = /^([A-Za-z0-9\-.!%*_+`'~]{1,64})[ \t]*:(.*)$/s;
const COUNTS =
  /^(\d{1,10})[ \t]*\/[ \t]*(\d{1,10})(?:[ \t]*\([ \t]*(\d{1,10})[ \t]*\/[ \t]*(\d{1,10})[ \t]*\))?$/;
const MAX_COUNT = 2 ** 32 - 1;
/** Every context class registered ends so, or is `none`; what else stands in a line of its own counts no messages. */
const CONTEXT_CLASS = /^(?:none|[a-z0-9\-.!%*_+`'~]{0,56}-message)$/;
const HEADER_NAME = /^[A-Za-z0-9\-.!%*_+`'~]{1,64}$/;
/** An absolute URI as it may stand without angle brackets. */
const BARE_URI = /^([a-z][a-z0-9+.-]*):[\x21\x23-\x3b\x3d\x3f-\x7e]+$/i;
const NAME_ADDR = /^[^<>]*<([^<>]*)>/;

interface Line {
  readonly name: string;
  readonly value: string;
}

/**
 * Reads a body leniently: bare LF, no line end at the end, names in any case, lines and headers of unknown form left out, an
 * account in angle brackets. Refused is what could make a lamp wrong: no status at the beginning, counts that are none, a
 * class counted twice.
 * @throws MalformedMessageSummary
 */
export function parseMessageSummary(body: string): MessageSummary {
  const [first = '', ...rest] = splitLines(body);
  const status = readLine(first);
  const waiting = status?.value.toLowerCase() ?? '';
  if (status?.name.toLowerCase() !== 'messages-waiting' || !['yes', 'no'].includes(waiting)) {
    throw new MalformedMessageSummary('it does not begin with Messages-Waiting');
  }
  const end = rest.findIndex(isBlank);
  const summary = (end < 0 ? rest : rest.slice(0, end)).flatMap((line) => readLine(line) ?? []);
  const accounts = summary.filter(({ name }) => name.toLowerCase() === 'message-account');
  return {
    waiting: waiting === 'yes',
    account: readMessageAccount(accounts[0]?.value ?? ''),
    classes: readClasses(summary),
    headerBlocks: end < 0 ? [] : readBlocks(rest.slice(end)),
  };
}

/**
 * Writes a body as the strictest presence servers want it. They refuse a first line spelled otherwise than
 * `Messages-Waiting: yes` or `no`, one without CRLF at its end, and any byte outside printable ASCII; phones take the account
 * for a bare URI. So nothing is left to choice: what the grammar cannot say is left out, counts beyond it stay at its
 * bounds, header values that are not ASCII are encoded (RFC 2047).
 */
export function formatMessageSummary(summary: MessageSummary): string {
  const account = readMessageAccount(summary.account ?? '');
  const lines = [
    `Messages-Waiting: ${summary.waiting ? 'yes' : 'no'}`,
    ...(account === null ? [] : [`Message-Account: ${account}`]),
    ...[...summary.classes]
      .filter(([name]) => CONTEXT_CLASS.test(name))
      .map(([name, counts]) => `${canonicalName(name)}: ${formatCounts(counts)}`),
  ];
  return [writeLines(lines), ...summary.headerBlocks.map(formatHeaderBlock)].join('');
}

/** Writes the headers of one message as they follow the summary: a blank line, then the block; '' when there are none. */
export function formatHeaderBlock(block: HeaderBlock): string {
  const lines = block
    .filter(([name]) => HEADER_NAME.test(name))
    .map(([name, value]) => `${name}: ${headerValue(value)}`.trimEnd());
  return lines.length === 0 ? '' : writeLines(['', ...lines]);
}

/**
 * What a Message-Account names, as it may stand bare: without name and angle brackets, its scheme in lower case, `sip:` before
 * what has none. Null when the value is nothing like a URI.
 */
export function readMessageAccount(value: string): string | null {
  const text = NAME_ADDR.exec(value)?.[1]?.trim() ?? value;
  const uri = /^[^:@]+@/.test(text) ? `sip:${text}` : text;
  if (uri.length > IM_LIMITS.summaryAccount) return null;
  const scheme = BARE_URI.exec(uri)?.[1];
  return scheme === undefined ? null : scheme.toLowerCase() + uri.slice(scheme.length);
}

function splitLines(body: string): string[] {
  if (body.length > IM_LIMITS.summaryLength) throw new MalformedMessageSummary('it is too long');
  const lines = body.replace(FOLD, ' ').split(/\r?\n/);
  const length = lines.findLastIndex((line) => !isBlank(line)) + 1;
  if (length > IM_LIMITS.summaryLines) throw new MalformedMessageSummary('it has too many lines');
  return lines.slice(0, length);
}

function isBlank(line: string): boolean {
  return line.trim() === '';
}

function readLine(line: string): Line | undefined {
  const match = LINE.exec(line);
  return match === null ? undefined : { name: match[1] ?? '', value: (match[2] ?? '').trim() };
}

function readClasses(lines: readonly Line[]): ReadonlyMap<string, ClassCounts> {
  const classes = new Map<string, ClassCounts>();
  for (const line of lines) {
    const name = line.name.toLowerCase();
    if (name === 'messages-waiting') throw new MalformedMessageSummary('it says twice whether messages wait');
    if (!CONTEXT_CLASS.test(name)) continue;
    if (classes.has(name)) throw new MalformedMessageSummary(`it counts ${name} twice`);
    classes.set(name, readCounts(name, line.value));
  }
  return classes;
}

function readCounts(name: string, value: string): ClassCounts {
  const match = COUNTS.exec(value);
  if (match === null) throw new MalformedMessageSummary(`its ${name} has no counts`);
  const [fresh, old, freshUrgent, oldUrgent] = match.slice(1) as (string | undefined)[];
  const counts = {
    new: Number(fresh),
    old: Number(old),
    urgent: freshUrgent === undefined ? null : { new: Number(freshUrgent), old: Number(oldUrgent) },
  };
  const greatest = Math.max(counts.new, counts.old, counts.urgent?.new ?? 0, counts.urgent?.old ?? 0);
  if (greatest > MAX_COUNT) throw new MalformedMessageSummary(`it counts too many of ${name}`);
  return counts;
}

/** Blocks of headers; any number of blank lines stands before each. */
function readBlocks(lines: readonly string[]): HeaderBlock[] {
  const blocks: [string, string][][] = [];
  let block: [string, string][] = [];
  for (const text of lines) {
    if (isBlank(text)) {
      block = [];
      continue;
    }
    const line = readLine(text);
    if (line === undefined) continue;
    if (block.length === 0) blocks.push(block);
    block.push([line.name, line.value]);
  }
  return blocks;
}

function writeLines(lines: readonly string[]): string {
  return lines.map((line) => `${line}\r\n`).join('');
}

/** RFC 3458 writes its classes in lower case, RFC 3842's examples and most phones as `Text-Message`. */
function canonicalName(name: string): string {
  return name.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase());
}

function formatCounts({ new: fresh, old, urgent }: ClassCounts): string {
  const total = `${clampCount(fresh)}/${clampCount(old)}`;
  return urgent === null ? total : `${total} (${clampCount(urgent.new)}/${clampCount(urgent.old)})`;
}

function clampCount(count: number): number {
  return Number.isNaN(count) ? 0 : Math.min(Math.max(Math.trunc(count), 0), MAX_COUNT);
}

/** Values that came encoded stay as they came. */
function headerValue(value: string): string {
  const line = singleLine(value);
  return isPrintableAscii(line) ? line : encodeWords(line);
}
