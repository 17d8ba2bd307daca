import type { AddressOfRecord } from '../core/address-of-record.ts';
import { MailboxError } from '../core/errors.ts';
import type { MailboxCounts } from '../mailbox/ports.ts';
import { MWI_LIMITS } from './limits.ts';

/** MIME type of the body (RFC 3842 §5.1). */
export const MESSAGE_SUMMARY_TYPE = 'application/simple-message-summary';

/** A body that is no application/simple-message-summary. */
export class MalformedMessageSummary extends MailboxError {
  constructor(reason: string) {
    super('MALFORMED_MESSAGE_SUMMARY', `not a message summary: ${reason}`);
  }
}

/** A body that was read (RFC 3842 §5.2). */
export interface MessageSummary {
  readonly messagesWaiting: boolean;
  /** Message-Account as it stands; null when the body names none. */
  readonly messageAccount: string | null;
  /** By message context class in lower case (RFC 3458 §4 and others), such as `text-message` and `voice-message`. */
  readonly counts: ReadonlyMap<string, MailboxCounts>;
  /** Blocks of headers of single messages; names in lower case. */
  readonly messageHeaders: readonly ReadonlyMap<string, string>[];
}

/** RFC 3842 §5.2: a count is less than 2**32. */
const MAX_COUNT = 2 ** 32 - 1;

/**
 * Writes what the lamp should say. Real presence servers refuse a body whose first line is spelled otherwise than
 * `Messages-Waiting: yes` or `no`, one without CRLF at its end, and any byte outside printable ASCII; phones take the
 * account for a bare URI. So nothing here is left to choice.
 */
export function formatMessageSummary(counts: MailboxCounts, messageAccount: AddressOfRecord): string {
  const [fresh, old, freshUrgent, oldUrgent] = [
    counts.new,
    counts.old,
    counts.newUrgent,
    counts.oldUrgent,
  ].map(clampCount);
  return [
    `Messages-Waiting: ${fresh === 0 ? 'no' : 'yes'}`,
    `Message-Account: ${messageAccount.toString()}`,
    `Text-Message: ${fresh ?? 0}/${old ?? 0} (${freshUrgent ?? 0}/${oldUrgent ?? 0})`,
    '',
  ].join('\r\n');
}

function clampCount(count: number): number {
  return Math.min(Math.max(Math.trunc(count), 0), MAX_COUNT);
}

/*
 * RFC 3842 §5.2: status line, [account line], summary lines, then blocks of message headers, each after an empty line.
 * Lenient: bare LF, no line end at the end, names and values in any case, blanks around colon, slash and parentheses, lines
 * of unknown form.
 */
const LINE = /^([^\s:]{1,64})[ \t]*:[ \t]*(.*)$/s;
const COUNTS = /^(\d{1,10})\s*\/\s*(\d{1,10})(?:\s*\(\s*(\d{1,10})\s*\/\s*(\d{1,10})\s*\))?$/;
/** A line is a summary line by its name: `…-Message` or one of RFC 3458's classes. */
const CONTEXT_CLASS = /(?:-message|^none)$/;

/** Reads a body. @throws MalformedMessageSummary */
export function parseMessageSummary(body: string): MessageSummary {
  if (body.length > MWI_LIMITS.bodyLength) throw new MalformedMessageSummary('it is too long');
  const lines = body.replace(/(?:\r?\n)+$/, '').split(/\r?\n/);
  if (lines.length > MWI_LIMITS.bodyLines) throw new MalformedMessageSummary('it has too many lines');
  const [first = '', ...rest] = lines;
  const status = readLine(first);
  const waiting = status?.value.toLowerCase() ?? '';
  if (status?.name !== 'messages-waiting' || !['yes', 'no'].includes(waiting)) {
    throw new MalformedMessageSummary('it does not begin with Messages-Waiting');
  }
  const end = rest.indexOf('');
  const summary = end === -1 ? rest : rest.slice(0, end);
  const counts = new Map<string, MailboxCounts>();
  let messageAccount: string | null = null;
  for (const line of summary.map(readLine)) {
    if (line === undefined) continue;
    if (line.name === 'message-account') messageAccount ??= line.value;
    else if (CONTEXT_CLASS.test(line.name)) counts.set(line.name, readCounts(line.name, line.value));
  }
  return {
    messagesWaiting: waiting === 'yes',
    messageAccount,
    counts,
    messageHeaders: end === -1 ? [] : readBlocks(rest.slice(end)),
  };
}

function readLine(line: string): { name: string; value: string } | undefined {
  const match = LINE.exec(line);
  return match === null
    ? undefined
    : { name: (match[1] ?? '').toLowerCase(), value: (match[2] ?? '').trim() };
}

/** The counts of one class; the urgent ones are 0 when the line has none. */
function readCounts(name: string, value: string): MailboxCounts {
  const match = COUNTS.exec(value);
  const [fresh = -1, old = -1, newUrgent = 0, oldUrgent = 0] = (match ?? [])
    .slice(1)
    .map((digits: string | undefined) => Number(digits ?? 0));
  if (match === null || Math.max(fresh, old, newUrgent, oldUrgent) > MAX_COUNT) {
    throw new MalformedMessageSummary(`its ${name} has no counts`);
  }
  return { new: fresh, old, newUrgent, oldUrgent };
}

function readBlocks(lines: readonly string[]): ReadonlyMap<string, string>[] {
  const blocks: Map<string, string>[] = [];
  let block: Map<string, string> | undefined;
  for (const text of lines) {
    if (text === '') {
      block = undefined;
      continue;
    }
    const line = readLine(text);
    if (line === undefined) continue;
    if (block === undefined) {
      block = new Map();
      blocks.push(block);
    }
    if (!block.has(line.name)) block.set(line.name, line.value);
  }
  return blocks;
}
