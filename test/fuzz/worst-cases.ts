import { parseCSeq } from '../../src/engine/message/cseq.ts';
import { parseNameAddress } from '../../src/engine/message/name-address.ts';
import { parseMessage } from '../../src/engine/message/parse-message.ts';
import { serializeMessage } from '../../src/engine/message/serialize-message.ts';
import { splitList } from '../../src/engine/message/split-list.ts';
import { parseParams, parseUri } from '../../src/engine/message/uri.ts';
import { parseVia } from '../../src/engine/message/via.ts';
import { sequenceText, tagOf } from '../../src/engine/transaction/match.ts';
import { stampTopVia } from '../../src/engine/transport/incoming-via.ts';
import { StreamFramer } from '../../src/engine/transport/stream-framer.ts';
import { MailboxError } from '../../src/core/errors.ts';
import { TooSlow, atPace } from './pace.ts';

/** About the most a header section may have. */
export const LENGTH = 47 * 1024;

/** What a reader may go back over when there is much of it. */
export const UNITS: readonly string[] = [
  ...[
    ' ',
    '\t',
    ' a',
    'a ',
    'a',
    '0',
    '"',
    '\\"',
    '\\',
    '"a" ',
    '"<',
    '<',
    '>',
    '<>',
    '<sip:',
    '[',
    ']',
    '[:',
    '[a',
  ],
  ...[
    ',',
    ', ',
    'a,',
    '",',
    ';',
    '; ',
    ' ;',
    ';;',
    ';a',
    ';a ',
    ';a=',
    ';a= ',
    ';a="',
    ';a=[',
    ';tag',
    ';tag=',
    '=',
    '=;',
  ],
  ...[
    ':',
    ': ',
    '@',
    'a@',
    '@a;',
    '.',
    '-',
    '-a',
    '%',
    '%0',
    '/',
    ' /',
    '?',
    '&',
    '(',
    '("',
    '\r\n ',
    '\n ',
    '\r\n',
    '\r',
  ],
  ...['\0', '\\\0', 'é', 'SIP/2.0 ', 'l:1\r\n', 'a:\r\n', 'v:a\r\n'],
];

const ENDS = ['', 'x', '"', '>', ' x', '@h', ';tag=1', '\r\n\r\n'] as const;

/** Every reader of text, with what may stand before what is much. */
const READERS: readonly (readonly [name: string, read: (much: string, end: string) => unknown])[] = [
  ['URI', (much, end) => parseUri(`sip:${much}${end}`)],
  ['URI, behind its host', (much, end) => parseUri(`sip:a@host${much}${end}`)],
  ['URI parameters', (much, end) => parseParams(`;${much}${end}`)],
  ['Via', (much, end) => parseVia(`SIP/2.0/UDP${much}${end}`)],
  ['Via, behind its host', (much, end) => parseVia(`SIP/2.0/UDP host${much}${end}`)],
  ['Via parameters', (much, end) => parseVia(`SIP/2.0/UDP host;a=${much}${end}`)],
  ['name-addr', (much, end) => parseNameAddress(`${much}<sip:a@b>${much}${end}`)],
  ['name-addr in quotes', (much, end) => parseNameAddress(`"${much}${end}`)],
  ['addr-spec', (much, end) => parseNameAddress(`sip:a${much}${end}`)],
  ['CSeq', (much, end) => parseCSeq(`1${much}${end}`)],
  ['CSeq, behind its method', (much, end) => parseCSeq(`1 A${much}${end}`)],
  ['list', (much, end) => splitList(`a${much}${end}`)],
  ['tag', (much, end) => tagOf(`<sip:a@b>;${much}${end}`)],
  ['number of a CSeq', (much, end) => sequenceText(`1${much}${end}`)],
  ['start line', (much, end) => readMessage(`M ${much}${end}`, '')],
  ['Status-Line', (much, end) => readMessage(`SIP/2.0 200${much}${end}`, '')],
  ['header name', (much, end) => readMessage('', `${much}${end}: x`)],
  ...['Via', 'From', 'To', 'Call-ID', 'CSeq', 'Content-Length', 'Contact', 'Subject'].map(
    (name) => [name, (much: string, end: string) => readMessage('', `${name}: ${much}${end}`)] as const,
  ),
];

/** Reads a message with such a start line or such a line first among its headers, and does with it what an engine does. */
function readMessage(startLine: string, line: string): void {
  const bytes = Buffer.from(
    [
      startLine === '' ? 'MESSAGE sip:a@b SIP/2.0' : startLine,
      ...(line === '' ? [] : [line]),
      ...[
        'Via: SIP/2.0/UDP h;branch=z9hG4bK1',
        'From: <sip:a@b>;tag=1',
        'To: <sip:a@b>',
        'Call-ID: 1',
        'CSeq: 1 MESSAGE',
      ],
      ...['l: 0', '', ''],
    ].join('\r\n'),
  );
  new StreamFramer().push(bytes);
  const { headers, ...message } = parseMessage(bytes);
  serializeMessage({ ...message, headers });
  tagOf(headers.get('From'));
  stampTopVia(headers, { protocol: 'udp', address: '127.0.0.1', port: 5060 });
}

/** Reads and swallows the errors that bad input may raise. */
function survive(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof MailboxError)) throw error;
  }
}

/** Has every reader read much of one thing, or of one and then of another. @throws TooSlow */
export function readMuchOf(first: string, second = first): number {
  const half = LENGTH / 2;
  const much = first.repeat(Math.ceil(half / first.length)) + second.repeat(Math.ceil(half / second.length));
  let readings = 0;
  for (const [name, read] of READERS) {
    for (const end of ENDS) {
      readings++;
      try {
        atPace(much.length, () => survive(() => read(much, end)));
      } catch (error) {
        if (!(error instanceof TooSlow)) throw error;
        throw new TooSlow(`${name}: much of ${JSON.stringify([first, second, end])}: ${error.message}`, {
          cause: error,
        });
      }
    }
  }
  return readings;
}
