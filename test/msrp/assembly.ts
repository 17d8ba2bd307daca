import { Duplex } from 'node:stream';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { ChatSession } from '../../src/msrp/chat-session.ts';
import { MsrpConnection } from '../../src/msrp/connection.ts';
import type { MsrpLimits } from '../../src/msrp/limits.ts';
import { MSRP_LIMITS } from '../../src/msrp/limits.ts';
import type { ReceivedMessage } from '../../src/msrp/session.ts';
import { SessionRegistry } from '../../src/msrp/session-registry.ts';
import { UnfinishedRoom } from '../../src/msrp/unfinished-room.ts';
import { localMsrpUri, parseMsrpPath } from '../../src/msrp/uri.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { seededRandom } from '../doubles/seeded-random.ts';

/** The session that the fixtures speak in, and their peer. */
export const FIXTURE_SESSION = 'abcdef0123456789abcd';
export const FIXTURE_PEER = 'msrp://192.0.2.7:7654/jshA7weztas;tcp';

/** A connection without a network: what is fed to it is read, what is written to it is kept. */
export class FakeStream extends Duplex {
  readonly #written: Buffer[] = [];

  constructor() {
    super({ allowHalfOpen: true });
  }

  /** Brings bytes as a read would, at once. */
  feed(...pieces: readonly Buffer[]): void {
    for (const piece of pieces) this.emit('data', piece);
  }

  /** What was written, each byte a character. */
  get written(): string {
    return Buffer.concat(this.#written).toString('latin1');
  }

  /** Of each response its transact-id and status, of each request its method and its Message-ID. */
  get answers(): string[] {
    const starts = this.written.matchAll(/^MSRP (\S+) (\S+)[^\n]*\n((?:[^-][^\n]*\n)*)/gm);
    return [...starts].map(([, id = '', word = '', headers = '']) =>
      /^\d/.test(word) ? `${id} ${word}` : `${word} ${/Message-ID: (\S*)/.exec(headers)?.[1] ?? ''}`,
    );
  }

  override _read(): void {
    // What comes is fed.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#written.push(chunk);
    callback();
  }
}

/** Sessions and connections put together as in an endpoint, without listeners. */
export class Assembly {
  readonly clock = new FakeClock();
  readonly limits: MsrpLimits;
  readonly room: UnfinishedRoom;
  readonly registry: SessionRegistry;
  readonly #random = seededRandom();
  readonly #streams: FakeStream[] = [];

  constructor(limits: Partial<MsrpLimits> = {}) {
    this.limits = { ...MSRP_LIMITS, ...limits };
    this.room = new UnfinishedRoom(this.limits.unfinishedRoom, noMetrics);
    this.registry = new SessionRegistry({
      limits: this.limits,
      clock: this.clock,
      logger: silentLogger,
      metrics: noMetrics,
    });
  }

  /** A session that waits for its peer, and has its messages taken by `take`. */
  open(take: (message: ReceivedMessage) => Promise<void>, id = FIXTURE_SESSION): ChatSession {
    const session = new ChatSession({
      id,
      local: localMsrpUri({ secure: false, host: '127.0.0.1', port: 2855, sessionId: id }),
      remote: { path: parseMsrpPath(FIXTURE_PEER), setup: 'passive', fingerprints: [] },
      handlers: { onBound: () => undefined, onMessage: take, onEnded: () => undefined },
      limits: this.limits,
      room: this.room,
      clock: this.clock,
      random: this.#random,
      trusts: () => true,
      reach: () => undefined,
      onOver: () => this.registry.remove(id),
    });
    this.registry.add(session);
    return session;
  }

  connect(): FakeStream {
    const stream = new FakeStream();
    const { limits, room, clock } = this;
    const options = { limits, room, clock, logger: silentLogger, secure: false };
    new MsrpConnection(stream, options, {
      wantsBody: (head) => this.registry.wantsBody(head),
      onRequest: (from, request) => this.registry.onRequest(from, request),
      onResponse: (from, response) => this.registry.onResponse(from, response),
      onMalformed: (from, error, head) => this.registry.onMalformed(from, error, head),
      onJoined: () => undefined,
      onClosed: () => undefined,
    });
    this.#streams.push(stream);
    return stream;
  }

  /** Ends every session and connection. */
  close(): void {
    this.registry.close();
    for (const stream of this.#streams.splice(0)) stream.destroy();
  }
}
