import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { expect } from 'chai';
import { startEngine } from '../../src/engine/engine.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { CONTROL_LIMITS } from '../../src/engine/control/limits.ts';
import { encodeFrame } from '../../src/engine/control/frame-codec.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { RawSipClient, contactOf, isResponse, rawInDialog, rawRequest } from '../doubles/raw-sip-client.ts';
import { delay, until } from './running-engine.ts';

const SECRET = 'test-secret';
const URI = 'sip:alice@example.test';
/** A large text: few of them are more than an application may leave unread. */
const BODY = 'x'.repeat(60_000);

/** An application on the control port that answers 200 to all it reads, and may stop reading. */
class BareApplication {
  readonly socket: Socket;
  handed = 0;
  #received = '';

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => this.#read(chunk.toString('latin1')));
  }

  static async connect(engine: Engine): Promise<BareApplication> {
    const socket = connect(engine.control.port, engine.control.host);
    const application = new BareApplication(socket);
    for (const [index, command] of [`authenticate|${SECRET}|`, 'route|message', 'route|invite'].entries()) {
      socket.write(encodeFrame(`${index}|${command}`));
      await once(socket, 'data');
    }
    return application;
  }

  #read(text: string): void {
    this.#received += text;
    for (;;) {
      const head = /^(\d+)#/.exec(this.#received);
      const end = (head?.[0].length ?? 0) + Number(head?.[1]);
      if (head === null || this.#received.length < end) return;
      const [line = ''] = this.#received.slice(head[0].length, end).split('\r\n', 1);
      this.#received = this.#received.slice(end);
      const fields = line.split('|');
      if (fields[1] !== 'sip') continue;
      this.handed++;
      this.socket.write(encodeFrame(`answer|sip|${fields[8] ?? ''}|`, Buffer.from('SIP/2.0 200 OK\r\n\r\n')));
    }
  }
}

describe('an application that stops reading', () => {
  let clock: FakeClock;
  let engine: Engine;
  let peer: RawSipClient;
  const applications: BareApplication[] = [];

  beforeEach(async () => {
    clock = new FakeClock();
    engine = await startEngine({ listen: ['tcp:127.0.0.1:0'], control: { port: 0 }, secret: SECRET, clock });
    peer = await RawSipClient.connect('tcp', engine.sip[0]?.port ?? 0);
  });

  afterEach(async () => {
    for (const { socket } of applications.splice(0)) socket.destroy();
    await peer.close();
    await engine.close();
    // Its own and those of its connections, which end a moment later.
    await until(() => clock.pendingTimers === 0);
  });

  async function application(): Promise<BareApplication> {
    const connected = await BareApplication.connect(engine);
    applications.push(connected);
    return connected;
  }

  /** Sends large texts until `enough`; how many. */
  async function flood(enough: () => boolean): Promise<number> {
    let sent = 0;
    while (!enough() && sent < 1_000) {
      for (let index = 0; index < 10; index++, sent++) {
        const headers = ['Content-Type: text/plain'];
        peer.send(rawRequest({ method: 'MESSAGE', uri: URI, client: peer, headers, body: BODY }));
      }
      await delay(5);
    }
    return sent;
  }

  const count = (status: number): number => peer.received.filter(isResponse(status)).length;

  it('is passed over while others read; then callers get 503, and the engine keeps little of it all', async () => {
    const [slow, quick] = [await application(), await application()];
    slow.socket.pause();
    const before = quick.handed;
    let sent = 0;
    // What is handed to the slow one is seen by nobody: its share is done when the quick one gets all.
    for (let streak = 0; streak < 20 && sent < 1_000;) {
      const handed = quick.handed;
      const now = await flood(() => quick.handed > handed);
      sent += now;
      await delay(20);
      streak = quick.handed - handed === now ? streak + now : 0;
    }
    expect(quick.handed - before).to.be.above(sent / 2);
    expect(count(503), 'nobody is refused while one application reads').to.equal(0);
    await until(() => count(200) === quick.handed);

    quick.socket.pause();
    await flood(() => count(503) > 0);
    const refused = peer.received.find(isResponse(503));
    expect(Number(refused?.header('Retry-After'))).to.be.greaterThan(0);
    for (const { socket } of applications) expect(socket.destroyed).to.equal(false);

    // It reads again: nothing of what it was given is lost, and new requests come.
    quick.socket.resume();
    const answered = count(200);
    await flood(() => count(200) > answered + 50);
  });

  it('is cut off when it makes no way; its calls end, and another application goes on', async () => {
    const slow = await application();
    const headers = [contactOf(peer)];
    const invite = rawRequest({ method: 'INVITE', uri: URI, client: peer, headers });
    peer.send(invite);
    const accepted = await peer.nextMessage(isResponse(200, 'INVITE'));
    peer.send(rawInDialog(peer, 'ACK', { request: invite, response: accepted }, 1));
    slow.socket.pause();
    await flood(() => count(503) > 0);
    const waiting = count(503);
    await clock.advance(CONTROL_LIMITS.stalled);
    const bye = await peer.nextMessage(({ method }) => method === 'BYE');
    expect(bye.header('Call-ID')).to.equal(accepted.header('Call-ID'));
    // What it had not answered.
    await until(() => count(503) > waiting);

    const next = await application();
    peer.send(rawRequest({ method: 'MESSAGE', uri: URI, client: peer }));
    await peer.nextMessage((message) => message.status === 200 && message.header('CSeq') === '1 MESSAGE');
    expect(next.handed).to.equal(1);
  });
});
