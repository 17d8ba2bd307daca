/** How many messages of one context class there are; the urgent ones when the body tells them apart. */
export interface ClassCounts {
  readonly new: number;
  readonly old: number;
  readonly urgent: { readonly new: number; readonly old: number } | null;
}

/** A body of application/simple-message-summary (RFC 3842 §5.2). */
export interface MessageSummary {
  readonly waiting: boolean;
  /** Message-Account, a bare URI; null when the body names none. */
  readonly account: string | null;
  /** By context class in lower case: `text-message`, `voice-message`, … */
  readonly classes: ReadonlyMap<string, ClassCounts>;
  /** Blocks of headers of single messages, each with its line ends, as they came. */
  readonly headerBlocks: readonly string[];
}

/*
 * RFC 3842 §5.2: a status line, perhaps an account line, summary lines, then blocks of message headers, each after a blank
 * line. RFC 3261 §7.3.1: names and yes/no in any case, blanks allowed around the colon and, by SLASH and parentheses
 * (§25.1), around those. RFC 3842 §5.2 bounds a count to 2**32 - 1.
 */
const STATUS = /^Messages-Waiting[ \t]*:[ \t]*(yes|no)[ \t]*$/i;
const ACCOUNT = /^Message-Account[ \t]*:[ \t]*([a-z][a-z0-9+.-]*:[\x21\x23-\x3b\x3d\x3f-\x7e]+)[ \t]*$/i;
const SUMMARY =
  /^([A-Za-z0-9\-.!%*_+`'~]{1,64})[ \t]*:[ \t]*(\d{1,10})[ \t]*\/[ \t]*(\d{1,10})(?:[ \t]*\([ \t]*(\d{1,10})[ \t]*\/[ \t]*(\d{1,10})[ \t]*\))?[ \t]*$/;
const HEADER = /^[A-Za-z0-9\-.!%*_+`'~]+[ \t]*:[^\0\r\n]*$/;
const CONTINUATION = /^[ \t][^\0\r\n]*$/;
const MAX_COUNT = 2 ** 32 - 1;

/** Reads a body; null when it is none. A bare LF ends a line as CRLF does; line ends at the end may be missing or too many. */
export function parseMessageSummary(body: string): MessageSummary | null {
  const [summary = '', ...blocks] = body.replace(/(?:\r?\n)+$/, '').split(/\r?\n\r?\n/);
  const lines = summary.split(/\r?\n/);
  const status = STATUS.exec(lines.shift() ?? '')?.[1];
  if (status === undefined) return null;
  const account = ACCOUNT.exec(lines[0] ?? '')?.[1];
  if (account !== undefined) lines.shift();
  const classes = new Map<string, ClassCounts>();
  for (const line of lines) {
    const read = readSummaryLine(line);
    if (read === null || classes.has(read.name)) return null;
    classes.set(read.name, read.counts);
  }
  const headerBlocks: string[] = [];
  for (const block of blocks) {
    const read = readHeaderBlock(block);
    if (read === null) return null;
    headerBlocks.push(read);
  }
  return { waiting: status.toLowerCase() === 'yes', account: account ?? null, classes, headerBlocks };
}

/** Writes a body in its canonical form, each line ended by CRLF. */
export function formatMessageSummary(summary: MessageSummary): string {
  const lines = [
    `Messages-Waiting: ${summary.waiting ? 'yes' : 'no'}`,
    ...(summary.account === null ? [] : [`Message-Account: ${summary.account}`]),
    ...[...summary.classes].map(([name, counts]) => `${canonicalName(name)}: ${formatCounts(counts)}`),
  ];
  return [lines.map((line) => `${line}\r\n`).join(''), ...summary.headerBlocks].join('\r\n');
}

function readSummaryLine(line: string): { name: string; counts: ClassCounts } | null {
  const match = SUMMARY.exec(line);
  if (match === null) return null;
  const [, name = '', fresh, old, freshUrgent, oldUrgent] = match;
  const numbers = [fresh, old, freshUrgent, oldUrgent].map((digits) => Number(digits ?? 0));
  if (numbers.some((count) => count > MAX_COUNT)) return null;
  const [newCount = 0, oldCount = 0, newUrgent = 0, oldUrgentCount = 0] = numbers;
  const urgent = freshUrgent === undefined ? null : { new: newUrgent, old: oldUrgentCount };
  return { name: name.toLowerCase(), counts: { new: newCount, old: oldCount, urgent } };
}

function readHeaderBlock(block: string): string | null {
  const lines = block.split(/\r?\n/);
  const valid = lines.every((line, index) => HEADER.test(line) || (index > 0 && CONTINUATION.test(line)));
  return valid ? lines.map((line) => `${line}\r\n`).join('') : null;
}

function formatCounts(counts: ClassCounts): string {
  const total = `${counts.new}/${counts.old}`;
  return counts.urgent === null ? total : `${total} (${counts.urgent.new}/${counts.urgent.old})`;
}

/** RFC 3458 writes its classes in lower case, RFC 3842's examples and most phones as `Text-Message`. */
function canonicalName(name: string): string {
  return name.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase());
}

/** Adds up two counts of one class; a sum beyond what the grammar can say stays at its greatest number. */
export function addCounts(a: ClassCounts, b: ClassCounts): ClassCounts {
  const add = (x: number, y: number): number => Math.min(x + y, MAX_COUNT);
  const none = { new: 0, old: 0 };
  const [ua, ub] = [a.urgent ?? none, b.urgent ?? none];
  return {
    new: add(a.new, b.new),
    old: add(a.old, b.old),
    urgent:
      a.urgent === null && b.urgent === null ? null : { new: add(ua.new, ub.new), old: add(ua.old, ub.old) },
  };
}
