import { expect } from 'chai';
import { ALICE, BOB, MAILBOX, ScriptedSite, script } from '../clients/scripted-client.ts';
import type { MsrpRelay } from './msrp-relay.ts';
import { startMsrpRelay } from './msrp-relay.ts';
import { RelayedClient } from './relayed-client.ts';
import { requirePeer } from './require-peer.ts';

describe('a client behind the MSRP relay of a real Kamailio', function () {
  this.timeout(30_000);
  requirePeer('kamailio');

  let relay: MsrpRelay;
  let site: ScriptedSite;
  const clients: RelayedClient[] = [];

  before(async () => {
    relay = await startMsrpRelay();
    site = await ScriptedSite.open();
  });

  after(async () => {
    for (const client of clients) client.close();
    await site.close();
    await relay.stop();
  });

  async function client(name: string): Promise<RelayedClient> {
    const opened = await RelayedClient.open(relay.port, name);
    clients.push(opened);
    return opened;
  }

  it('is greeted, has its line kept and reported, and fetches what was left for it', async () => {
    const [bob, alice] = [await site.phone(BOB), await site.phone(ALICE)];
    const caller = await client('caller');
    const offer = script('plain-offer.sdp', { path: caller.path, setup: 'active' });
    const { path } = await site.call(bob, ALICE, offer);
    await caller.send(path, 'callerbind', ['Byte-Range: 1-0/0']);
    const greeting = await caller.nextRequest();
    expect(greeting.body.toString()).to.equal('I am offline but you can type a message');
    expect(greeting.header('To-Path')).to.equal(caller.own);
    await caller.acknowledge(greeting);
    const line = ['Byte-Range: 1-16/16', 'Success-Report: yes', 'Content-Type: text/plain'];
    await caller.send(path, 'callerline', line, 'through the wall');
    const report = await caller.nextRequest();
    expect([report.method, report.header('Message-ID'), report.header('Status')]).to.deep.equal([
      'REPORT',
      'mcallerline',
      '000 200 OK',
    ]);

    const reader = await client('reader');
    const fetching = script('plain-offer.sdp', { path: reader.path, setup: 'active' });
    const call = await site.call(alice, MAILBOX, fetching);
    await reader.send(call.path, 'readerbind', ['Byte-Range: 1-0/0']);
    const text = await reader.nextRequest();
    expect(text.body.toString()).to.include('through the wall').and.to.include(BOB);
    await reader.acknowledge(text);
    await call.dialog.next('BYE');
    expect((await site.fetch(alice)).map(String).join()).to.include('no new texts');
  });

  it('that vanished behind the relay has its texts kept as new: a relay’s 200 is not hers', async () => {
    const [bob, alice] = [await site.phone(BOB), await site.phone(ALICE)];
    await bob.message(ALICE, 'not lost in the relay');
    const reader = await client('vanishing');
    const fetching = script('plain-offer.sdp', { path: reader.path, setup: 'active' });
    const call = await site.call(alice, MAILBOX, fetching);
    await reader.send(call.path, 'vanishingbind', ['Byte-Range: 1-0/0']);
    expect((await reader.nextRequest()).body.toString()).to.include('not lost in the relay');
    // The relay has answered 200 for her; she never reports, and hangs up.
    await call.dialog.request('BYE');
    const texts = (await site.fetch(alice)).map(String);
    expect(texts.join()).to.include('not lost in the relay');
  });
});
