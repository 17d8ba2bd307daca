import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { Disposition } from '../../src/mailbox/ports.ts';
import type { AutomaticSigns, NoticeVerdict } from '../../src/mailbox/sender-notice-policy.ts';
import { noticeVerdict } from '../../src/mailbox/sender-notice-policy.ts';

const OWNER = AddressOfRecord.parse('sip:alice@example.test');
const NO_SIGNS: AutomaticSigns = {
  ownMark: false,
  autoSubmitted: null,
  precedence: null,
  autoResponseSuppress: null,
  listId: null,
  automata: false,
};

interface Case {
  readonly author?: string;
  readonly returnHop?: string | null;
  readonly deliverAt?: number;
  readonly asks?: readonly Disposition[];
  readonly signs?: Partial<AutomaticSigns>;
}

function verdictOf({ author, returnHop, deliverAt, asks, signs }: Case): NoticeVerdict {
  const receipts =
    asks === undefined ? null : { dispositions: asks, messageId: 'm', dateTime: null, returnHop: null };
  return noticeVerdict({
    message: {
      owner: OWNER,
      author: author ?? 'sip:bob@example.test',
      deliverAt: deliverAt ?? null,
      receipts,
    },
    returnHop: returnHop === undefined ? 'sip:127.0.0.1:5060' : returnHop,
    messageAccount: AddressOfRecord.parse('sip:mailbox@example.test'),
    signs: { ...NO_SIGNS, ...signs },
  });
}

const TABLE: readonly (readonly [string, Case, NoticeVerdict])[] = [
  ['a person whom a proxy vouches for', {}, 'tell'],
  ['a person of another domain', { author: 'sip:bob@elsewhere.example' }, 'tell'],
  ['a telephone number in a SIP URI', { author: 'sip:+34123@example.test;user=phone' }, 'tell'],
  ['nobody vouches for (reflection)', { returnHop: null }, 'not vouched for'],
  ['a tel URI', { author: 'tel:+34123' }, 'no person'],
  ['a URI without user', { author: 'sip:example.test' }, 'no person'],
  ['anonymous', { author: 'sip:anonymous@anonymous.invalid' }, 'no person'],
  ['anonymous in a domain that is there', { author: 'sip:Anonymous@example.test' }, 'no person'],
  ['somebody in .invalid', { author: 'sip:x7@abc.invalid' }, 'no person'],
  ['the Message-Account', { author: 'sip:mailbox@example.test' }, 'no person'],
  ...['mailer-daemon', 'MAILER-DAEMON', 'postmaster', 'noreply', 'no-reply', 'no_reply', 'do-not-reply'].map(
    (user) => [user, { author: `sip:${user}@example.test` }, 'no person'] as const,
  ),
  ...['noreply-7', 'no-reply+news', 'voicemail', 'voice-mail', 'bounces', 'owner-list', 'list-request'].map(
    (user) => [user, { author: `sip:${user}@example.test` }, 'no person'] as const,
  ),
  ...['norbert', 'noreplya', 'voicemails', 'owner', 'request', 'postmasters'].map(
    (user) => [`${user}, who is a person`, { author: `sip:${user}@example.test` }, 'tell'] as const,
  ),
  ['a mailbox like ours', { signs: { ownMark: true } }, 'automatic'],
  ['another automatic answer', { signs: { autoSubmitted: 'auto-replied' } }, 'automatic'],
  ['a program', { signs: { autoSubmitted: ' Auto-Generated; x=y' } }, 'automatic'],
  ['something automatic unheard of', { signs: { autoSubmitted: 'x' } }, 'automatic'],
  ['who says that she is none', { signs: { autoSubmitted: ' No ; x=y' } }, 'tell'],
  ['bulk', { signs: { precedence: 'Bulk' } }, 'automatic'],
  ['list', { signs: { precedence: 'list' } }, 'automatic'],
  ['junk', { signs: { precedence: 'junk' } }, 'automatic'],
  ['first-class', { signs: { precedence: 'first-class' } }, 'tell'],
  ['who wants no automatic answer', { signs: { autoResponseSuppress: 'OOF, AutoReply' } }, 'automatic'],
  ['who suppresses none', { signs: { autoResponseSuppress: 'None' } }, 'tell'],
  ['a list with a name', { signs: { listId: '<news.example.test>' } }, 'automatic'],
  ['an automaton (RFC 3840)', { signs: { automata: true } }, 'automatic'],
  ['the owner herself', { author: 'sip:alice@example.test' }, 'herself'],
  ['of a text that is due later', { deliverAt: 1 }, 'scheduled'],
  ['who asked for the receipt `stored`', { asks: ['display', 'processing'] }, 'told by IMDN'],
  ['who asked for receipts that say nothing yet', { asks: ['positive-delivery', 'display'] }, 'tell'],
];

describe('who is told that a text was kept', () => {
  for (const [name, given, verdict] of TABLE) {
    it(`${name}: ${verdict}`, () => {
      expect(verdictOf(given)).to.equal(verdict);
    });
  }
});
