import { AddressOfRecord } from '../core/address-of-record.ts';
import type { NewMessage } from './ports.ts';

/** What a request says of having been written by a program. */
export interface AutomaticSigns {
  /** It is a MESSAGE of a mailbox like ours. */
  readonly ownMark: boolean;
  /** Values of the headers of these names; null: there is none. */
  readonly autoSubmitted: string | null;
  readonly precedence: string | null;
  readonly autoResponseSuppress: string | null;
  /** It came from a list: RFC 2919. */
  readonly listId: string | null;
  /** Feature `automata` (RFC 3840 §10): there is no person behind it. */
  readonly automata: boolean;
}

/** A text that was taken, as far as telling its author matters. */
export interface NoticeFacts {
  readonly message: Pick<NewMessage, 'owner' | 'author' | 'deliverAt' | 'receipts'>;
  /** SIP URI of the trusted hop that vouches for the author; null: nobody does. */
  readonly returnHop: string | null;
  readonly messageAccount: AddressOfRecord;
  readonly signs: AutomaticSigns;
}

/** Whether the author of a text is told that it was kept, or why not. */
export type NoticeVerdict =
  'tell' | 'not vouched for' | 'no person' | 'automatic' | 'herself' | 'scheduled' | 'told by IMDN';

/*
 * RFC 3834 §2 in terms of SIP: an automatic answer goes to whom the request surely is from, never to a program, and never answers
 * an automatic one. The headers are those of mail, which gateways and bots set in MESSAGEs too.
 */

/** Users nobody reads for. */
const NO_PERSON =
  /^(anonymous|unknown|unavailable|restricted|mailer-daemon|postmaster|(no|do-?not)[-_.]?reply|voice-?mail|auto-?reply|bounces?|list-?serv|majordomo|owner-.*)([-_.+].*)?$|-request$/i;

/** Decides from the request alone; whether she was told lately is known elsewhere. */
export function noticeVerdict({ message, returnHop, messageAccount, signs }: NoticeFacts): NoticeVerdict {
  // Else anybody could have us write to whomever she names.
  if (returnHop === null) return 'not vouched for';
  const author = AddressOfRecord.tryParse(message.author);
  if (author === undefined || isNoPerson(author, messageAccount)) return 'no person';
  if (isAutomatic(signs)) return 'automatic';
  if (author.equals(message.owner)) return 'herself';
  // She knows that it is not to be read yet.
  if (message.deliverAt !== null) return 'scheduled';
  // Its receipt says `stored` (RFC 5438 §5): she is not to hear it twice.
  if (message.receipts?.dispositions.includes('processing') === true) return 'told by IMDN';
  return 'tell';
}

/** RFC 3323 §4.1.1.3: who wants to be nobody writes from anonymous.invalid. */
function isNoPerson(author: AddressOfRecord, messageAccount: AddressOfRecord): boolean {
  const { user, host } = author;
  return author.equals(messageAccount) || /(^|\.)invalid$/.test(host) || NO_PERSON.test(user);
}

function isAutomatic(signs: AutomaticSigns): boolean {
  const { ownMark, autoSubmitted, precedence, autoResponseSuppress, listId, automata } = signs;
  return (
    ownMark ||
    automata ||
    listId !== null ||
    isAutoSubmitted(autoSubmitted) ||
    (precedence !== null && ['bulk', 'list', 'junk'].includes(keyword(precedence))) ||
    (autoResponseSuppress !== null && keyword(autoResponseSuppress) !== 'none')
  );
}

/** RFC 3834 §5: whether the value of Auto-Submitted says that no person wrote the text; parameters may follow. */
export function isAutoSubmitted(value: string | null): boolean {
  return value !== null && keyword(value) !== 'no';
}

function keyword(value: string): string {
  return (value.split(';')[0] ?? '').trim().toLowerCase();
}
