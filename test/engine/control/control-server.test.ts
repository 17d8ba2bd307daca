import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { silentLogger } from '../../../src/core/logger.ts';
import { noMetrics } from '../../../src/core/metrics.ts';
import type { Application, SipCommand } from '../../../src/engine/control/application.ts';
import { ControlServer } from '../../../src/engine/control/control-server.ts';
import { FrameReader, encodeFrame } from '../../../src/engine/control/frame-codec.ts';
import { CONTROL_LIMITS } from '../../../src/engine/control/limits.ts';
import { FakeClock } from '../../doubles/fake-clock.ts';

/** A client of the control port that writes and reads frames by hand. */
class Client {
  readonly socket: Socket;
  readonly #reader = new FrameReader();
  readonly #frames: string[] = [];
  #wake: () => void = () => undefined;
  closed = false;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => {
      this.#frames.push(...this.#reader.push(chunk).map((payload) => payload.toString()));
      this.#wake();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  send(payload: string): void {
    this.socket.write(encodeFrame(payload));
  }

  /** The next frame's fields without its own id; undefined when the connection was closed instead. */
  async next(): Promise<string[] | undefined> {
    while (this.#frames.length === 0 && !this.closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#frames.shift()?.split('|').slice(1);
  }
}

describe('the control port', () => {
  let clock: FakeClock;
  let server: ControlServer;
  let port: number;
  let clients: Client[];
  let gone: Application[];
  let commands: { application: Application; command: SipCommand }[];

  beforeEach(async () => {
    clock = new FakeClock();
    clients = [];
    gone = [];
    commands = [];
    let ids = 0;
    server = new ControlServer({
      secret: 'right',
      clock,
      logger: silentLogger,
      metrics: noMetrics,
      nextId: () => `id${ids++}`,
      sip: (application, command) => commands.push({ application, command }),
      gone: (application) => gone.push(application),
    });
    ({ port } = await server.listen('127.0.0.1', 0, () => 'tcp/127.0.0.1:5060,udp/127.0.0.1:5060'));
  });

  afterEach(async () => {
    for (const { socket } of clients) socket.destroy();
    await server.close();
    expect(clock.pendingTimers, 'timers left').to.equal(0);
  });

  function client(): Client {
    const made = new Client(port);
    clients.push(made);
    return made;
  }

  async function authenticated(...verbs: string[]): Promise<Client> {
    const made = client();
    made.send('1|authenticate|right|tag');
    await made.next();
    for (const verb of verbs) {
      made.send(`2|route|${verb}`);
      await made.next();
    }
    return made;
  }

  it('authenticates with the secret and says what SIP is heard on', async () => {
    const app = client();
    app.send('42|authenticate|right|');
    const listening = 'tcp/127.0.0.1:5060,udp/127.0.0.1:5060';
    expect(await app.next()).to.deep.equal(['response', '42', 'OK', listening, 'v0.9.10', listening]);
  });

  it('refuses a wrong secret and hangs up', async () => {
    const app = client();
    app.send('42|authenticate|wrong|');
    expect(await app.next()).to.deep.equal(['response', '42', 'NO', 'incorrect secret']);
    expect(await app.next()).to.equal(undefined);
  });

  it('takes no command before the secret', async () => {
    for (const command of ['route|message', 'sip||\r\nOPTIONS sip:a@b SIP/2.0', 'ping']) {
      const app = client();
      app.send(`7|${command}`);
      expect((await app.next())?.slice(0, 3)).to.deep.equal(['response', '7', 'NO']);
      expect(await app.next()).to.equal(undefined);
    }
    expect(commands).to.deep.equal([]);
  });

  it('hangs up on who does not authenticate in time', async () => {
    const app = client();
    await once(app.socket, 'connect');
    while (clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(CONTROL_LIMITS.authenticationDeadline);
    expect(await app.next()).to.equal(undefined);
    expect(gone).to.have.length(1);
  });

  it('answers ping with pong, and routes with OK however often they come', async () => {
    const app = await authenticated('message', 'message');
    app.send('9|ping');
    expect(await app.next()).to.deep.equal(['response', '9', 'OK', 'pong']);
    expect(server.next('message')).to.not.equal(undefined);
    app.send('10|remove_route|message');
    expect(await app.next()).to.deep.equal(['response', '10', 'OK']);
    expect(server.next('message')).to.equal(undefined);
  });

  it('answers an unknown command NO and hangs up, a proxy command NOK', async () => {
    const app = await authenticated('message');
    app.send('11|proxy|t|remainInDialog\r\nINVITE sip:a@b SIP/2.0');
    expect((await app.next())?.slice(0, 3)).to.deep.equal(['response', '11', 'NOK']);
    app.send('12|dance');
    expect((await app.next())?.slice(0, 3)).to.deep.equal(['response', '12', 'NO']);
    expect(await app.next()).to.equal(undefined);
    expect(server.verbs.size).to.equal(0);
  });

  it('hangs up on bytes that are no frames', async () => {
    const app = await authenticated('message');
    app.socket.write('123456#');
    expect(await app.next()).to.equal(undefined);
  });

  it('gives applications their turns, verb by verb, and skips who left', async () => {
    const first = await authenticated('message');
    await authenticated('message');
    await authenticated('invite');
    const turns = Array.from({ length: 4 }, () => server.next('message')?.name);
    expect(new Set(turns).size).to.equal(2);
    expect(turns[0]).to.equal(turns[2]);
    expect(server.next('invite')?.name).to.not.be.oneOf(turns);
    first.socket.destroy();
    while (gone.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(new Set([server.next('message')?.name, server.next('message')?.name]).size).to.equal(1);
  });

  it('cuts off an application that does not read', async () => {
    const app = await authenticated('message');
    app.socket.pause();
    const slow = server.next('message');
    const megabyte = Buffer.alloc(1_000_000, 'x');
    let sent = 0;
    while (slow?.open === true && sent < 100) {
      slow.notify('x|sip|network', megabyte);
      sent++;
      if (slow.busy) expect(server.next('message'), 'no new requests for it').to.equal(undefined);
    }
    expect(gone).to.deep.equal([slow]);
    expect(sent * megabyte.length).to.be.at.most(CONTROL_LIMITS.queuedBytes + 2 * megabyte.length);
  });

  it('takes no more connections than it has room for', async () => {
    for (let index = 0; index < CONTROL_LIMITS.connections; index++) {
      await once(client().socket, 'connect');
    }
    const turnedAway = client();
    expect(await turnedAway.next()).to.equal(undefined);
    expect(clients[0]?.closed).to.equal(false);
  });
});
