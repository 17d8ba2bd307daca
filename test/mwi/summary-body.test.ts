import { expect } from 'chai';
import fc from 'fast-check';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { parseMessageSummary } from '../../src/im/message-summary.ts';
import type { ClassCounts, MessageSummary } from '../../src/im/message-summary.ts';
import type { MailboxCounts } from '../../src/mailbox/ports.ts';
import { MWI_LIMITS } from '../../src/mwi/limits.ts';
import type { TextHeaders } from '../../src/mwi/ports.ts';
import { MESSAGE_HEADERS, composeSummary } from '../../src/mwi/summary-body.ts';
import type { SummaryBodySettings, SummaryContents } from '../../src/mwi/summary-body.ts';
import { startKamailio } from '../peers/kamailio.ts';
import { RawSip } from '../peers/raw-sip.ts';
import { requirePeer } from '../peers/require-peer.ts';

const ACCOUNT = AddressOfRecord.parse('sip:mailbox@example.com');
const ALL = new Set(MESSAGE_HEADERS);
const NO_TEXTS: MailboxCounts = { new: 0, old: 3, newUrgent: 0, oldUrgent: 1 };
const TEXTS: MailboxCounts = { new: 2, old: 8, newUrgent: 1, oldUrgent: 2 };

const BOB: TextHeaders = {
  author: 'sip:bob@example.com',
  authorName: 'Bob "the" Builder',
  subject: 'Lunch?',
  receivedAt: Date.UTC(2026, 10, 21, 14, 3, 9),
  urgent: false,
  messageId: 'a1@client.example.com',
};

/** What a voicemail says, written as it came. */
function voicemail(...lines: string[]): MessageSummary {
  return parseMessageSummary(lines.join('\r\n'));
}

function compose(
  contents: Partial<SummaryContents> = {},
  settings: Partial<SummaryBodySettings> = {},
): string {
  return composeSummary(
    { counts: TEXTS, voicemail: null, newest: [], ...contents },
    {
      messageAccount: ACCOUNT,
      contextClass: 'text-message',
      voiceLine: false,
      messageHeaders: new Set(),
      ...settings,
    },
  );
}

function body(...lines: string[]): string {
  return lines.map((line) => `${line}\r\n`).join('');
}

/** The header blocks of one text, all headers told. */
function block(text: Partial<TextHeaders>): string {
  const [, headers] = compose({ newest: [{ ...BOB, ...text }] }, { messageHeaders: ALL }).split('\r\n\r\n');
  return headers ?? '';
}

describe('the body of a lamp', () => {
  it('says that texts wait, with the urgent ones', () => {
    expect(compose()).to.equal(
      body('Messages-Waiting: yes', 'Message-Account: sip:mailbox@example.com', 'Text-Message: 2/8 (1/2)'),
    );
  });

  it('says that none wait', () => {
    expect(compose({ counts: NO_TEXTS })).to.equal(
      body('Messages-Waiting: no', 'Message-Account: sip:mailbox@example.com', 'Text-Message: 0/3 (0/1)'),
    );
  });

  it('counts texts as pager messages where the site wants it', () => {
    expect(compose({}, { contextClass: 'pager-message' })).to.contain('\r\nPager-Message: 2/8 (1/2)\r\n');
  });

  it('has an empty voice line for clients that take no body without one', () => {
    expect(compose({}, { voiceLine: true })).to.equal(
      body(
        'Messages-Waiting: yes',
        'Message-Account: sip:mailbox@example.com',
        'Voice-Message: 0/0 (0/0)',
        'Text-Message: 2/8 (1/2)',
      ),
    );
  });
});

describe('the body of a lamp that voice and text share', () => {
  const ONE_VOICE = voicemail(
    'Messages-Waiting: yes',
    'Message-Account: sip:voicemail@example.com',
    'Fax-Message: 0/1',
    'Voice-Message: 1/0 (0/0)',
  );

  it("puts voice first, the voicemail's other classes next, texts last, and our account while texts wait", () => {
    expect(compose({ voicemail: ONE_VOICE }, { voiceLine: true })).to.equal(
      body(
        'Messages-Waiting: yes',
        'Message-Account: sip:mailbox@example.com',
        'Voice-Message: 1/0 (0/0)',
        'Fax-Message: 0/1',
        'Text-Message: 2/8 (1/2)',
      ),
    );
  });

  it("names the voicemail's account when only the voicemail has something waiting", () => {
    expect(compose({ counts: NO_TEXTS, voicemail: ONE_VOICE })).to.equal(
      body(
        'Messages-Waiting: yes',
        'Message-Account: sip:voicemail@example.com',
        'Voice-Message: 1/0 (0/0)',
        'Fax-Message: 0/1',
        'Text-Message: 0/3 (0/1)',
      ),
    );
  });

  it('names our account when nothing waits, and when the voicemail names none', () => {
    const read = voicemail(
      'Messages-Waiting: no',
      'Message-Account: sip:voicemail@example.com',
      'Voice-Message: 0/1',
    );
    expect(compose({ counts: NO_TEXTS, voicemail: read })).to.equal(
      body(
        'Messages-Waiting: no',
        'Message-Account: sip:mailbox@example.com',
        'Voice-Message: 0/1',
        'Text-Message: 0/3 (0/1)',
      ),
    );
    const nameless = voicemail('Messages-Waiting: yes', 'Voice-Message: 1/0');
    expect(compose({ counts: NO_TEXTS, voicemail: nameless })).to.contain(
      'Messages-Waiting: yes\r\nMessage-Account: sip:mailbox@example.com\r\n',
    );
  });

  it('ignores what the voicemail says of our own class, and keeps the one that is not ours', () => {
    const stale = voicemail('Messages-Waiting: yes', 'Text-Message: 7/0', 'Pager-Message: 0/1');
    expect(compose({ counts: NO_TEXTS, voicemail: stale })).to.equal(
      body(
        'Messages-Waiting: no',
        'Message-Account: sip:mailbox@example.com',
        'Pager-Message: 0/1',
        'Text-Message: 0/3 (0/1)',
      ),
    );
    const other = compose({ counts: NO_TEXTS, voicemail: stale }, { contextClass: 'pager-message' });
    expect(other).to.match(
      /^Messages-Waiting: yes\r\n.*\r\nText-Message: 7\/0\r\nPager-Message: 0\/3 \(0\/1\)\r\n$/,
    );
  });

  it('believes the counts of a voicemail, and its status only where it counts nothing', () => {
    const waiting = (...lines: string[]): string | undefined =>
      compose({ counts: NO_TEXTS, voicemail: voicemail(...lines) }).split('\r\n')[0];
    expect(waiting('Messages-Waiting: no', 'Voice-Message: 1/0')).to.equal('Messages-Waiting: yes');
    expect(waiting('Messages-Waiting: yes', 'Voice-Message: 0/4')).to.equal('Messages-Waiting: no');
    expect(waiting('Messages-Waiting: yes')).to.equal('Messages-Waiting: yes');
    expect(waiting('Messages-Waiting: no')).to.equal('Messages-Waiting: no');
  });

  it('resource exhaustion: passes on voice and a bounded number of other classes', () => {
    const classes = Array.from({ length: 100 }, (_, index) => `${'x'.repeat(50)}${index}-Message: 1/0 (0/0)`);
    const many = voicemail('Messages-Waiting: yes', ...classes, 'Voice-Message: 2/0');
    const lines = compose({ voicemail: many }).split('\r\n');
    expect(lines[2]).to.equal('Voice-Message: 2/0');
    expect(lines.at(-2)).to.equal('Text-Message: 2/8 (1/2)');
    expect(lines).to.have.length(2 + MWI_LIMITS.voicemailClasses + 2);
  });
});

describe('the headers of single texts in the body of a lamp', () => {
  it('follow the counts, newest text first, in blocks of their own', () => {
    const carol = {
      author: 'sip:carol@example.com',
      authorName: 'Zoë Кирова',
      subject: 'Überraschung 🎂 für alle, die am Samstag mitkommen und danach noch Zeit haben',
      receivedAt: Date.UTC(2026, 10, 21, 14, 5),
      urgent: true,
      messageId: '<77@client>',
    };
    expect(compose({ newest: [carol, BOB] }, { messageHeaders: ALL })).to.equal(
      body(
        'Messages-Waiting: yes',
        'Message-Account: sip:mailbox@example.com',
        'Text-Message: 2/8 (1/2)',
        '',
        'From: =?UTF-8?B?Wm/DqyDQmtC40YDQvtCy0LA=?= <sip:carol@example.com>',
        'Subject: =?UTF-8?Q?=C3=9Cberraschung_=F0=9F=8E=82_f=C3=BCr_alle=2C_die_am_Samstag_?=' +
          ' =?UTF-8?Q?mitkommen_und_danach_noch_Zeit_haben?=',
        'Date: Sat, 21 Nov 2026 14:05:00 GMT',
        'Priority: urgent',
        'Message-ID: <77@client>',
        'Message-Context: text-message',
        '',
        'From: "Bob \\"the\\" Builder" <sip:bob@example.com>',
        'Subject: Lunch?',
        'Date: Sat, 21 Nov 2026 14:03:09 GMT',
        'Priority: normal',
        'Message-ID: <a1@client.example.com>',
        'Message-Context: text-message',
      ),
    );
  });

  it('are those the site wants, in the order of the RFC', () => {
    const settings = { messageHeaders: new Set(['Priority', 'From'] as const) };
    expect(compose({ newest: [BOB] }, settings).split('\r\n\r\n')[1]).to.equal(
      body('From: "Bob \\"the\\" Builder" <sip:bob@example.com>', 'Priority: normal'),
    );
    expect(compose({ newest: [BOB] })).to.equal(compose());
  });

  it('name the context class of the site', () => {
    const settings = { messageHeaders: ALL, contextClass: 'pager-message' } as const;
    expect(compose({ newest: [BOB] }, settings)).to.contain('\r\nMessage-Context: pager-message\r\n');
  });

  it('are left out where a text has none: no name, no subject, no date', () => {
    expect(block({ authorName: '', subject: '', receivedAt: Number.NaN, messageId: ' <> ' })).to.equal(
      body('From: <sip:bob@example.com>', 'Priority: normal', 'Message-Context: text-message'),
    );
    const settings = { messageHeaders: new Set(['Subject'] as const) };
    expect(compose({ newest: [{ ...BOB, subject: '' }, BOB] }, settings)).to.equal(
      compose() + '\r\nSubject: Lunch?\r\n',
    );
  });

  it('header injection: no subject, name, address or identifier begins a line', () => {
    const hostile = 'x\r\nText-Message: 99/0\r\n\r\nSubject: y\0\u2028z';
    const headers = block({
      author: `sip:${hostile}`,
      authorName: hostile,
      subject: hostile,
      messageId: hostile,
    });
    expect(headers).to.equal(
      body(
        'From: "x Text-Message: 99/0 Subject: y z" <sip:xText-Message:99/0Subject:yz>',
        'Subject: x Text-Message: 99/0 Subject: y z',
        'Date: Sat, 21 Nov 2026 14:03:09 GMT',
        'Priority: normal',
        'Message-ID: <xText-Message:99/0Subject:yz>',
        'Message-Context: text-message',
      ),
    );
  });

  it('address spoofing: a name or address cannot pass itself off as another address', () => {
    const headers = block({
      authorName: '" <sip:boss@example.com> \\',
      author: 'sip:eve@evil.example>, <sip:boss@example.com',
    });
    expect(headers.split('\r\n')[0]).to.equal(
      'From: "\\" <sip:boss@example.com> \\\\" <sip:eve@evil.example,sip:boss@example.com>',
    );
  });

  it('escape what is not ASCII in addresses and identifiers', () => {
    expect(block({ author: 'sip:zoë@example.com', messageId: 'é\ud83d' })).to.match(
      /<sip:zo%C3%AB@example\.com>[^]*Message-ID: <%C3%A9%EF%BF%BD>\r\n/,
    );
  });

  it('tell of so many texts and no more', () => {
    const newest = (count: number): TextHeaders[] =>
      Array.from({ length: count }, (_, index) => ({ ...BOB, subject: `text ${index}` }));
    const settings = { messageHeaders: new Set(['Subject'] as const) };
    const limit = MWI_LIMITS.headerBlocks;
    const full = compose({ newest: newest(limit) }, settings);
    expect(full.match(/^Subject/gm)).to.have.length(limit);
    expect(compose({ newest: newest(limit + 1) }, settings)).to.equal(full);
  });

  it('keep the body within its limit: exactly full is taken, and what does not fit makes place for older texts', () => {
    const settings = { messageHeaders: new Set(['Subject'] as const) };
    const room = MWI_LIMITS.bodyBytes - compose().length - '\r\nSubject: \r\n'.length;
    const full = { ...BOB, subject: 'x'.repeat(room) };
    expect(compose({ newest: [full, BOB] }, settings)).to.have.length(MWI_LIMITS.bodyBytes);
    const tooLarge = { ...BOB, subject: 'x'.repeat(room + 1) };
    expect(compose({ newest: [tooLarge, BOB] }, settings)).to.equal(`${compose()}\r\nSubject: Lunch?\r\n`);
  });
});

const text = fc.string({ unit: 'binary', maxLength: 100 });
const count = fc.oneof(fc.integer({ min: -1, max: 2 }), fc.integer({ min: 0, max: 2 ** 33 }));
const className = fc.constantFrom('voice-message', 'fax-message', 'text-message', 'pager-message', 'none');
const classCounts: fc.Arbitrary<ClassCounts> = fc.record({
  new: count,
  old: count,
  urgent: fc.option(fc.record({ new: count, old: count })),
});
const anyContents: fc.Arbitrary<SummaryContents> = fc.record({
  counts: fc.record({ new: count, old: count, newUrgent: count, oldUrgent: count }),
  voicemail: fc.option(
    fc.record({
      waiting: fc.boolean(),
      account: fc.option(fc.oneof(text, fc.constant('sip:voicemail@example.com'))),
      classes: fc.array(fc.tuple(className, classCounts)).map((entries) => new Map(entries)),
      headerBlocks: fc.constant([]),
    }),
  ),
  newest: fc.array(
    fc.record({
      author: text,
      authorName: text,
      subject: text,
      receivedAt: fc.oneof(fc.nat(), fc.double()),
      urgent: fc.boolean(),
      messageId: text,
    }),
    { maxLength: 15 },
  ),
});
const anySettings: fc.Arbitrary<SummaryBodySettings> = fc.record({
  messageAccount: fc.constant(ACCOUNT),
  contextClass: fc.constantFrom('text-message', 'pager-message'),
  voiceLine: fc.boolean(),
  messageHeaders: fc.subarray([...MESSAGE_HEADERS]).map((names) => new Set(names)),
});

describe('the body of a lamp, whatever people are called and write', () => {
  it('is what the strictest presence server takes, within the limit, and says what is true', () => {
    fc.assert(
      fc.property(anyContents, anySettings, (contents, settings) => {
        const composed = composeSummary(contents, settings);
        expect(composed).to.match(
          /^Messages-Waiting: (yes|no)\r\nMessage-Account: sip:[^\s<>"]+\r\n([A-Z][^\s:]*: \d+\/\d+( \(\d+\/\d+\))?\r\n)+(\r\n((From|Subject|Date|Priority|Message-ID|Message-Context): [ -~]+\r\n)+)*$/,
        );
        expect(composed).to.match(/^[\x20-\x7e\r\n]*$/);
        expect(composed.replaceAll('\r\n', '')).not.to.match(/[\r\n]/);
        expect(composed.length).to.be.at.most(MWI_LIMITS.bodyBytes);
        const read = parseMessageSummary(composed);
        expect(read.headerBlocks.length).to.be.at.most(MWI_LIMITS.headerBlocks);
        const own = read.classes.get(settings.contextClass);
        expect([...read.classes.keys()].at(-1)).to.equal(settings.contextClass);
        expect(own?.urgent).not.to.equal(null);
        const believed = contents.voicemail?.classes.size === 0 && contents.voicemail.waiting;
        const counted = [...read.classes.values()].some((counts) => counts.new > 0);
        expect(read.waiting).to.equal(counted || believed);
        expect(own?.new).to.equal(Math.min(Math.max(contents.counts.new, 0), 2 ** 32 - 1));
        if (contents.counts.new > 0) expect(read.account).to.equal(ACCOUNT.toString());
        if (settings.voiceLine) expect(read.classes.has('voice-message')).to.equal(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the body of a lamp and a real Kamailio', () => {
  requirePeer('kamailio');

  it('passes its body check with headers of texts in any script', async function () {
    this.timeout(20_000);
    const kamailio = await startKamailio({ mailbox: 'sip:127.0.0.1:9' });
    const sip = await RawSip.open();
    const publish = async (published: string): Promise<string> => {
      const response = await sip.request(
        {
          method: 'PUBLISH',
          uri: 'sip:alice@example.test',
          from: 'sip:alice@example.test',
          headers: {
            Event: 'message-summary',
            Expires: '600',
            'Content-Type': 'application/simple-message-summary',
          },
          body: published,
        },
        kamailio.port,
      );
      return response.startLine.slice(0, 11);
    };
    try {
      expect(await publish(`${compose()}\r\nSubject: Grüße\r\n`)).to.equal('SIP/2.0 500');
      const samples = fc.sample(fc.tuple(anyContents, anySettings), { numRuns: 20, seed: 3842 });
      for (const [contents, settings] of samples) {
        const composed = composeSummary(contents, { ...settings, messageHeaders: ALL });
        expect(await publish(composed), composed).to.equal('SIP/2.0 200');
      }
    } finally {
      await sip.close();
      await kamailio.stop();
    }
  });
});
