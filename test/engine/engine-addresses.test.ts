import { expect } from 'chai';
import { once } from 'node:events';
import { connect } from 'node:net';
import { startEngine } from '../../src/engine/engine.ts';
import type { Engine, ListenAddress } from '../../src/engine/engine.ts';
import { RawSipClient, isRequest, isResponse, rawRequest, rawResponse } from '../doubles/raw-sip-client.ts';
import type { RawMessage, RawProtocol } from '../doubles/raw-sip-client.ts';
import { connectApplication } from './application.ts';
import type { Handlers, SrfApplication } from './application.ts';
import { SDP, SECRET, until } from './running-engine.ts';

const URI = 'sip:alice@example.test';
const UDP = { protocol: 'udp', host: '127.0.0.1', port: 0 } as const;
const TCP = { protocol: 'tcp', host: '127.0.0.1', port: 0 } as const;

describe('what the engine says of itself', () => {
  let engine: Engine;
  let app: SrfApplication | undefined;
  const peers: RawSipClient[] = [];

  const start = async (
    listen: readonly ListenAddress[],
    handlers: Handlers = {},
  ): Promise<SrfApplication> => {
    engine = await startEngine({
      listen,
      control: { host: '127.0.0.1', port: 0 },
      secret: SECRET,
    });
    app = await connectApplication(engine.control, SECRET, handlers);
    return app;
  };

  afterEach(async () => {
    app?.disconnect();
    await Promise.all(peers.splice(0).map((peer) => peer.close()));
    await engine.close();
  });

  const port = (protocol: string): number => engine.sip.find((each) => each.protocol === protocol)?.port ?? 0;

  const adopt = (peer: RawSipClient): RawSipClient => {
    peers.push(peer);
    return peer;
  };

  const call = async (protocol: RawProtocol): Promise<RawSipClient> =>
    adopt(await RawSipClient.connect(protocol, port(protocol)));

  describe('behind a NAT', () => {
    const outside = (each: ListenAddress): ListenAddress => ({
      ...each,
      advertised: { host: '203.0.113.7', port: 5070 },
    });

    it('takes what is for the advertised address, in Request-URI, Route and To', async () => {
      await start([outside(UDP), outside(TCP)], { MESSAGE: (_request, response) => response.send(200) });
      for (const protocol of ['udp', 'tcp'] as const) {
        const peer = await call(protocol);
        const uri = `sip:203.0.113.7:5070;transport=${protocol}`;
        const headers = [`Route: <sip:203.0.113.7:5070;transport=${protocol};lr>`];
        peer.send(rawRequest({ method: 'MESSAGE', uri, client: peer, headers }));
        await peer.nextMessage(isResponse(200));
      }
    });

    it('is still told by its bound address to peers within, and reached by it', async () => {
      const connected = await start([outside(UDP)], {
        INVITE: (request, response) => {
          void connected.createUAS(request, response, { localSdp: SDP });
        },
      });
      const peer = await call('udp');
      peer.send(
        rawRequest({
          method: 'INVITE',
          uri: URI,
          client: peer,
          body: SDP,
          headers: ['Contact: <sip:a@127.0.0.1>'],
        }),
      );
      const response = await peer.nextMessage(isResponse(200));
      expect(response.header('Contact')).to.equal(`<sip:127.0.0.1:${port('udp')}>`);
    });

    it('tells applications both, the advertised one first', async () => {
      await start([outside(UDP)]);
      const control = connect(engine.control.port, engine.control.host);
      const frame = `1|authenticate|${SECRET}`;
      control.write(`${frame.length}#${frame}`);
      const [answer] = (await once(control, 'data')) as [Buffer];
      control.destroy();
      expect(answer.toString()).to.match(
        new RegExp(`\\|OK\\|udp/203\\.0\\.113\\.7:5070\\|[^|]*\\|udp/127\\.0\\.0\\.1:${port('udp')}$`),
      );
    });

    it('advertises the port it got where none is given', async () => {
      await start([{ ...UDP, advertised: { host: 'sip.example.test', port: 0 } }]);
      expect(engine.sip[0]?.advertised).to.deep.equal({ host: 'sip.example.test', port: port('udp') });
    });
  });

  describe('in a request near the size of a packet (RFC 3261 §18.1.1)', () => {
    /** Sends a MESSAGE that is `size` bytes long over UDP; both answer where it goes. */
    const send = async (size: number): Promise<RawMessage> => {
      const connected = await start([UDP, TCP]);
      const stream = adopt(await RawSipClient.listen());
      const datagrams = adopt(await RawSipClient.connect('udp', port('udp'), stream.port));
      const both = [stream, datagrams];
      const request = async (body: string): Promise<RawMessage> => {
        void connected.request(`sip:bob@127.0.0.1:${stream.port}`, {
          method: 'MESSAGE',
          headers: { 'Content-Type': 'text/plain', 'Call-ID': 'always-the-same', From: '<sip:a@b>;tag=1' },
          body,
        });
        const seen = both.map(({ received }) => received.length);
        await until(() => both.some(({ received }, index) => received.length > (seen[index] ?? 0)));
        const peer = stream.received.length > (seen[0] ?? 0) ? stream : datagrams;
        const came = await peer.nextMessage(isRequest('MESSAGE'));
        peer.send(rawResponse(came, 200, 'OK'));
        return came;
      };
      const probe = await request('x'.repeat(1_000));
      expect(probe.header('Via')).to.match(/^SIP\/2\.0\/UDP /);
      return await request('x'.repeat(1_000 + size - probe.bytes.length));
    };

    it('goes over UDP when it has 1,300 bytes', async () => {
      const request = await send(1_300);
      expect(request.bytes).to.have.length(1_300);
      expect(request.header('Via')).to.match(new RegExp(`^SIP/2\\.0/UDP 127\\.0\\.0\\.1:${port('udp')};`));
    });

    it('goes over TCP when it would have 1,301, and says so', async () => {
      const request = await send(1_301);
      expect(request.header('Via')).to.match(new RegExp(`^SIP/2\\.0/TCP 127\\.0\\.0\\.1:${port('tcp')};`));
    });

    it('says TCP in its Contact too', async () => {
      const connected = await start([UDP, TCP]);
      const stream = adopt(await RawSipClient.listen());
      void connected.request(`sip:bob@127.0.0.1:${stream.port}`, {
        method: 'SUBSCRIBE',
        headers: { Event: 'presence', Subject: 'x'.repeat(1_300) },
      });
      const request = await stream.nextMessage(isRequest('SUBSCRIBE'));
      expect(request.header('Contact')).to.equal(`<sip:127.0.0.1:${port('tcp')};transport=tcp>`);
    });

    it('is answered over UDP, however long the answer is', async () => {
      await start([UDP, TCP], {
        OPTIONS: (_request, response) =>
          response.send(200, { body: 'y'.repeat(20_000), headers: { 'Content-Type': 'text/plain' } }),
      });
      const peer = await call('udp');
      peer.send(rawRequest({ method: 'OPTIONS', uri: URI, client: peer }));
      const response = await peer.nextMessage(isResponse(200));
      expect(response.body).to.have.length(20_000);
    });
  });
});
