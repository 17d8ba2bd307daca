import { expect } from 'chai';
import fc from 'fast-check';
import {
  MalformedMessageSummary,
  formatMessageSummary,
  parseMessageSummary,
} from '../../src/im/message-summary.ts';
import type { ClassCounts, HeaderBlock, MessageSummary } from '../../src/im/message-summary.ts';
import { fixture, fixtures } from './fixtures.ts';

const VALID = fixtures('mwi/valid');
const valid = (name: string): string => fixture('mwi/valid', name).toString('utf8');
const read = (name: string): MessageSummary => parseMessageSummary(valid(name));

/** RFC 3842 §5.2 as the strictest readers want it: nothing optional, nothing but CRLF and printable ASCII. */
const STRICT =
  /^Messages-Waiting: (?:yes|no)\r\n(?:Message-Account: [a-z][a-z0-9+.-]*:[!#-;=?-~]+\r\n)?(?:[\w\-.!%*+`'~]+: \d{1,10}\/\d{1,10}(?: \(\d{1,10}\/\d{1,10}\))?\r\n)*(?:\r\n(?:[\w\-.!%*+`'~]+:(?: [!-~]|[!-~])*\r\n)+)*$/;

const NONE: ClassCounts = { new: 0, old: 0, urgent: null };

function summaryOf(parts: Partial<MessageSummary>): MessageSummary {
  return { waiting: false, account: null, classes: new Map(), headerBlocks: [], ...parts };
}

describe('message summary parser', () => {
  it('reads status, account, every context class and the headers of single messages', () => {
    const summary = read('rfc3842-example');
    expect(summary.waiting).to.equal(true);
    expect(summary.account).to.equal('sip:alice@vmail.example.com');
    expect([...summary.classes]).to.deep.equal([
      ['voice-message', { new: 4, old: 8, urgent: { new: 1, old: 2 } }],
      ['fax-message', { new: 0, old: 1, urgent: null }],
      ['pager-message', { new: 1, old: 1, urgent: { new: 0, old: 1 } }],
      ['multimedia-message', NONE],
      ['text-message', { new: 2, old: 2, urgent: null }],
      ['none', { new: 1, old: 0, urgent: null }],
    ]);
    expect(summary.headerBlocks).to.have.length(2);
    expect(summary.headerBlocks[1]?.slice(-2)).to.deep.equal([
      ['Priority', 'urgent'],
      ['Message-ID', '13684434990'],
    ]);
  });

  const readings: readonly [string, Partial<MessageSummary>][] = [
    ['status-only', {}],
    ['blank-line-at-end', {}],
    ['bare-lf', { waiting: true, classes: new Map([['text-message', { ...NONE, new: 1 }]]) }],
    ['no-last-line-end', { waiting: true, classes: new Map([['text-message', { ...NONE, new: 1 }]]) }],
    [
      'blanks-and-case',
      {
        waiting: true,
        account: 'sips:mailbox@example.test;x=1',
        classes: new Map([['voice-message', { new: 1, old: 2, urgent: { new: 0, old: 1 } }]]),
      },
    ],
    [
      'lenient-spelling',
      {
        waiting: true,
        account: 'sip:mailbox@example.com',
        classes: new Map([['text-message', { new: 1, old: 0, urgent: { new: 0, old: 0 } }]]),
      },
    ],
    [
      'folded-lines',
      {
        waiting: true,
        account: 'sip:1000@pbx.example.com',
        classes: new Map([['voice-message', { ...NONE, new: 1 }]]),
      },
    ],
    [
      'greatest-count',
      { waiting: true, classes: new Map([['text-message', { ...NONE, new: 4_294_967_295 }]]) },
    ],
    ['account-in-brackets', { waiting: true, account: 'sip:mailbox@example.test' }],
    ['account-that-is-no-uri', { waiting: true }],
    [
      'account-without-scheme',
      {
        waiting: true,
        account: 'sip:1000@pbx.example.com',
        classes: new Map([['voice-message', { ...NONE, new: 1 }]]),
      },
    ],
    ['block-without-header', { waiting: true, classes: new Map([['text-message', { ...NONE, new: 1 }]]) }],
    [
      'untidy-blocks',
      {
        waiting: true,
        classes: new Map([['text-message', { ...NONE, new: 1 }]]),
        headerBlocks: [
          [
            ['Subject', 'Grüße no header'],
            ['Empty', ''],
          ],
          [['Priority', 'urgent']],
        ],
      },
    ],
  ];
  for (const [name, expected] of readings) {
    it(`reads ${name} leniently`, () => {
      expect(read(name)).to.deep.equal(summaryOf(expected));
    });
  }

  it('takes an account at the limit, and none past it', () => {
    const account = (value: string): string | null =>
      parseMessageSummary(`Messages-Waiting: no\r\nMessage-Account: ${value}\r\n`).account;
    const longest = `sip:${'a'.repeat(496)}@example.com`;
    expect(longest).to.have.length(512);
    expect(account(longest)).to.equal(longest);
    expect(account(longest.replace('sip:', ''))).to.equal(longest);
    expect(account(`${longest}x`)).to.equal(null);
    expect(account(`${longest}x`.replace('sip:', ''))).to.equal(null);
  });

  it('takes lines and length at the limit, and none past it', () => {
    const lines = (count: number): string => 'Messages-Waiting: no\r\n' + 'X: y\r\n'.repeat(count - 1);
    expect(() => parseMessageSummary(lines(250))).not.to.throw();
    expect(() => parseMessageSummary(lines(251))).to.throw(MalformedMessageSummary, 'too many lines');
    const long = (length: number): string => 'Messages-Waiting: no\r\nX: '.padEnd(length, 'y');
    expect(() => parseMessageSummary(long(65_536))).not.to.throw();
    expect(() => parseMessageSummary(long(65_537))).to.throw(MalformedMessageSummary, 'too long');
  });

  it('is not slowed by bodies made of line ends or blanks', () => {
    const started = performance.now();
    for (const filler of ['\n', '\r\n', ' ', '\n ', '<', '0']) {
      const body = 'Messages-Waiting: no\r\nText-Message: ' + filler.repeat(32_000 / filler.length) + 'x';
      expect(() => parseMessageSummary(body)).to.throw(MalformedMessageSummary);
    }
    expect(performance.now() - started).to.be.below(1_000);
  });

  for (const name of fixtures('mwi/invalid').keys()) {
    it(`refuses ${name}`, () => {
      const body = fixture('mwi/invalid', name).toString('utf8');
      expect(() => parseMessageSummary(body)).to.throw(MalformedMessageSummary);
    });
  }

  for (const name of VALID.keys()) {
    it(`survives ${name} cut at every byte`, () => {
      const body = valid(name);
      expect(() => parseMessageSummary(body)).not.to.throw();
      for (let length = 0; length < body.length; length++) {
        try {
          parseMessageSummary(body.slice(0, length));
        } catch (error) {
          expect(error).to.be.instanceOf(MalformedMessageSummary);
        }
      }
    });
  }
});

describe('message summary writer', () => {
  for (const name of ['nothing-waiting', 'texts-waiting', 'header-blocks', 'rfc3842-example']) {
    it(`writes ${name} byte for byte as it came`, () => {
      expect(formatMessageSummary(read(name))).to.equal(valid(name));
    });
  }

  it('writes what came in another spelling in the canonical one', () => {
    expect(formatMessageSummary(read('folded-lines'))).to.equal(
      'Messages-Waiting: yes\r\nMessage-Account: sip:1000@pbx.example.com\r\nVoice-Message: 1/0\r\n',
    );
    expect(formatMessageSummary(read('untidy-blocks'))).to.equal(
      'Messages-Waiting: yes\r\nText-Message: 1/0\r\n\r\n' +
        'Subject: =?UTF-8?B?R3LDvMOfZSBubyBoZWFkZXI=?=\r\nEmpty:\r\n\r\nPriority: urgent\r\n',
    );
  });

  it('keeps counts within the grammar', () => {
    const odd = { new: 2 ** 40, old: -1, urgent: { new: 1.5, old: Number.NaN } };
    expect(formatMessageSummary(summaryOf({ classes: new Map([['text-message', odd]]) }))).to.contain(
      'Text-Message: 4294967295/0 (1/0)\r\n',
    );
  });

  it('leaves out what would break the body: no line is injected', () => {
    const hostile = 'x\r\nMessages-Waiting: yes\r\n\r\nText-Message: 9/9';
    const body = formatMessageSummary({
      waiting: false,
      account: `sip:${hostile}`,
      classes: new Map([[`${hostile}-message`, { ...NONE, new: 1 }]]),
      headerBlocks: [
        [
          [hostile, 'x'],
          ['Subject', hostile],
        ],
        [[hostile, hostile]],
      ],
    });
    expect(body).to.equal(
      'Messages-Waiting: no\r\n\r\nSubject: x Messages-Waiting: yes Text-Message: 9/9\r\n',
    );
  });

  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('sip:a@b', 'a\r\nb: c', '', ' ', '=?'),
  );
  const name = fc.oneof(fc.constantFrom('voice-message', 'text-message', 'none', 'Subject'), text);
  const count = fc.oneof(fc.nat(), fc.double());
  const counts: fc.Arbitrary<ClassCounts> = fc.record({
    new: count,
    old: count,
    urgent: fc.option(fc.record({ new: count, old: count })),
  });
  const block: fc.Arbitrary<HeaderBlock> = fc.array(fc.tuple(name, text), { maxLength: 4 });
  const anySummary: fc.Arbitrary<MessageSummary> = fc.record({
    waiting: fc.boolean(),
    account: fc.option(text),
    classes: fc.array(fc.tuple(name, counts), { maxLength: 5 }).map((entries) => new Map(entries)),
    headerBlocks: fc.array(block, { maxLength: 3 }),
  });

  it('keeps to the strict grammar whatever it is given, and writes what the parser reads the same', () => {
    fc.assert(
      fc.property(anySummary, (summary) => {
        const body = formatMessageSummary(summary);
        expect(body).to.match(STRICT);
        expect(formatMessageSummary(parseMessageSummary(body))).to.equal(body);
      }),
      { numRuns: 300 },
    );
  });

  const line = fc.oneof(
    fc.constantFrom(
      'Message-Account: sip:a@b',
      'message-account: "x" <SIP:a@b>',
      'Text-Message: 1/0',
      'voice-message:3/4(1/2)',
      'X: 1/2 (3/4)',
      'Subject: Grüße',
      ' folded',
      '',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }),
  );

  it('writes whatever was read in a form that stays as it is when it is read and written again', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), fc.constantFrom('\r\n', '\n'), (lines, end) => {
        let summary: MessageSummary;
        try {
          summary = parseMessageSummary(['Messages-Waiting: yes', ...lines].join(end));
        } catch (error) {
          expect(error).to.be.instanceOf(MalformedMessageSummary);
          return;
        }
        taken++;
        const written = formatMessageSummary(summary);
        expect(written).to.match(STRICT);
        const again = parseMessageSummary(written);
        expect([again.waiting, again.account, [...again.classes]]).to.deep.equal([
          summary.waiting,
          summary.account,
          [...summary.classes],
        ]);
        expect(formatMessageSummary(again)).to.equal(written);
      }),
      { numRuns: 300 },
    );
    expect(taken).to.be.above(100);
  });
});
