import type { OutgoingLink } from '../../src/msrp/delivery.ts';
import { SendFailed } from '../../src/msrp/errors.ts';
import type { MsrpLimits } from '../../src/msrp/limits.ts';
import { MSRP_LIMITS } from '../../src/msrp/limits.ts';
import { OutgoingMessages } from '../../src/msrp/outgoing-messages.ts';
import { FakeClock, settle } from '../doubles/fake-clock.ts';
import { seededRandom } from '../doubles/seeded-random.ts';

export const RELAY = 'msrp://relay:1/r;tcp';

/** What was written to it, in order; the system takes all at once, or nothing until the test says so. */
export class FakeLink implements OutgoingLink {
  readonly written: string[] = [];
  isFull = false;
  slow = false;
  readonly #untaken: (() => void)[] = [];

  write(bytes: Buffer, taken: () => void): void {
    this.written.push(bytes.toString('latin1'));
    if (this.slow) this.#untaken.push(taken);
    else taken();
  }

  /** The system takes the oldest it has not taken yet. */
  take(): void {
    this.#untaken.shift()?.();
  }
}

/** The sending side of a session, and the peer's answers spelled out. */
export class Outbox {
  readonly clock = new FakeClock();
  readonly outcomes = new Map<string, string>();
  readonly messages: OutgoingMessages;
  link = new FakeLink();

  constructor(options: { limits?: Partial<MsrpLimits>; relayed?: boolean; started?: boolean } = {}) {
    this.messages = new OutgoingMessages({
      toPath: `${RELAY} msrp://bob:2/b;tcp`,
      fromPath: 'msrp://127.0.0.1:2855/abc;tcp',
      relayed: options.relayed ?? false,
      limits: { ...MSRP_LIMITS, ...options.limits },
      clock: this.clock,
      random: seededRandom(),
      link: () => this.link,
    });
    if (options.started !== false) this.start();
  }

  start(): void {
    this.messages.start();
  }

  get written(): readonly string[] {
    return this.link.written;
  }

  /** Of each chunk written: its range and flag. */
  get chunks(): string[] {
    return this.written.map((text) => {
      const range = /\r\nByte-Range: (\S+)\r\n/.exec(text)?.[1] ?? 'no range';
      return `${range}${text.at(-3) ?? ''}`;
    });
  }

  get ids(): (string | undefined)[] {
    return this.written.map((text) => /Message-ID: (\S+)/.exec(text)?.[1]);
  }

  send(id: string, options: { successReport?: boolean; content?: Buffer } = {}): void {
    const { content = Buffer.from(`text ${id}`), ...rest } = options;
    this.outcomes.set(id, 'open');
    this.messages.send({ messageId: id, contentType: 'text/plain; charset=utf-8', content, ...rest }).then(
      () => this.outcomes.set(id, 'delivered'),
      (error: unknown) => {
        const status = error instanceof SendFailed ? ` ${error.status} ${error.comment}` : '';
        this.outcomes.set(id, `${error instanceof Error ? error.name : 'nothing'}${status}`);
      },
    );
  }

  /** The response to the first chunk of a message. */
  async answer(id: string, status = 200, comment = ''): Promise<void> {
    const index = this.written.findIndex((text) => text.includes(`Message-ID: ${id}\r\n`));
    await this.answerTo(index, status, comment);
  }

  /** The response to what was written as number `index`. */
  async answerTo(index: number, status = 200, comment = ''): Promise<void> {
    const transactId = this.written[index]?.split(' ')[1] ?? 'none';
    this.messages.onResponse({ transactId, status, comment, headers: new Map() });
    await settle();
  }

  async report(id: string, status = '000 200 OK', byteRange?: string): Promise<void> {
    const headers = new Map([
      ['message-id', id],
      ['status', status],
      ...(byteRange === undefined ? [] : [['byte-range', byteRange] as const]),
    ]);
    this.messages.onReport({ transactId: 'report01', method: 'REPORT', headers });
    await settle();
  }

  async end(): Promise<void> {
    this.messages.end('connection lost');
    await settle();
  }

  outcome(id: string): string | undefined {
    return this.outcomes.get(id);
  }
}
