import { expect } from 'chai';
import {
  contactOf,
  isRequest,
  isResponse,
  rawInDialog,
  rawRequest,
  rawResponse,
} from '../../doubles/raw-sip-client.ts';
import type { RawMessage, RawSipClient } from '../../doubles/raw-sip-client.ts';
import type { SrfDialog, SrfRequest } from '../application.ts';
import { RunningEngine, SDP, deferred } from '../running-engine.ts';

const URI = 'sip:alice@example.test';

/** What of a request says its way. */
function wayOf(message: RawMessage): readonly string[] {
  return [message.startLine.split(' ')[1] ?? '', ...message.headers('Route').join(', ').split(/,\s*/)];
}

describe('routes over several proxies, on the wire (RFC 3261 §12, §16.4)', () => {
  let running: RunningEngine;

  beforeEach(async () => {
    running = await RunningEngine.start();
  });

  afterEach(() => running.close());

  /** A call that came over proxies which recorded themselves so, the nearest first. */
  async function called(phone: RawSipClient, recorded: readonly string[]): Promise<SrfDialog> {
    const opened = deferred<SrfDialog>();
    const app = await running.application({
      INVITE: (request, response) => {
        void app.createUAS(request, response, { localSdp: SDP }).then(opened.resolve);
      },
    });
    const headers = [contactOf(phone), ...recorded.map((each) => `Record-Route: ${each}`)];
    const invite = rawRequest({ method: 'INVITE', uri: URI, client: phone, headers });
    phone.send(invite);
    const response = await phone.nextMessage(isResponse(200));
    expect(response.headers('Record-Route').join(', ')).to.equal(recorded.join(', '));
    phone.send(rawInDialog(phone, 'ACK', { request: invite, response }, 1));
    return await opened.promise;
  }

  async function waysOfBye(recorded: (port: number) => readonly string[]): Promise<readonly string[]> {
    const [proxy, phone] = [await running.peer(), await running.peer()];
    const dialog = await called(phone, recorded(proxy.port));
    const over = dialog.destroy();
    const bye = await proxy.nextMessage(isRequest('BYE'));
    proxy.send(rawResponse(bye, 200, 'OK'));
    await over;
    return wayOf(bye).map((each) =>
      each.replaceAll(String(proxy.port), 'PROXY').replaceAll(String(phone.port), 'PHONE'),
    );
  }

  it('three loose routers: all stand in Route, and the Request-URI is the Contact', async () => {
    const ways = await waysOfBye((port) => [
      `<sip:127.0.0.1:${port};lr>, <sip:p2.test;lr>`,
      '<sip:p3.test;lr;x="a,b">',
    ]);
    expect(ways.join(', ')).to.equal(
      'sip:peer@127.0.0.1:PHONE, <sip:127.0.0.1:PROXY;lr>, <sip:p2.test;lr>, <sip:p3.test;lr;x="a, b">',
    );
  });

  it('a strict router first: it is the Request-URI, and the Contact the last Route', async () => {
    expect(await waysOfBye((port) => [`<sip:127.0.0.1:${port}>, <sip:p2.test;lr>`])).to.deep.equal([
      'sip:127.0.0.1:PROXY',
      '<sip:p2.test;lr>',
      '<sip:peer@127.0.0.1:PHONE>',
    ]);
  });

  it('a strict router later: the loose one before it does what is to be done', async () => {
    expect(await waysOfBye((port) => [`<sip:127.0.0.1:${port};lr>, <sip:old.test>`])).to.deep.equal([
      'sip:peer@127.0.0.1:PHONE',
      '<sip:127.0.0.1:PROXY;lr>',
      '<sip:old.test>',
    ]);
  });

  it('of a call of ours: the recorded route backwards, in ACK and BYE', async () => {
    const app = await running.application();
    const [proxy, callee] = [await running.peer(), await running.peer()];
    const calling = app.createUAC(`sip:bob@127.0.0.1:${proxy.port}`, { localSdp: SDP });
    const invite = await proxy.nextMessage(isRequest('INVITE'));
    const recorded = `Record-Route: <sip:far.test;lr>, <sip:127.0.0.1:${proxy.port};lr>`;
    const answer = rawResponse(invite, 200, 'OK', { tag: 'b', headers: [recorded, contactOf(callee)] });
    proxy.send(answer);
    const dialog = await calling;
    const expected = [
      `sip:peer@127.0.0.1:${callee.port}`,
      `<sip:127.0.0.1:${proxy.port};lr>`,
      '<sip:far.test;lr>',
    ];
    expect(wayOf(await proxy.nextMessage(isRequest('ACK')))).to.deep.equal(expected);
    const over = dialog.destroy();
    const bye = await proxy.nextMessage(isRequest('BYE'));
    expect(wayOf(bye)).to.deep.equal(expected);
    proxy.send(rawResponse(bye, 200, 'OK'));
    await over;
  });

  it('what comes over a strict router is shown with its own Request-URI, and without our Route values', async () => {
    const came = deferred<SrfRequest>();
    await running.application({
      MESSAGE: (request, response) => {
        came.resolve(request);
        response.send(200);
      },
    });
    const proxy = await running.peer();
    const ours = `sip:127.0.0.1:${running.port('udp')};lr`;
    const headers = [`Route: <${ours}>, <sip:p2.test;lr>`, `Route: <${URI}>`];
    proxy.send(rawRequest({ method: 'MESSAGE', uri: ours, to: `<${URI}>`, client: proxy, headers }));
    await proxy.nextMessage(isResponse(200));
    const request = await came.promise;
    expect(request.uri).to.equal(URI);
    expect(request.get('Route')).to.equal('<sip:p2.test;lr>');
  });
});
