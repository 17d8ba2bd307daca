import { expect } from 'chai';
import type { EngineOptions } from '../../../src/engine/engine.ts';
import { UnusableOption } from '../../../src/engine/options.ts';
import { RawSipClient, contactOf, isRequest, rawResponse } from '../../doubles/raw-sip-client.ts';
import { responseTo } from '../application.ts';
import type { SrfApplication } from '../application.ts';
import { RunningEngine, SDP } from '../running-engine.ts';

const BOB = 'sip:bob@example.test';
const TEXT = { 'Content-Type': 'text/plain' };

describe('the outbound proxy (RFC 3261 §8.1.2)', () => {
  let running: RunningEngine | undefined;
  let proxy: RawSipClient;

  afterEach(async () => {
    await running?.close();
    running = undefined;
  });

  /** An engine whose outbound proxy is a TCP listener of the test's, and an application. */
  async function open(params: string): Promise<{ app: SrfApplication; uri: string; engine: RunningEngine }> {
    proxy = await RawSipClient.listen();
    const uri = `sip:127.0.0.1:${proxy.port};transport=tcp${params}`;
    running = await RunningEngine.start(undefined, { outboundProxy: uri });
    running.adopt(proxy);
    const app = await running.application();
    proxy.send(rawResponse(await proxy.nextMessage(isRequest('OPTIONS')), 200, 'OK'));
    return { app, uri, engine: running };
  }

  it('that is a loose router gets the request as it is, with itself in Route', async () => {
    const { app, uri } = await open(';lr');
    const sent = await app.request(BOB, { method: 'MESSAGE', headers: TEXT, body: 'hi' });
    const message = await proxy.nextMessage(isRequest('MESSAGE'));
    expect(message.startLine).to.equal(`MESSAGE ${BOB} SIP/2.0`);
    expect(message.headers('Route')).to.deep.equal([`<${uri}>`]);
    expect(message.header('To')).to.equal(`<${BOB}>`);
    proxy.send(rawResponse(message, 200, 'OK'));
    expect((await responseTo(sent)).status).to.equal(200);
  });

  it('that is a strict router stands in the Request-URI, and the target in Route', async () => {
    const { app, uri } = await open('');
    void app.request(BOB, { method: 'MESSAGE', headers: TEXT, body: 'hi' });
    const message = await proxy.nextMessage(isRequest('MESSAGE'));
    expect(message.startLine).to.equal(`MESSAGE ${uri} SIP/2.0`);
    expect(message.headers('Route')).to.deep.equal([`<${BOB}>`]);
    expect(message.header('To')).to.equal(`<${BOB}>`);
    proxy.send(rawResponse(message, 200, 'OK'));
  });

  it('gets also what is no SIP URI, and no Route an application makes up', async () => {
    const { app, uri } = await open(';lr');
    void app.request('tel:+15550100', { method: 'OPTIONS', headers: { Route: '<sip:evil.test;lr>' } });
    const message = await proxy.nextMessage(isRequest('OPTIONS'));
    expect(message.startLine).to.equal('OPTIONS tel:+15550100 SIP/2.0');
    expect(message.headers('Route')).to.deep.equal([`<${uri}>`]);
    proxy.send(rawResponse(message, 200, 'OK'));
  });

  it('is left out where the application names a proxy or has a route, and within dialogs', async () => {
    const { app, engine } = await open(';lr');
    const hop = await engine.peer();
    const at = `127.0.0.1:${hop.port}`;
    void app.request(BOB, { method: 'MESSAGE', headers: TEXT, body: 'hi', proxy: `sip:${at}` });
    const named = await hop.nextMessage(isRequest('MESSAGE'));
    expect(named.headers('Route')).to.deep.equal([]);
    hop.send(rawResponse(named, 200, 'OK'));
    const own = { To: `<${BOB}>;tag=bob`, From: '<sip:al@example.test>;tag=al' };
    void app.request(BOB, {
      method: 'INFO',
      headers: { ...own, Route: `<sip:${at};lr>, <sip:192.0.2.1;lr>` },
    });
    const routed = await hop.nextMessage(isRequest('INFO'));
    expect(routed.headers('Route').join(', ')).to.equal(`<sip:${at};lr>, <sip:192.0.2.1;lr>`);
    hop.send(rawResponse(routed, 200, 'OK'));
    void app.request(`sip:bob@${at}`, { method: 'INFO', headers: own });
    const direct = await hop.nextMessage(isRequest('INFO'));
    expect(direct.headers('Route')).to.deep.equal([]);
    hop.send(rawResponse(direct, 200, 'OK'));
    expect(proxy.received).to.have.lengthOf(1);
  });

  it('stays out of the route of a dialog it did not record itself in', async () => {
    const { app, engine } = await open(';lr');
    const callee = await engine.peer();
    const calling = app.createUAC(BOB, { localSdp: SDP });
    const invite = await proxy.nextMessage(isRequest('INVITE'));
    proxy.send(rawResponse(invite, 200, 'OK', { tag: 'b', headers: [contactOf(callee)], body: SDP }));
    const dialog = await calling;
    const ack = await callee.nextMessage(isRequest('ACK'));
    expect(ack.headers('Route')).to.deep.equal([]);
    const over = dialog.destroy();
    callee.send(rawResponse(await callee.nextMessage(isRequest('BYE')), 200, 'OK'));
    await over;
  });

  it('and DNS servers that are none: no engine is started', async () => {
    const faulty: Partial<EngineOptions>[] = [{ outboundProxy: 'proxy.test' }, { dnsServers: ['dns.test'] }];
    for (const options of faulty) {
      const failure: unknown = await RunningEngine.start(undefined, options).catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(UnusableOption);
    }
  });
});
