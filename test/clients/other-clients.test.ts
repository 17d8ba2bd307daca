import { expect } from 'chai';
import { RawMsrpServer, msrpResponse } from '../doubles/raw-msrp-client.ts';
import type { SipPhone } from '../doubles/sip-phone.ts';
import {
  ALICE,
  BOB,
  MAILBOX,
  ScriptedSite,
  acknowledge,
  nextWords,
  responseTo,
  script,
} from './scripted-client.ts';

let site: ScriptedSite;
let bob: SipPhone;
let alice: SipPhone;

beforeEach(async () => {
  site = await ScriptedSite.open();
  bob = await site.phone(BOB);
  alice = await site.phone(ALICE);
});

afterEach(async () => await site.close());

describe('msrp-node-lib', () => {
  const own = 'msrp://127.0.0.1:9/nodelib;tcp';

  it('is answered passive and without a direction, with which it would refuse our reports', async () => {
    const { sdp } = await site.call(bob, ALICE, script('node-lib-offer.sdp', { path: own }));
    expect(sdp).to.include('a=setup:passive\r\n');
    expect(sdp).not.to.match(/^a=(sendrecv|recvonly|sendonly|inactive)\r$/m);
  });

  it('has its heartbeats answered and never kept, nor what begins with ?OTR', async () => {
    const call = await site.call(bob, ALICE, script('node-lib-offer.sdp', { path: own }));
    const chat = await site.connect();
    await chat.sendBytes(script('bind.msrp', { to: call.path, from: own, id: 'nodebind' }));
    await nextWords(chat, own);
    await chat.sendBytes(script('node-lib-heartbeat.msrp', { to: call.path, from: own, id: 'heartbeat' }));
    expect((await responseTo(chat, 'heartbeat')).status).to.equal(200);
    // This one wants no answer, and its headers come in an order of their own.
    await chat.sendBytes(script('otr-query.msrp', { to: call.path, from: own, id: 'otrquery' }));
    await chat.sendBytes(script('node-lib-heartbeat.msrp', { to: call.path, from: own, id: 'heartbeat2' }));
    expect((await chat.nextFrame()).transactId).to.equal('heartbeat2');
    expect((await site.fetch(alice)).map(String).join()).to.include('no new texts');
  });
});

describe('a client that insists on the passive role', () => {
  it('is dialled, bound by an empty SEND, and sent nothing more before it answered', async () => {
    const server = await RawMsrpServer.listen();
    const path = `msrp://127.0.0.1:${server.port}/passive;tcp`;
    await bob.message(ALICE, 'for the passive one');
    const { dialog, sdp } = await site.call(
      alice,
      MAILBOX,
      script('plain-offer.sdp', { path, setup: 'passive' }),
    );
    expect(sdp).to.include('a=setup:active\r\n');
    const chat = await server.nextClient();
    const bind = await chat.nextFrame();
    expect([bind.method, bind.header('To-Path'), bind.body.length]).to.deep.equal(['SEND', path, 0]);
    expect(chat.takeFrame()).to.equal(undefined);
    await chat.sendBytes(msrpResponse(bind, '200 OK', path));
    const text = await chat.nextFrame();
    expect(text.body.toString()).to.include('for the passive one');
    await acknowledge(chat, text, path);
    await dialog.next('BYE');
    await server.close();
  });
});

describe('a client behind a relay (RFC 4976)', () => {
  const relay = 'msrps://relay.example.test:9999/aa+bb+cc=;tcp';
  const own = 'msrp://10.0.0.7:2855/be+hind;tcp';

  it('is written to along its whole path, and answered to its first URI alone', async () => {
    const offer = script('plain-offer.sdp', { path: `${relay} ${own}`, setup: 'active' });
    const call = await site.call(bob, ALICE, offer);
    const chat = await site.connect();
    const from = `${relay} ${own}`;
    await chat.sendBytes(script('bind.msrp', { to: call.path, from, id: 'relaybind' }));
    const bound = await chat.nextFrame();
    expect([bound.status, bound.header('To-Path')]).to.deep.equal([200, relay]);
    const greeting = await chat.nextFrame();
    expect(greeting.header('To-Path')).to.equal(from);
    await acknowledge(chat, greeting, own);
    await chat.sendBytes(script('relay-line.msrp', { to: call.path, from, id: 'relayline' }));
    const answer = await responseTo(chat, 'relayline');
    expect([answer.status, answer.header('To-Path')]).to.deep.equal([200, relay]);
    const report = await chat.nextFrame();
    expect([report.method, report.header('To-Path')]).to.deep.equal(['REPORT', from]);
    expect((await site.fetch(alice)).map(String).join()).to.include('from far away');
  });
});
