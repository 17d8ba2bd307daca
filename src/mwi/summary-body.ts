import type { AddressOfRecord } from '../core/address-of-record.ts';
import { singleLine } from '../im/control-characters.ts';
import { encodeHeaderText } from '../im/encoded-word.ts';
import { formatHeaderBlock, formatMessageSummary, readMessageAccount } from '../im/message-summary.ts';
import type { ClassCounts, HeaderBlock, MessageSummary } from '../im/message-summary.ts';
import type { MailboxCounts } from '../mailbox/ports.ts';
import { MWI_LIMITS } from './limits.ts';
import type { TextHeaders } from './ports.ts';

/** Headers that can be told of a single text (RFC 3842 §3.5), in the order they stand in its block. */
export const MESSAGE_HEADERS = [
  'From',
  'Subject',
  'Date',
  'Priority',
  'Message-ID',
  'Message-Context',
] as const;

export type MessageHeader = (typeof MESSAGE_HEADERS)[number];

/** Context classes (RFC 3458 §4) our texts can be counted as. */
export type TextContextClass = 'text-message' | 'pager-message';

/** How this site wants its bodies. */
export interface SummaryBodySettings {
  /** What phones are told to call for their texts. */
  readonly messageAccount: AddressOfRecord;
  readonly contextClass: TextContextClass;
  /** Whether `Voice-Message: 0/0 (0/0)` stands where no voicemail counts voice: some clients take no body without one. */
  readonly voiceLine: boolean;
  /** What is told of single texts; nothing when empty. */
  readonly messageHeaders: ReadonlySet<MessageHeader>;
}

/** What one lamp should say. */
export interface SummaryContents {
  readonly counts: MailboxCounts;
  /** What the voicemail last said of the same user; null when it says nothing. */
  readonly voicemail: MessageSummary | null;
  /** New texts, the newest first. */
  readonly newest: readonly TextHeaders[];
}

const VOICE = 'voice-message';
const NO_VOICE: ClassCounts = { new: 0, old: 0, urgent: { new: 0, old: 0 } };

/** What we publish for one lamp: our texts and the voicemail's messages in one body of at most `MWI_LIMITS.bodyBytes`. */
export function composeSummary(contents: SummaryContents, settings: SummaryBodySettings): string {
  const { counts, voicemail } = contents;
  const summary = formatMessageSummary({
    waiting: counts.new > 0 || isWaiting(voicemail, settings.contextClass),
    account: shownAccount(contents, settings),
    classes: composeClasses(contents, settings),
    headerBlocks: [],
  });
  return summary + fittingBlocks(contents.newest, settings, MWI_LIMITS.bodyBytes - summary.length);
}

/** The voicemail's class of our own name is not counted: of texts we know better. */
function voicemailClasses(voicemail: MessageSummary | null, own: TextContextClass): [string, ClassCounts][] {
  return [...(voicemail?.classes ?? [])].filter(([name]) => name !== own);
}

/** Counts say more than the status does; without any the status is all there is. */
function isWaiting(voicemail: MessageSummary | null, own: TextContextClass): boolean {
  if (voicemail === null) return false;
  if (voicemail.classes.size === 0) return voicemail.waiting;
  return voicemailClasses(voicemail, own).some(([, counts]) => counts.new > 0);
}

/** Phones have one key for one account: it leads to what waits, and to texts where both do. */
function shownAccount(
  { counts, voicemail }: SummaryContents,
  { messageAccount, contextClass }: SummaryBodySettings,
): string {
  const isTheirs = counts.new === 0 && isWaiting(voicemail, contextClass);
  const theirs = isTheirs ? readMessageAccount(voicemail?.account ?? '') : null;
  return theirs ?? messageAccount.toString();
}

/** Voice stands first: phones that know a single lamp read the first line, or that of voice alone. */
function composeClasses(
  { counts, voicemail }: SummaryContents,
  { contextClass, voiceLine }: SummaryBodySettings,
): ReadonlyMap<string, ClassCounts> {
  const others = voicemailClasses(voicemail, contextClass);
  const voice = others.find(([name]) => name === VOICE)?.[1] ?? (voiceLine ? NO_VOICE : undefined);
  const told = others.filter(([name]) => name !== VOICE);
  if (voice !== undefined) told.unshift([VOICE, voice]);
  const texts = {
    new: counts.new,
    old: counts.old,
    urgent: { new: counts.newUrgent, old: counts.oldUrgent },
  };
  return new Map([...told.slice(0, MWI_LIMITS.voicemailClasses), [contextClass, texts]]);
}

/** The blocks of the newest texts that fit into `room` bytes; one that is too large makes place for older ones. */
function fittingBlocks(newest: readonly TextHeaders[], settings: SummaryBodySettings, room: number): string {
  let blocks = '';
  for (const text of newest.slice(0, MWI_LIMITS.headerBlocks)) {
    const block = formatHeaderBlock(headerBlock(text, settings));
    if (blocks.length + block.length <= room) blocks += block;
  }
  return blocks;
}

function headerBlock(text: TextHeaders, settings: SummaryBodySettings): HeaderBlock {
  const values: Record<MessageHeader, string> = {
    From: formatFrom(text),
    Subject: encodeHeaderText(singleLine(text.subject)),
    Date: formatDate(text.receivedAt),
    Priority: text.urgent ? 'urgent' : 'normal',
    'Message-ID': formatMessageId(text.messageId),
    'Message-Context': settings.contextClass,
  };
  return MESSAGE_HEADERS.filter((name) => settings.messageHeaders.has(name) && values[name] !== '').map(
    (name) => [name, values[name]],
  );
}

/*
 * RFC 3261 §25.1: name-addr = [ display-name ] "<" addr-spec ">". A display name is quoted, `"` and `\` within it escaped; one
 * that must be encoded stands without quotes, for within them an encoded word is none (RFC 2047 §5).
 */
function formatFrom({ author, authorName }: TextHeaders): string {
  const uri = bareWord(author);
  if (uri === '') return '';
  const name = singleLine(authorName);
  if (name === '') return `<${uri}>`;
  const encoded = encodeHeaderText(name);
  return encoded === name ? `"${name.replace(/["\\]/g, '\\$&')}" <${uri}>` : `${encoded} <${uri}>`;
}

/** RFC 3261 §20.17, RFC 1123: `Sat, 13 Nov 2010 23:29:00 GMT`; '' for an instant no date can name. */
function formatDate(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? '' : date.toUTCString();
}

function formatMessageId(messageId: string): string {
  const id = bareWord(messageId);
  return id === '' ? '' : `<${id}>`;
}

/** What can stand between angle brackets: no blanks, controls, quotes or brackets; bytes beyond ASCII as `%C3`. */
function bareWord(text: string): string {
  const word = Buffer.from(singleLine(text).replace(/[\s<>"]/gu, ''), 'utf8');
  return [...word].map((byte) => (byte < 0x80 ? String.fromCharCode(byte) : `%${hex(byte)}`)).join('');
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0');
}
