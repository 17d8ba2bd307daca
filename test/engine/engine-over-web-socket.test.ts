import { expect } from 'chai';
import type { RawMessage, RawSipClient } from '../doubles/raw-sip-client.ts';
import {
  contactOf,
  isRequest,
  isResponse,
  rawInDialog,
  rawRequest,
  rawResponse,
} from '../doubles/raw-sip-client.ts';
import { responseTo } from './application.ts';
import type { SrfApplication, SrfDialog, SrfRequest } from './application.ts';
import { RunningEngine, SDP, deferred } from './running-engine.ts';

/** A call a WebSocket client made, which an application answered. */
interface Call {
  readonly client: RawSipClient;
  readonly invite: Buffer;
  readonly accepted: RawMessage;
  readonly dialog: SrfDialog;
  readonly request: SrfRequest;
}

describe('the engine over WebSockets, under drachtio-srf', () => {
  let running: RunningEngine;

  beforeEach(async () => {
    running = await RunningEngine.start();
    await running.attachWebSockets();
  });

  afterEach(() => running.close());

  async function answeredCall(contact?: string): Promise<Call> {
    const dialog = deferred<SrfDialog>();
    const shown = deferred<SrfRequest>();
    const application: SrfApplication = await running.application({
      INVITE: (request, response) => {
        shown.resolve(request);
        void application.createUAS(request, response, { localSdp: SDP }).then(dialog.resolve);
      },
    });
    const client = await running.peer('ws');
    const invite = rawRequest({
      method: 'INVITE',
      uri: 'sip:bob@example.test',
      client,
      headers: [contact ?? contactOf(client), 'Content-Type: application/sdp'],
      body: SDP,
    });
    client.send(invite);
    const accepted = await client.nextMessage(isResponse(200, 'INVITE'));
    client.send(rawInDialog(client, 'ACK', { request: invite, response: accepted }, 1));
    return { client, invite, accepted, dialog: await dialog.promise, request: await shown.promise };
  }

  it('tells applications where WebSockets are taken', () => {
    expect(running.engine.sip.map(({ protocol }) => protocol)).to.deep.equal(['udp', 'tcp', 'ws']);
  });

  it('answers an INVITE over the connection it came by, and says how it is reached', async () => {
    const { client, accepted, request } = await answeredCall();
    expect(request.protocol).to.equal('ws');
    expect(request.source_address).to.equal('127.0.0.1');
    expect(request.source_port).to.equal(client.port);
    expect(request.receivedOn).to.equal(`127.0.0.1:${running.port('ws')}`);
    expect(accepted.header('Via')).to.match(
      new RegExp(`^SIP/2.0/WS ${client.sentBy};branch=\\S+;rport=${client.port};received=127.0.0.1$`),
    );
    expect(accepted.header('Contact')).to.equal(`<sip:127.0.0.1:${running.port('ws')};transport=ws>`);
  });

  it('takes a message whose Content-Length is left out, and keep-alives between', async () => {
    const application = await running.application({
      MESSAGE: (request, response) => response.send(200, { headers: { 'X-Echo': request.body ?? '' } }),
    });
    const client = await running.peer('ws');
    client.send('\r\n\r\n');
    const bytes = rawRequest({
      method: 'MESSAGE',
      uri: 'sip:a@example.test',
      client,
      headers: ['Content-Type: text/plain'],
      body: 'all of it',
    });
    client.send(bytes.toString().replace(/Content-Length: \d+\r\n/, ''));
    expect((await client.nextMessage(isResponse(200))).header('X-Echo')).to.equal('all of it');
    expect(client.received[0]?.text, 'the answer to the ping').to.equal('\r\n');
    expect(application).to.not.equal(undefined);
  });

  for (const [what, contact] of [
    ['has no name', undefined],
    ['has an address of no one', 'Contact: <sip:peer@192.0.2.7:5070;transport=ws>'],
    ['is secure', 'Contact: <sips:peer@abc.invalid;transport=ws>'],
    ['forgot its transport', 'Contact: <sip:peer@192.168.77.5:5060>'],
  ] as const) {
    it(`sends requests in a dialog over the client’s connection when its Contact ${what}`, async () => {
      const { client, dialog } = await answeredCall(contact);
      const modified = dialog.modify(SDP);
      const reinvite = await client.nextMessage(isRequest('INVITE'));
      expect(reinvite.header('Via')).to.match(/^SIP\/2\.0\/WS 127\.0\.0\.1:\d+;branch=/);
      expect(reinvite.header('Contact')).to.equal(`<sip:127.0.0.1:${running.port('ws')};transport=ws>`);
      client.send(
        rawResponse(reinvite, 200, 'OK', {
          headers: [contact ?? contactOf(client), 'Content-Type: application/sdp'],
          body: SDP,
        }),
      );
      await modified;
      await client.nextMessage(isRequest('ACK'));
      const destroyed = dialog.destroy();
      const bye = await client.nextMessage(isRequest('BYE'));
      client.send(rawResponse(bye, 200, 'OK'));
      expect((await destroyed).method).to.equal('BYE');
    });
  }

  it('notifies a subscriber over its connection', async () => {
    const dialog = deferred<SrfDialog>();
    const application: SrfApplication = await running.application({
      SUBSCRIBE: (request, response) => {
        void application.createUAS(request, response, { headers: { Expires: '600' } }).then(dialog.resolve);
      },
    });
    const client = await running.peer('ws');
    client.send(
      rawRequest({
        method: 'SUBSCRIBE',
        uri: 'sip:alice@example.test',
        client,
        headers: [contactOf(client), 'Event: message-summary', 'Expires: 600'],
      }),
    );
    await client.nextMessage(isResponse(202, 'SUBSCRIBE'));
    const notified = (await dialog.promise).request({
      method: 'NOTIFY',
      headers: { Event: 'message-summary', 'Subscription-State': 'active;expires=600' },
    });
    const notify = await client.nextMessage(isRequest('NOTIFY'));
    client.send(rawResponse(notify, 200, 'OK'));
    expect((await notified).status).to.equal(200);
  });

  it('says 503 of a request in a dialog whose connection is gone', async () => {
    const { client, dialog } = await answeredCall();
    await client.disconnect();
    const response = await dialog.request({ method: 'INFO' });
    expect(response.status).to.equal(503);
    expect((await dialog.destroy()).method).to.equal('BYE');
  });

  it('follows a client that comes back by another connection', async () => {
    const { client, invite, accepted, dialog } = await answeredCall();
    await client.disconnect();
    const again = await running.peer('ws');
    again.send(
      rawInDialog(again, 'INVITE', { request: invite, response: accepted }, 2, {
        headers: [contactOf(again), 'Content-Type: application/sdp'],
        body: SDP,
      }),
    );
    await again.nextMessage((message) => message.status >= 200);
    void dialog.request({ method: 'INFO' });
    const info = await again.nextMessage(isRequest('INFO'));
    again.send(rawResponse(info, 200, 'OK'));
  });

  it('sends a request outside of dialogs to a client that is connected, and to no other', async () => {
    const application = await running.application();
    const client = await running.peer('ws');
    const asked = application.request(`sip:peer@127.0.0.1:${client.port};transport=ws`, {
      method: 'MESSAGE',
      headers: { 'Content-Type': 'text/plain' },
      body: 'hello 🙂',
    });
    const message = await client.nextMessage(isRequest('MESSAGE'));
    expect(message.body.toString()).to.equal('hello 🙂');
    client.send(rawResponse(message, 200, 'OK'));
    expect((await responseTo(await asked)).status).to.equal(200);
    for (const uri of ['sip:a@127.0.0.1:9;transport=ws', 'sip:a@x.invalid', 'sip:a@localhost;transport=ws']) {
      const refused = await responseTo(await application.request(uri, { method: 'OPTIONS' }));
      expect(refused.status, uri).to.equal(503);
    }
  });

  it('answers what is no SIP, and goes on', async () => {
    await running.application({ MESSAGE: (_request, response) => response.send(200) });
    const client = await running.peer('ws');
    client.send('hello there');
    const good = rawRequest({ method: 'MESSAGE', uri: 'sip:a@example.test', client });
    client.send(good.toString().replace('CSeq: 1 MESSAGE', 'CSeq: one'));
    await client.nextMessage(isResponse(400));
    client.send(rawRequest({ method: 'MESSAGE', uri: 'sip:a@example.test', client }));
    await client.nextMessage(isResponse(200));
  });
});
