import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { MailboxError } from '../../src/core/errors.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { Metrics } from '../../src/core/metrics.ts';
import { emptyCpim } from '../../src/im/cpim.ts';
import { parseCpim } from '../../src/im/cpim-parser.ts';
import { IM_LIMITS } from '../../src/im/limits.ts';
import type { DepositOptions, IncomingText } from '../../src/mailbox/deposit.ts';
import { Deposits } from '../../src/mailbox/deposit.ts';
import { MAILBOX_LIMITS } from '../../src/mailbox/limits.ts';
import { OwnerProfiles } from '../../src/mailbox/owner-profiles.ts';
import type { DepositOutcome, NewMessage } from '../../src/mailbox/ports.ts';
import { SCHEDULE_NAMESPACE, Scheduling } from '../../src/mailbox/scheduling.ts';
import { keepWrapper, readWrapper } from '../../src/mailbox/wrapper.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { fixture } from '../im/fixtures.ts';

/** Deposits into a list, and what was counted. */
class Depositing {
  readonly kept: NewMessage[] = [];
  readonly counted: string[] = [];
  readonly clock = new FakeClock();
  outcome: DepositOutcome = 'stored';
  readonly #deposits: Deposits;

  constructor(options: Partial<DepositOptions> = {}) {
    const metrics: Metrics = {
      counter: (name) => ({
        add: (labels) => this.counted.push(`${name} ${Object.values(labels ?? {}).join(' ')}`),
      }),
      gauge: () => ({ set: () => undefined }),
    };
    this.#deposits = new Deposits({
      store: {
        deposit: (message) => {
          this.kept.push(message);
          return Promise.resolve(this.outcome);
        },
      },
      maxBytes: 100_000,
      clock: this.clock,
      logger: silentLogger,
      metrics,
      ...options,
    });
  }

  async accept(
    contentType: string,
    content: Buffer | string,
    more: Partial<IncomingText> = {},
  ): Promise<string> {
    return await this.#deposits.accept({
      owner: AddressOfRecord.parse('sip:alice@example.test'),
      author: 'sip:bob@example.test',
      authorName: 'Bob',
      contentType,
      content: Buffer.from(content),
      subject: '',
      urgent: false,
      transportId: 'msrp:s:m',
      returnHop: 'sip:127.0.0.1:5060;transport=udp',
      ...more,
    });
  }

  get only(): NewMessage {
    const [message] = this.kept;
    if (message === undefined || this.kept.length > 1) throw new Error(`${this.kept.length} texts were kept`);
    return message;
  }
}

const cpim = (headers: readonly string[], type = 'text/plain', text = 'hello'): string =>
  ['From: <sip:bob@example.test>', ...headers, '', `Content-Type: ${type}`, '', text].join('\r\n');

describe('a deposit', () => {
  it('keeps the headers of the message/cpim it came in', async () => {
    const deposit = new Depositing();
    await deposit.accept('message/cpim', fixture('cpim/valid', 'all-headers'));
    const { wrapper, content, subject } = deposit.only;
    expect([content.toString(), subject]).to.deep.equal(['café au lait', 'news']);
    const original = parseCpim(fixture('cpim/valid', 'all-headers'));
    expect(parseCpim(wrapper ?? Buffer.alloc(0))).to.deep.equal({ ...original, content: Buffer.alloc(0) });
  });

  it('of a bare text keeps no wrapper and owes no receipt', async () => {
    const deposit = new Depositing();
    await deposit.accept('text/plain', 'x');
    expect(deposit.only).to.deep.include({ wrapper: null, receipts: null });
  });

  it('keeps a text byte for byte, bytes that mean nothing too', async () => {
    for (const type of [
      'text/plain',
      'text/plain;charset=utf-16',
      'text/plain; charset=x-none',
      'text/html',
    ]) {
      const bytes = Buffer.from([0, 0xff, 13, 10, 10, 13, 0x20, 0xc3]);
      const bare = new Depositing();
      await bare.accept(type, bytes);
      expect(bare.only).to.deep.include({ content: bytes, contentType: type });
      const wrapped = new Depositing();
      await wrapped.accept('message/cpim', Buffer.concat([Buffer.from(cpim([], type, '')), bytes]));
      expect(wrapped.only).to.deep.include({ content: bytes, contentType: type });
    }
  });
});

describe('what a sender asks to be told', () => {
  const asked = async (headers: readonly string[], more: Partial<IncomingText> = {}): Promise<unknown> => {
    const deposit = new Depositing();
    await deposit.accept('message/cpim', cpim(headers), more);
    return deposit.only.receipts;
  };
  const ID = 'imdn.Message-ID: m1';
  const ASK = 'imdn.Disposition-Notification: positive-delivery, display';

  it('is kept with her name for the text, its DateTime as it stood, and the way back', async () => {
    expect(
      await asked([
        'NS: i <urn:ietf:params:imdn>',
        'DateTime: 2026-11-21T14:03:05-05:00',
        `i${ID.slice(4)}`,
        `i${ASK.slice(4)}`,
      ]),
    ).to.deep.equal({
      dispositions: ['positive-delivery', 'display'],
      messageId: 'm1',
      dateTime: '2026-11-21T14:03:05-05:00',
      returnHop: 'sip:127.0.0.1:5060;transport=udp',
    });
  });

  it('counts once, in any case and with parameters, when it is one of the four', async () => {
    const request = 'imdn.Disposition-Notification: Display;x=y,processing, DISPLAY, negative-delivery,read';
    expect(await asked([ID, request])).to.deep.include({
      dispositions: ['negative-delivery', 'processing', 'display'],
      dateTime: null,
    });
  });

  it('is nothing without a name for the text, or without a known request', async () => {
    expect(await asked([ASK])).to.equal(null);
    expect(await asked([ID])).to.equal(null);
    expect(await asked([ID, 'imdn.Disposition-Notification: read'])).to.equal(null);
  });

  it('is nothing when nobody vouches for her (reflection)', async () => {
    expect(await asked([ID, ASK], { returnHop: null })).to.equal(null);
  });

  it('is nothing where receipts are off', async () => {
    const deposit = new Depositing({ receipts: false });
    await deposit.accept('message/cpim', cpim([ID, ASK]));
    expect(deposit.only.receipts).to.equal(null);
    expect(deposit.only.wrapper).not.to.equal(null);
  });
});

describe('what is taken and never kept', () => {
  const composing =
    '<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>active</state></isComposing>';
  const notices: [string, string][] = [
    ['text/plain', ''],
    ['text/html; charset=utf-8', ''],
    ['text/x-msrp-heartbeat', 'beat'],
    ['text/plain', '?OTRv23?'],
    ['text/plain; charset="utf8"', '?OTR:AAMDJ+MVmSfjFZcAAAAAAQAAAAIAAADA1g5IjD1ZGLDVQEyCgCyn9hb='],
    ['text/html', '?OTRv3?<br/>wants to talk in private'],
    ['application/im-iscomposing+xml', composing],
    ['application/im-iscomposing+xml', 'broken'],
    ['message/imdn+xml', '<imdn xmlns="urn:ietf:params:xml:ns:imdn"/>'],
  ];
  for (const [type, text] of notices) {
    it(`${type} ${JSON.stringify(text.slice(0, 20))}, bare, wrapped, and wrapped twice`, async () => {
      const deposit = new Depositing();
      expect(await deposit.accept(type, text)).to.equal('notice');
      const ask = ['imdn.Message-ID: m1', 'imdn.Disposition-Notification: positive-delivery'];
      const once = cpim(ask, type, text);
      expect(await deposit.accept('Message/CPIM', once)).to.equal('notice');
      expect(await deposit.accept('message/cpim', once.replaceAll('\r\n', '\n'))).to.equal('notice');
      expect(await deposit.accept('message/cpim', cpim(ask, 'message/cpim', once))).to.equal('notice');
      expect(deposit.kept).to.deep.equal([]);
    });
  }

  it('in base64 too', async () => {
    const deposit = new Depositing();
    const otr = Buffer.from('?OTRv2?').toString('base64');
    const body = `From: <sip:b@e.test>\r\n\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n${otr}`;
    expect(await deposit.accept('message/cpim', body)).to.equal('notice');
    expect(deposit.kept).to.deep.equal([]);
  });

  it('is not a text that only mentions it', async () => {
    const deposit = new Depositing();
    for (const text of [' ?OTRv2?', 'what is ?OTR', '\n', ' ']) {
      expect(await deposit.accept('text/plain', text), text).to.equal('stored');
    }
  });
});

describe('a wrapper', () => {
  const withHeaders = (value: string, count = 1): Parameters<typeof keepWrapper>[0] => ({
    ...emptyCpim,
    from: { displayName: '', uri: 'sip:bob@example.test' },
    require: ['x.y'],
    namespaces: new Map([
      ['imdn', 'urn:ietf:params:imdn'],
      ['x', 'urn:x'],
    ]),
    headers: [
      { name: 'imdn.Message-ID', value: 'm1' },
      ...Array.from({ length: count }, () => ({ name: 'x.y', value })),
    ],
  });
  const room = MAILBOX_LIMITS.wrapper - (keepWrapper(withHeaders('')).bytes?.length ?? 0);

  it('is kept whole up to its limit, and read back', () => {
    const wrapper = withHeaders('v'.repeat(room));
    const { bytes, kept } = keepWrapper(wrapper);
    expect([kept, bytes?.length]).to.deep.equal(['whole', MAILBOX_LIMITS.wrapper]);
    expect(readWrapper(bytes)).to.deep.equal(wrapper);
    expect(MAILBOX_LIMITS.wrapper).to.be.at.most(IM_LIMITS.cpimHeaderBytes);
  });

  it('one byte longer loses the headers that are none of ours, and what requires them', () => {
    const { bytes, kept } = keepWrapper(withHeaders('v'.repeat(room + 1)));
    expect(kept).to.equal('without foreign headers');
    const { from, headers, require, namespaces } = readWrapper(bytes);
    expect(from?.uri).to.equal('sip:bob@example.test');
    expect(headers).to.deep.equal([{ name: 'imdn.Message-ID', value: 'm1' }]);
    expect([require, [...namespaces.keys()]]).to.deep.equal([[], ['imdn']]);
  });

  it('that is too long even so is not kept, and the text is', async () => {
    const deposit = new Depositing();
    // Six characters are written for each of these.
    const name = '\u0001'.repeat(5_000);
    const headers = [
      `To: "${name}" <sip:a@e.test>`,
      'imdn.Message-ID: m1',
      'imdn.Disposition-Notification: display',
    ];
    expect(await deposit.accept('message/cpim', cpim(headers))).to.equal('stored');
    expect(deposit.only.wrapper).to.equal(null);
    expect(deposit.only.receipts).to.deep.include({ messageId: 'm1' });
    expect(deposit.counted).to.include('deposits_wrapper_cut_total not');
  });

  it('that cannot be read back is as none', () => {
    expect(readWrapper(Buffer.from('words'))).to.equal(emptyCpim);
    expect(readWrapper(null)).to.equal(emptyCpim);
  });

  it('with as many headers as may be is read back', async () => {
    const deposit = new Depositing();
    await deposit.accept(
      'message/cpim',
      cpim(Array.from({ length: IM_LIMITS.cpimHeaders - 1 }, () => 'X: y')),
    );
    expect(readWrapper(deposit.only.wrapper).headers).to.have.length(IM_LIMITS.cpimHeaders - 1);
  });

  it('that message/cpim in message/cpim gives more headers than one may have loses those that are none of ours', async () => {
    const deposit = new Depositing();
    const many = (name: string): string[] => Array.from({ length: 60 }, (_, i) => `${name}-${i}: y`);
    const inner = `From: <sip:b@e.test>\r\n\r\nContent-Type: text/plain\r\n${many('Content-X').join('\r\n')}\r\n\r\nhello`;
    const outer = ['imdn.Message-ID: m1', 'Subject: news', ...many('X')];
    expect(await deposit.accept('message/cpim', cpim(outer, 'message/cpim', inner))).to.equal('stored');
    const { subjects, headers } = readWrapper(deposit.only.wrapper);
    expect(subjects).to.have.length(1);
    expect(headers).to.deep.equal([{ name: 'imdn.Message-ID', value: 'm1' }]);
    expect(deposit.counted).to.include('deposits_wrapper_cut_total without foreign headers');
  });
});

describe('a text to be delivered later', () => {
  const MAX = 3600;
  const asked: string[] = [];
  const profiles = new OwnerProfiles({
    store: {
      preferences: (user) =>
        Promise.resolve({
          language: null,
          timeZone: user.user === 'bob' ? 'Europe/Madrid' : null,
          greeting: null,
        }),
    },
    language: 'en',
    timeZone: 'Asia/Tokyo',
    autoReply: '',
  });
  /** Deposits, where a time is written as seconds from now. */
  const scheduling = (maxSeconds = MAX, ttl = 0): Depositing =>
    new Depositing({
      ttl: () => ttl,
      scheduling: new Scheduling({
        read: (value, { timeZone }) => {
          asked.push(timeZone);
          const seconds = Number(value);
          return Number.isNaN(seconds) ? undefined : new FakeClock().now() + seconds * 1000;
        },
        profiles,
        maxSeconds,
      }),
    });
  const failure = async (work: Promise<unknown>): Promise<string> =>
    await work.then(
      () => 'taken',
      (error: unknown) => (error instanceof MailboxError ? error.code : String(error)),
    );

  beforeEach(() => {
    asked.length = 0;
  });

  it('comes when it is due: from then on it lives, and was written when it reached us', async () => {
    const deposit = scheduling(MAX, 60);
    const now = deposit.clock.now();
    expect(await deposit.accept('text/plain', 'x', { deliverAt: '600', expires: 30 })).to.equal('stored');
    const due = now + 600_000;
    expect(deposit.only).to.deep.include({
      deliverAt: due,
      receivedAt: due,
      sentAt: now,
      expiresAt: due + 30_000,
    });
    expect(deposit.counted).to.include('deposits_total scheduled');
  });

  it('says itself when it was written, if it does', async () => {
    const deposit = scheduling();
    await deposit.accept('message/cpim', cpim(['DateTime: 2026-01-02T03:04:05Z', 'X-Deliver-At: 600']));
    expect(deposit.only).to.deep.include({ sentAt: Date.UTC(2026, 0, 2, 3, 4, 5) });
    expect(deposit.only.deliverAt).to.equal(deposit.clock.now() + 600_000);
  });

  it('may say so in message/cpim by the name in our namespace, under any prefix, and by no other', async () => {
    const ns = (prefix: string): string => `NS: ${prefix}<${SCHEDULE_NAMESPACE.toUpperCase()}>`;
    const isScheduled = async (headers: readonly string[]): Promise<boolean> => {
      const deposit = scheduling();
      await deposit.accept('message/cpim', cpim(headers));
      return deposit.only.deliverAt !== null;
    };
    expect(await isScheduled([ns('schedule '), 'schedule.Deliver-At: 9'])).to.equal(true);
    expect(await isScheduled([ns('s '), 'S.deliver-at: 9'])).to.equal(true);
    expect(await isScheduled([ns(''), 'Deliver-At: 9'])).to.equal(true);
    expect(await isScheduled(['x-deliver-at: 9'])).to.equal(true);
    expect(await isScheduled(['Deliver-At: 9'])).to.equal(false);
    expect(await isScheduled(['schedule.Deliver-At: 9'])).to.equal(false);
    expect(await isScheduled(['NS: s <urn:x>', 's.Deliver-At: 9'])).to.equal(false);
  });

  it('goes by the request’s header where both say something', async () => {
    const deposit = scheduling();
    await deposit.accept('message/cpim', cpim(['X-Deliver-At: 9']), { deliverAt: '20' });
    expect(deposit.only.deliverAt).to.equal(deposit.clock.now() + 20_000);
  });

  it('is delivered at once when its time is past, now, or a second ahead', async () => {
    for (const [deliverAt, later] of [
      ['-500', false],
      ['0', false],
      ['1', false],
      ['1.001', true],
    ] as const) {
      const deposit = scheduling();
      await deposit.accept('text/plain', 'x', { deliverAt });
      expect(deposit.only.deliverAt !== null, deliverAt).to.equal(later);
      expect(deposit.only.sentAt !== null, deliverAt).to.equal(later);
    }
  });

  it('is refused when the time cannot be read, and one second past the farthest', async () => {
    const deposit = scheduling();
    const at = (deliverAt: string): Promise<string> => deposit.accept('text/plain', 'x', { deliverAt });
    expect(await failure(at('soon'))).to.equal('UNREADABLE_DELIVER_AT');
    expect(await failure(at(String(MAX + 1)))).to.equal('DELIVER_AT_TOO_FAR');
    expect(deposit.kept).to.deep.equal([]);
    expect(deposit.counted).to.include.members([
      'deposits_total unreadable_deliver_at',
      'deposits_total deliver_at_too_far',
    ]);
    expect(await failure(at(String(MAX)))).to.equal('taken');
  });

  it('is refused where none is scheduled, rather than delivered early; one whose time is past is taken', async () => {
    for (const deposit of [scheduling(0), new Depositing()]) {
      expect(await failure(deposit.accept('text/plain', 'x', { deliverAt: '60' }))).to.equal(
        'DELIVER_AT_TOO_FAR',
      );
      expect(deposit.kept).to.deep.equal([]);
    }
    expect(await failure(scheduling(0).accept('text/plain', 'x', { deliverAt: '-60' }))).to.equal('taken');
  });

  it('is read in the time zone of its author, else of the operator', async () => {
    const deposit = scheduling();
    for (const author of ['sip:bob@example.test', 'sip:carol@example.test', 'tel:+34123']) {
      await deposit.accept('text/plain', 'x', { deliverAt: '60', author });
    }
    expect(asked).to.deep.equal(['Europe/Madrid', 'Asia/Tokyo', 'Asia/Tokyo']);
  });

  it('that is not to be kept, or is no text, is not scheduled either', async () => {
    const deposit = scheduling();
    expect(await failure(deposit.accept('text/plain', 'x', { deliverAt: '60', expires: 0 }))).to.equal(
      'TEXT_EXPIRED',
    );
    expect(await deposit.accept('message/imdn+xml', '<imdn/>', { deliverAt: 'soon' })).to.equal('notice');
  });
});

describe('a mailbox that takes no more', () => {
  it('refuses the text by a name, and counts why', async () => {
    for (const [outcome, code] of [
      ['full', 'MAILBOX_FULL'],
      ['blocked', 'AUTHOR_BLOCKED'],
    ] as const) {
      const deposit = new Depositing();
      deposit.outcome = outcome;
      const error: unknown = await deposit.accept('text/plain', 'x').catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(MailboxError).and.to.include({ code });
      expect(deposit.counted).to.deep.equal([`deposits_total ${code.toLowerCase()}`]);
    }
  });
});
