import { once } from 'node:events';
import { expect } from 'chai';
import { silentLogger } from '../../../src/core/logger.ts';
import type { LogFields } from '../../../src/core/logger.ts';
import { noMetrics } from '../../../src/core/metrics.ts';
import type { Application, SipCommand } from '../../../src/engine/control/application.ts';
import { ControlServer } from '../../../src/engine/control/control-server.ts';
import { CONTROL_LIMITS } from '../../../src/engine/control/limits.ts';
import { FakeClock } from '../../doubles/fake-clock.ts';
import { ControlClient } from './control-client.ts';

describe('the control port', () => {
  let clock: FakeClock;
  let server: ControlServer;
  let port: number;
  let clients: ControlClient[];
  let gone: Application[];
  let commands: { application: Application; command: SipCommand }[];
  let logged: LogFields[];

  beforeEach(async () => {
    clock = new FakeClock();
    clients = [];
    gone = [];
    commands = [];
    logged = [];
    let ids = 0;
    server = new ControlServer({
      secret: 'right',
      clock,
      logger: { ...silentLogger, info: (fields) => logged.push(fields) },
      metrics: noMetrics,
      nextId: () => `id${ids++}`,
      sip: (application, command) => commands.push({ application, command }),
      gone: (application) => gone.push(application),
    });
    ({ port } = await server.listen(
      { port: 0 },
      () => 'tcp/203.0.113.7:5060,udp/127.0.0.1:5060',
      () => 'tcp/127.0.0.1:5060,udp/127.0.0.1:5060',
    ));
  });

  afterEach(async () => {
    for (const { socket } of clients) socket.destroy();
    await server.close();
    expect(clock.pendingTimers, 'timers left').to.equal(0);
  });

  function client(): ControlClient {
    const made = new ControlClient(port);
    clients.push(made);
    return made;
  }

  async function authenticated(...verbs: string[]): Promise<ControlClient> {
    const made = client();
    made.send('1|authenticate|right|tag');
    await made.next();
    for (const verb of verbs) {
      made.send(`2|route|${verb}`);
      await made.next();
    }
    return made;
  }

  it('authenticates with the secret and says where peers reach it, and what that is bound to', async () => {
    const app = client();
    app.send('42|authenticate|right|');
    const [advertised, bound] = [
      'tcp/203.0.113.7:5060,udp/127.0.0.1:5060',
      'tcp/127.0.0.1:5060,udp/127.0.0.1:5060',
    ];
    expect(await app.next()).to.deep.equal(['response', '42', 'OK', advertised, 'v0.9.10', bound]);
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

  it('keeps the tags an application has, and tells them in the log', async () => {
    const app = client();
    app.send('1|authenticate|right|red,blue');
    await app.next();
    app.send('2|route|message');
    await app.next();
    expect(server.next('message')?.tags).to.deep.equal(['red', 'blue']);
    expect(logged).to.deep.include({ application: server.next('message')?.name, tags: ['red', 'blue'] });
  });

  it('authenticates again who is authenticated, by the same rule', async () => {
    const app = await authenticated('message');
    app.send('8|authenticate|right|');
    expect((await app.next())?.slice(1, 3)).to.deep.equal(['8', 'OK']);
    app.send('9|authenticate|wrong|');
    expect((await app.next())?.slice(1, 3)).to.deep.equal(['9', 'NO']);
    expect(await app.next()).to.equal(undefined);
  });

  it('answers NOK to call records, to more routes than there is room for, and to a frame that is too long', async () => {
    const app = await authenticated();
    const answered = async (command: string): Promise<string[] | undefined> => {
      app.send(command);
      return (await app.next())?.slice(1);
    };
    for (const verb of ['cdr:attempt', 'cdr:start', 'cdr:stop']) {
      expect(await answered(`5|route|${verb}`)).to.deep.equal(['5', 'NOK', 'call records are not supported']);
    }
    expect(server.verbs.size).to.equal(0);
    for (let index = 0; index < CONTROL_LIMITS.routes; index++) {
      expect(await answered(`6|route|verb${index}`)).to.deep.equal(['6', 'OK']);
    }
    expect(await answered('7|route|one-more')).to.deep.equal(['7', 'NOK', 'too many routes']);
    expect(await answered('7|route|verb0'), 'one that it has').to.deep.equal(['7', 'OK']);

    const longest = `8|sip||\r\n`.padEnd(CONTROL_LIMITS.frame, 'x');
    app.send(longest);
    expect(await answered(`${longest}x`)).to.deep.equal(['8', 'NOK', 'message is too long']);
    expect(commands.map(({ command }) => command.message.length)).to.deep.equal([longest.length - 9]);
    expect(await answered('9|ping')).to.deep.equal(['9', 'OK', 'pong']);
  });

  it('takes no long frame before the secret', async () => {
    const app = client();
    app.send('8|sip||\r\n'.padEnd(CONTROL_LIMITS.frame + 1, 'x'));
    expect((await app.next())?.slice(1, 3)).to.deep.equal(['8', 'NO']);
    expect(await app.next()).to.equal(undefined);
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
    app.socket.write('1234567#');
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

  it('takes no more connections than it has room for', async () => {
    for (let index = 0; index < CONTROL_LIMITS.connections; index++) {
      await once(client().socket, 'connect');
    }
    const turnedAway = client();
    expect(await turnedAway.next()).to.equal(undefined);
    expect(clients[0]?.closed).to.equal(false);
  });
});
