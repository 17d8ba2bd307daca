import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { isResponse, rawRequest } from '../../../doubles/raw-sip-client.ts';
import type { RawSipClient } from '../../../doubles/raw-sip-client.ts';
import { deferred, until } from '../../running-engine.ts';
import { controlExchange } from '../control-exchange.ts';
import type { Row } from '../row.ts';
import type { Site } from '../site.ts';
import { newApplication, outcome } from '../srf.ts';

const URI = 'sip:alice@example.test';

/** The status a peer gets for a MESSAGE. */
async function messageStatus(peer: RawSipClient): Promise<string> {
  peer.send(rawRequest({ method: 'MESSAGE', uri: URI, client: peer }));
  const { status } = await peer.nextMessage((message) => message.status >= 200);
  return String(status);
}

/** A relay before the control port, whose connections the row may cut. */
async function relay(site: Site): Promise<{ port: number; cut: () => void; close: () => void }> {
  const sockets = new Set<Socket>();
  const { host, port } = site.server.control;
  const server = createServer((socket) => {
    const onward = connect(port, host);
    for (const each of [socket, onward]) {
      sockets.add(each);
      each.on('error', () => undefined);
    }
    socket.pipe(onward).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cut,
    close: () => {
      cut();
      server.close();
    },
  };
}

/** Connecting, and the commands that are not SIP. */
export const CONNECTING: readonly Row[] = [
  {
    call: "srf.connect({ host, port, secret }): 'connect' tells what the server listens on",
    play: async (site) => {
      await site.application();
      const listed = site.hostPorts.split(',').map((each) => /^(\w+)\/127\.0\.0\.1:\d+$/.exec(each)?.[1]);
      return {
        farEnd: [],
        application: listed.filter((each) => each === 'udp' || each === 'tcp').sort(),
      };
    },
    seen: { farEnd: [], application: ['tcp', 'udp'] },
  },
  {
    call: 'srf.connect with a wrong secret',
    play: async (site) => ({
      farEnd: [],
      application: [await outcome(site.application({}, { secret: 'wrong' }))],
    }),
    seen: { farEnd: [], application: ['failed to authenticate to server'] },
  },
  {
    call: "new Srf(['tag', …]).connect: requests are shared among all, whatever their tags",
    play: async (site) => {
      const handed: string[] = [];
      for (const tag of ['red', 'blue']) {
        await site.application(
          {
            MESSAGE: (_request, response) => {
              handed.push(tag);
              response.send(200);
            },
          },
          { tags: [tag, 'x@y:1_2+3-4'] },
        );
      }
      const peer = await site.peer();
      const farEnd = [await messageStatus(peer), await messageStatus(peer)];
      // A drachtio-server gives the turns of applications that are gone to the next ones.
      for (let more = 0; more < 4 && new Set(handed).size < 2; more++) await messageStatus(peer);
      return { farEnd, application: [...new Set(handed)].sort() };
    },
    seen: { farEnd: ['200', '200'], application: ['blue', 'red'] },
  },
  {
    call: 'srf.connect({ tls }) to a port without TLS: an error, no hang',
    play: async (site) => {
      const application = newApplication();
      const failed = deferred<string>();
      application.on('error', () => failed.resolve('error'));
      application.on('close', () => failed.resolve('error'));
      const { control, secret } = site.server;
      const tls = { rejectUnauthorized: false };
      application.connect({ ...control, secret, tls, reconnect: { maxAttempts: 1 } });
      return { farEnd: [], application: [await failed.promise] };
    },
    seen: { farEnd: [], application: ['error'] },
  },
  {
    call: 'srf.connect({ reconnect }): an application whose connection was cut is served again',
    play: async (site) => {
      const between = await relay(site);
      try {
        const connected: unknown[] = [];
        const application = await site.application(
          { MESSAGE: (_request, response) => response.send(200) },
          { port: between.port, host: '127.0.0.1', reconnect: { retryMaxDelay: 50 } },
        );
        application.on('connect', (error) => connected.push(error));
        const peer = await site.peer();
        const before = await messageStatus(peer);
        between.cut();
        await until(() => connected.length === 1);
        await site.settled(application);
        const farEnd = [before, await messageStatus(peer)];
        await site.disconnect(application);
        return { farEnd, application: [String(connected[0])] };
      } finally {
        between.close();
      }
    },
    seen: { farEnd: ['200', '200'], application: ['null'] },
  },
  {
    call: 'srf.unregisterForMessages, srf.reregisterForMessages',
    play: async (site) => {
      const application = await site.application({
        MESSAGE: (_request, response) => response.send(200),
        INFO: (_request, response) => response.send(200),
      });
      const peer = await site.peer();
      const farEnd = [await messageStatus(peer)];
      application.unregisterForMessages('message');
      await site.settled(application);
      farEnd.push(await messageStatus(peer));
      application.reregisterForMessages('message');
      await site.settled(application);
      farEnd.push(await messageStatus(peer));
      return { farEnd, application: [] };
    },
    seen: { farEnd: ['200', '405', '200'], application: [] },
    drachtioServer: {
      why: 'it answers 503 where no application wants the method',
      seen: { farEnd: ['200', '503', '200'], application: [] },
    },
  },
  {
    call: 'srf.use after connecting: every route is sent again',
    play: async (site) => {
      const application = await site.application({ INFO: (_request, response) => response.send(200) });
      application.use('message', (_request, response) => response.send(202));
      await site.settled(application);
      return { farEnd: [await messageStatus(await site.peer())], application: [] };
    },
    seen: { farEnd: ['202'], application: [] },
  },
  {
    call: 'srf.connect({ enablePing }): ping is answered',
    play: async (site) => ({ farEnd: [], application: await controlExchange(site.server, ['ping']) }),
    seen: { farEnd: [], application: ['OK|pong'] },
  },
  {
    call: 'srf.disconnect: what comes then is for others, or refused',
    play: async (site) => {
      const application = await site.application({ MESSAGE: (_request, response) => response.send(200) });
      const peer = await site.peer();
      const farEnd = [await messageStatus(peer)];
      await site.disconnect(application);
      peer.send(rawRequest({ method: 'MESSAGE', uri: URI, client: peer }));
      farEnd.push(String((await peer.nextMessage(isResponse(503))).status));
      return { farEnd, application: [] };
    },
    seen: { farEnd: ['200', '503'], application: [] },
  },
];
