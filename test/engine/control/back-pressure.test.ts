import { once } from 'node:events';
import { expect } from 'chai';
import { silentLogger } from '../../../src/core/logger.ts';
import { noMetrics } from '../../../src/core/metrics.ts';
import type { Application, SipCommand } from '../../../src/engine/control/application.ts';
import { ControlServer } from '../../../src/engine/control/control-server.ts';
import { CONTROL_LIMITS } from '../../../src/engine/control/limits.ts';
import { FakeClock } from '../../doubles/fake-clock.ts';
import { delay, until } from '../running-engine.ts';
import { ControlClient } from './control-client.ts';

/** As long as a message of a frame that the client takes may be. */
const LONG = Buffer.alloc(90_000, 'x');
/** More than the system itself keeps for a socket nobody reads, and enough to be behind on top of it. */
const MUCH = 24_000_000;

describe('back-pressure on the control port', () => {
  let clock: FakeClock;
  let server: ControlServer;
  let clients: ControlClient[];
  let port: number;
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
    ({ port } = await server.listen({ port: 0 }, () => 'udp/127.0.0.1:5060'));
  });

  afterEach(async () => {
    for (const { socket } of clients) socket.destroy();
    await server.close();
    expect(clock.pendingTimers, 'timers left').to.equal(0);
  });

  /** A client that routes MESSAGE, and what the server has of it. */
  async function connected(): Promise<{ client: ControlClient; application: Application }> {
    const client = new ControlClient(port);
    clients.push(client);
    client.send('1|authenticate|right|');
    await client.next();
    client.send('2|route|message');
    await client.next();
    for (let tries = 0; tries <= clients.length; tries++) {
      const application = server.next('message');
      if (application?.name === `127.0.0.1:${client.socket.localPort ?? 0}`) return { client, application };
    }
    throw new Error('never had its turn');
  }

  /** Notifies one that does not read until it is behind, whatever the system takes for it. */
  async function fill(application: Application): Promise<void> {
    for (let sent = 0; sent < MUCH; sent += LONG.length) application.notify('x|sip|network', LONG);
    await delay(20);
    expect(application.busy).to.equal(true);
  }

  it('gives requests to others while an application is behind, and to it again when it has read', async () => {
    const [slow, quick] = [await connected(), await connected()];
    slow.client.socket.pause();
    await fill(slow.application);
    for (let turn = 0; turn < 3; turn++) expect(server.next('message')).to.equal(quick.application);
    quick.client.socket.pause();
    await fill(quick.application);
    expect(server.next('message'), 'nobody can take one').to.equal(undefined);
    expect(server.wants('message')).to.equal(true);
    slow.client.socket.resume();
    await until(() => server.next('message') === slow.application);
    quick.client.socket.resume();
    await until(() => !quick.application.busy);
  });

  it('reads nothing of an application that does not read, and goes on when it does', async () => {
    const { client, application } = await connected();
    client.socket.pause();
    await fill(application);
    client.send('3|sip||\r\nINFO sip:a@b SIP/2.0');
    await delay(30);
    expect(commands).to.have.length(0);
    client.socket.resume();
    await until(() => commands.length === 1);
  });

  it('cuts off an application that makes no way for too long', async () => {
    const { client, application } = await connected();
    client.socket.pause();
    await fill(application);
    await clock.advance(CONTROL_LIMITS.stalled - 1);
    expect(application.open).to.equal(true);
    await clock.advance(1);
    expect(application.open).to.equal(false);
    expect(gone).to.deep.equal([application]);
  });

  it('cuts off an application at once for which too much waits', async () => {
    const { client, application: slow } = await connected();
    client.socket.pause();
    let sent = 0;
    while (slow.open && sent < 1_000) {
      slow.notify('x|sip|network', LONG);
      sent++;
      if (slow.busy) expect(server.next('message'), 'no new requests for it').to.equal(undefined);
    }
    expect(gone).to.deep.equal([slow]);
    expect(sent * LONG.length).to.be.at.most(CONTROL_LIMITS.queuedBytes + 2 * LONG.length);
  });

  it('reads no more of an application than can be sent, and answers all of it in the end', async () => {
    const { client } = await connected();
    const { unanswered } = CONTROL_LIMITS;
    const total = 40 * unanswered;
    const filler = 'x'.repeat(200);
    let accepted = true;
    for (let index = 0; index < total; index++) {
      accepted = client.send(`c${index}|sip||\r\nINFO sip:a@b SIP/2.0\r\nX: ${filler}`);
    }
    await until(() => commands.length >= unanswered);
    await delay(50);
    // What one read from the socket held comes on top.
    expect(commands.length).to.be.below(unanswered + 65_536 / filler.length);
    expect(accepted, 'the rest waits at the application').to.equal(false);
    let answered = 0;
    while (answered < total) {
      for (const { application, command } of commands.splice(0)) {
        if (answered++ % 2 === 0) application.fail(command, 'no');
        else application.answer(command, `x|response|${command.id}|OK`, Buffer.from('INFO'));
      }
      await once(client.socket, 'data');
    }
    client.send('last|ping');
    for (let index = 0; index < total; index++) await client.next();
    expect((await client.next())?.slice(1)).to.deep.equal(['last', 'OK', 'pong']);
  });

  it('reads no more of an application whose messages are large', async () => {
    const { client } = await connected();
    const large = `9|sip||\r\n`.padEnd(CONTROL_LIMITS.frame, 'x');
    for (let index = 0; index < 200; index++) client.send(large);
    await until(() => commands.length * large.length >= CONTROL_LIMITS.unansweredBytes);
    await delay(50);
    expect(commands.length * large.length).to.be.below(CONTROL_LIMITS.unansweredBytes + 3 * large.length);
  });
});
