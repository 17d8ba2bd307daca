import { expect } from 'chai';
import { startEngine } from '../../src/engine/engine.ts';
import type { Engine, TlsSettings } from '../../src/engine/engine.ts';
import { certified } from '../doubles/certificates.ts';
import type { Certified } from '../doubles/certificates.ts';
import {
  RawSipClient,
  contactOf,
  isRequest,
  isResponse,
  rawInDialog,
  rawRequest,
  rawResponse,
} from '../doubles/raw-sip-client.ts';
import { connectApplication, responseTo } from './application.ts';
import type { Handlers, SrfApplication, SrfDialog, SrfResponse } from './application.ts';
import { SDP, SECRET, deferred } from './running-engine.ts';

const URI = 'sip:alice@example.test';

describe('the engine over TLS', () => {
  let own: Certified;
  let engine: Engine;
  const applications: SrfApplication[] = [];
  const peers: RawSipClient[] = [];

  before(async () => {
    own = await certified({ dns: 'localhost', ip: '127.0.0.1' });
  });

  const start = async (settings: Partial<TlsSettings> = {}): Promise<void> => {
    engine = await startEngine({
      listen: (['udp', 'tcp', 'tls'] as const).map((protocol) => ({ protocol, host: '127.0.0.1', port: 0 })),
      // The one certificate is everybody's, and vouches for itself.
      tls: { ...own, ca: own.cert, ...settings },
      control: { host: '127.0.0.1', port: 0 },
      secret: SECRET,
    });
  };

  const port = (protocol: string): number => engine.sip.find((each) => each.protocol === protocol)?.port ?? 0;

  const application = async (handlers: Handlers = {}): Promise<SrfApplication> => {
    const connected = await connectApplication(engine.control, SECRET, handlers);
    applications.push(connected);
    return connected;
  };

  const adopt = (peer: RawSipClient): RawSipClient => {
    peers.push(peer);
    return peer;
  };
  const phone = async (): Promise<RawSipClient> => adopt(await RawSipClient.connect('tls', port('tls')));
  const proxy = async (identity = own): Promise<RawSipClient> => adopt(await RawSipClient.listen(identity));

  afterEach(async () => {
    for (const each of applications.splice(0)) each.disconnect();
    await Promise.all(peers.splice(0).map((peer) => peer.close()));
    await engine.close();
  });

  it('takes a MESSAGE and answers it; the application is told of TLS', async () => {
    await start();
    const protocols: string[] = [];
    await application({
      MESSAGE: (request, response) => {
        protocols.push(request.protocol);
        response.send(200);
      },
    });
    const peer = await phone();
    peer.send(rawRequest({ method: 'MESSAGE', uri: URI, client: peer, body: 'hi' }));
    const response = await peer.nextMessage(isResponse(200));
    expect(response.header('Via')).to.match(/^SIP\/2\.0\/TLS /);
    expect(protocols).to.deep.equal(['tls']);
  });

  for (const [scheme, contact] of [
    ['sip', /^<sip:127\.0\.0\.1:\d+;transport=tls>$/],
    ['sips', /^<sips:127\.0\.0\.1:\d+>$/],
  ] as const) {
    it(`answers a call to ${scheme} with a Contact that leads back over TLS, and ends it there`, async () => {
      await start();
      const opened = deferred<SrfDialog>();
      const app = await application({
        INVITE: (request, response) =>
          void app.createUAS(request, response, { localSdp: SDP }).then(opened.resolve),
      });
      const peer = await phone();
      const uri = `${scheme}:alice@example.test`;
      const invite = rawRequest({
        method: 'INVITE',
        uri,
        client: peer,
        headers: [contactOf(peer)],
        body: SDP,
      });
      peer.send(invite);
      const response = await peer.nextMessage(isResponse(200));
      expect(response.header('Contact')).to.match(contact);
      peer.send(rawInDialog(peer, 'ACK', { request: invite, response }, 1));
      const over = (await opened.promise).destroy();
      const bye = await peer.nextMessage(isRequest('BYE'));
      expect(bye.header('Via')).to.match(/^SIP\/2\.0\/TLS 127\.0\.0\.1:/);
      peer.send(rawResponse(bye, 200, 'OK'));
      await over;
    });
  }

  it('sends over TLS what is for transport=tls or sips, many requests over one connection', async () => {
    await start();
    const app = await application();
    const peer = await proxy();
    const send = (uri: string): Promise<SrfResponse> =>
      app.request(uri, { method: 'SUBSCRIBE', headers: { Event: 'presence' } }).then(responseTo);
    const uris = [
      `sip:bob@127.0.0.1:${peer.port};transport=tls`,
      `sip:bob@localhost:${peer.port};transport=tls`,
      `sips:bob@localhost:${peer.port}`,
    ];
    const answers = uris.flatMap((uri) => [send(uri), send(uri)]);
    const contacts: Record<string, string> = {};
    let answered = 0;
    while (answered < uris.length * 2) {
      const request = await peer.nextMessage(isRequest('SUBSCRIBE'));
      expect(request.header('Via')).to.match(/^SIP\/2\.0\/TLS 127\.0\.0\.1:/);
      contacts[/ (\w+):/.exec(request.startLine)?.[1] ?? ''] = request.header('Contact');
      peer.send(rawResponse(request, 404, 'Not Found'));
      answered++;
    }
    for (const { status } of await Promise.all(answers)) expect(status).to.equal(404);
    const here = `127.0.0.1:${port('tls')}`;
    expect(contacts).to.deep.equal({ sip: `<sip:${here};transport=tls>`, sips: `<sips:${here}>` });
    expect(peer.connections).to.equal(2);
  });

  it('sends nothing to who does not prove its name', async () => {
    await start();
    const app = await application();
    const impostor = await proxy(await certified({ dns: 'localhost' }));
    const answer = await responseTo(
      await app.request(`sip:bob@localhost:${impostor.port};transport=tls`, { method: 'OPTIONS' }),
    );
    expect(answer.status).to.equal(503);
    expect(impostor.received).to.deep.equal([]);
  });

  it('sends nothing that is sips in the clear, though there is a connection in the clear to its dialog', async () => {
    await start();
    const opened = deferred<SrfDialog>();
    const app = await application({
      INVITE: (request, response) =>
        void app.createUAS(request, response, { localSdp: SDP }).then(opened.resolve),
    });
    const peer = adopt(await RawSipClient.connect('tcp', port('tcp')));
    const headers = ['Contact: <sips:bob@127.0.0.1:1>'];
    const invite = rawRequest({ method: 'INVITE', uri: URI, client: peer, headers, body: SDP });
    peer.send(invite);
    const response = await peer.nextMessage(isResponse(200));
    peer.send(rawInDialog(peer, 'ACK', { request: invite, response }, 1));
    const refused = await (await opened.promise).request({ method: 'INFO' });
    expect(refused.status).to.equal(503);
    expect(peer.received.filter(({ method }) => method !== '')).to.deep.equal([]);
  });

  it('answers over a new TLS connection when the one the request came by is gone (RFC 3261 §18.2.2)', async () => {
    await start();
    const answer = deferred<SrfResponse>();
    await application({ MESSAGE: (_request, response) => answer.resolve(response) });
    const [listener, sender] = [await proxy(), await phone()];
    sender.send(rawRequest({ method: 'MESSAGE', uri: URI, client: listener }));
    const response = await answer.promise;
    await sender.disconnect();
    response.send(200);
    await listener.nextMessage(isResponse(200));
  });

  it('shows another certificate from one moment to the next, and calls go on', async () => {
    await start();
    await application({ MESSAGE: (_request, response) => response.send(200) });
    const [before, other] = [await phone(), await certified({ ip: '127.0.0.1' })];
    engine.renewCertificate({ ...other, ca: other.cert });
    for (const peer of [before, await phone(), before]) {
      peer.send(rawRequest({ method: 'MESSAGE', uri: URI, client: peer }));
      await peer.nextMessage(isResponse(200));
    }
    expect(() => engine.renewCertificate({ cert: own.cert, key: other.key })).to.throw();
  });
});
