import { expect } from 'chai';
import { SendFailed, SendQueueFull, SendTimedOut, SessionClosed } from '../../src/msrp/errors.ts';
import type { MsrpLimits } from '../../src/msrp/limits.ts';
import { MSRP_LIMITS } from '../../src/msrp/limits.ts';
import { OutgoingMessages } from '../../src/msrp/outgoing-messages.ts';
import { FakeClock, settle } from '../doubles/fake-clock.ts';
import { seededRandom } from '../doubles/seeded-random.ts';

const RELAY = 'msrp://relay:1/r;tcp';

/** The sending side of a session, and the peer's answers spelled out. */
class Outbox {
  readonly clock = new FakeClock();
  readonly written: string[] = [];
  readonly outcomes = new Map<string, string>();
  readonly #messages: OutgoingMessages;

  constructor(options: { limits?: Partial<MsrpLimits>; relayed?: boolean; started?: boolean } = {}) {
    this.#messages = new OutgoingMessages({
      toPath: `${RELAY} msrp://bob:2/b;tcp`,
      fromPath: 'msrp://127.0.0.1:2855/abc;tcp',
      relayed: options.relayed ?? false,
      limits: { ...MSRP_LIMITS, ...options.limits },
      clock: this.clock,
      random: seededRandom(),
      write: (bytes) => this.written.push(bytes.toString('latin1')),
    });
    if (options.started !== false) this.start();
  }

  start(): void {
    this.#messages.start();
  }

  send(id: string, options: { successReport?: boolean; content?: Buffer } = {}): void {
    const { content = Buffer.from(`text ${id}`), ...rest } = options;
    this.outcomes.set(id, 'open');
    this.#messages.send({ messageId: id, contentType: 'text/plain; charset=utf-8', content, ...rest }).then(
      () => this.outcomes.set(id, 'delivered'),
      (error: unknown) => {
        const status = error instanceof SendFailed ? ` ${error.status} ${error.comment}` : '';
        this.outcomes.set(id, `${error instanceof Error ? error.name : 'nothing'}${status}`);
      },
    );
  }

  async answer(id: string, status = 200, comment = ''): Promise<void> {
    const frame = this.written.find((text) => text.includes(`Message-ID: ${id}\r\n`)) ?? '';
    const transactId = frame.split(' ')[1] ?? 'none';
    this.#messages.onResponse({ transactId, status, comment, headers: new Map() });
    await settle();
  }

  async report(id: string, status = '000 200 OK'): Promise<void> {
    const headers = new Map([
      ['message-id', id],
      ['status', status],
    ]);
    this.#messages.onReport({ transactId: 'report01', method: 'REPORT', headers });
    await settle();
  }

  async end(): Promise<void> {
    this.#messages.end('connection lost');
    await settle();
  }

  outcome(id: string): string | undefined {
    return this.outcomes.get(id);
  }
}

describe('a message of ours', () => {
  it('is one chunk in one write, headers in the order clients can read', () => {
    const outbox = new Outbox();
    outbox.send('m1', { content: Buffer.from('Grüße') });
    const [frame = ''] = outbox.written;
    const transactId = frame.split(' ')[1] ?? '';
    expect(transactId).to.match(/^[0-9a-f]{16}$/);
    expect(Buffer.from(frame, 'latin1').toString()).to.equal(
      [
        `MSRP ${transactId} SEND`,
        `To-Path: ${RELAY} msrp://bob:2/b;tcp`,
        'From-Path: msrp://127.0.0.1:2855/abc;tcp',
        'Message-ID: m1',
        'Success-Report: yes',
        'Byte-Range: 1-7/7',
        'Content-Type: text/plain; charset=utf-8',
        '',
        'Grüße',
        `-------${transactId}$`,
        '',
      ].join('\r\n'),
    );
  });

  it('asks for no report when none is wanted', () => {
    const outbox = new Outbox();
    outbox.send('m1', { successReport: false });
    expect(outbox.written.join()).not.to.include('Report');
  });

  it('is never cut short by an end-line of its own body', () => {
    const foreseen = new Outbox();
    foreseen.send('m1');
    const transactId = foreseen.written.join().split(' ')[1] ?? '';
    const outbox = new Outbox();
    outbox.send('m1', { content: Buffer.from(`x\r\n-------${transactId}$\r\n`) });
    expect(outbox.written.join().split(' ')[1]).not.to.equal(transactId);
  });

  it('waits until the session is bound', () => {
    const outbox = new Outbox({ started: false });
    outbox.send('m1');
    expect(outbox.written).to.have.length(0);
    outbox.start();
    expect(outbox.written).to.have.length(1);
  });

  it('is delivered by 200 and a report of success, in either order', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    outbox.send('m2');
    await outbox.answer('m1');
    expect(outbox.outcome('m1')).to.equal('open');
    await outbox.report('m1');
    expect(outbox.outcome('m1')).to.equal('delivered');
    await outbox.report('m2');
    expect(outbox.outcome('m2')).to.equal('delivered');
    await outbox.answer('m2');
    expect(outbox.clock.pendingTimers).to.equal(0);
  });

  it('is delivered by 200 alone when no report says otherwise in time', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    await outbox.answer('m1');
    await outbox.clock.advance(MSRP_LIMITS.reportWait - 1);
    expect(outbox.outcome('m1')).to.equal('open');
    await outbox.clock.advance(1);
    expect(outbox.outcome('m1')).to.equal('delivered');
  });

  it('costs no full wait any more once the peer is seen not to report', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    await outbox.answer('m1');
    await outbox.clock.advance(MSRP_LIMITS.reportWait);
    outbox.send('m2');
    await outbox.answer('m2');
    await outbox.clock.advance(MSRP_LIMITS.silentReportWait);
    expect(outbox.outcome('m2')).to.equal('delivered');
  });

  it('is refused by the status of the response', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    await outbox.answer('m1', 415, 'Not this type');
    expect(outbox.outcome('m1')).to.equal('SendFailed 415 Not this type');
  });

  it('is refused by a report of failure after its 200, as one client does', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    outbox.send('m2', { successReport: false });
    await outbox.answer('m1');
    await outbox.answer('m2');
    await outbox.report('m1', '000 413 Unwanted type');
    await outbox.report('m2', '000 413');
    expect(outbox.outcome('m1')).to.equal('SendFailed 413 Unwanted type');
    expect(outbox.outcome('m2')).to.equal('SendFailed 413 ');
  });

  it('fails when nothing answers for 30 s', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    await outbox.clock.advance(29_999);
    expect(outbox.outcome('m1')).to.equal('open');
    await outbox.clock.advance(1);
    expect(outbox.outcome('m1')).to.equal(SendTimedOut.name);
    await outbox.answer('m1');
    expect(outbox.clock.pendingTimers).to.equal(0);
  });

  it('is not moved by answers nobody asked for, reports in another namespace or on another message', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    await outbox.answer('none');
    await outbox.report('m1', '001 500 Other namespace');
    await outbox.report('m1', 'nonsense');
    await outbox.report('m7', '000 413 Other message');
    expect(outbox.outcome('m1')).to.equal('open');
    await outbox.answer('m1');
    await outbox.answer('m1', 500);
    await outbox.report('m1');
    expect(outbox.outcome('m1')).to.equal('delivered');
  });
});

describe('messages of ours', () => {
  it('are at most ten in flight, in order, the next as soon as one is answered', async () => {
    const outbox = new Outbox();
    for (let i = 1; i <= 12; i++) outbox.send(`m${i}`);
    expect(outbox.written).to.have.length(10);
    await outbox.answer('m4');
    expect(outbox.written).to.have.length(11);
    await outbox.answer('m1', 413);
    expect(outbox.written).to.have.length(12);
    const ids = outbox.written.map((text) => /Message-ID: (\S+)/.exec(text)?.[1]);
    expect(ids).to.deep.equal(Array.from({ length: 12 }, (_, i) => `m${i + 1}`));
  });

  it('go on when one times out', async () => {
    const outbox = new Outbox({ limits: { window: 1 } });
    outbox.send('m1');
    outbox.send('m2');
    await outbox.clock.advance(30_000);
    expect(outbox.outcome('m1')).to.equal(SendTimedOut.name);
    expect(outbox.written).to.have.length(2);
  });

  it('wait in a bounded queue', async () => {
    const outbox = new Outbox({ limits: { window: 1, sendQueue: 2 } });
    for (const id of ['m1', 'm2', 'm3', 'm4']) outbox.send(id);
    await settle();
    expect(outbox.outcome('m3')).to.equal('open');
    expect(outbox.outcome('m4')).to.equal(SendQueueFull.name);
  });

  it('that were not answered are closed with the session, those answered were delivered', async () => {
    const outbox = new Outbox({ limits: { window: 2 } });
    for (const id of ['m1', 'm2', 'm3', 'm4']) outbox.send(id);
    await outbox.answer('m1');
    await outbox.end();
    expect([...outbox.outcomes.values()]).to.deep.equal([
      'delivered',
      ...Array<string>(3).fill(SessionClosed.name),
    ]);
    outbox.send('m5');
    await settle();
    expect(outbox.outcome('m5')).to.equal(SessionClosed.name);
    expect(outbox.clock.pendingTimers).to.equal(0);
  });

  it('whose report was due when the session ended were not delivered for sure', async () => {
    const reporting = new Outbox();
    reporting.send('m1');
    reporting.send('m2');
    await reporting.answer('m1');
    await reporting.report('m1');
    await reporting.answer('m2');
    await reporting.end();
    expect([...reporting.outcomes.values()]).to.deep.equal(['delivered', SessionClosed.name]);

    const relayed = new Outbox({ relayed: true });
    relayed.send('m1');
    await relayed.answer('m1');
    await relayed.end();
    expect(relayed.outcome('m1')).to.equal(SessionClosed.name);
  });
});
