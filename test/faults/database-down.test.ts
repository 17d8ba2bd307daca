import { expect } from 'chai';
import { MsrpChat, chatOffer, pathOf } from '../doubles/msrp-chat.ts';
import type { RunningApp } from '../doubles/running-app.ts';
import { runApp } from '../doubles/running-app.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import type { Mariadb } from '../peers/mariadb.ts';
import { startMariadb } from '../peers/mariadb.ts';
import { releasedAfter } from '../peers/release.ts';
import { requirePeer } from '../peers/require-peer.ts';

const ALICE = 'sip:alice@example.test';
const MAILBOX = 'sip:mailbox@example.test';
const SDP = { 'Content-Type': 'application/sdp' };

describe('a database that is down', function () {
  this.timeout(90_000);
  requirePeer('mariadb');
  const release = releasedAfter();

  let mariadb: Mariadb;
  let app: RunningApp;
  let bob: SipPhone;
  let alice: SipPhone;

  before(async () => {
    mariadb = await startMariadb();
    release(() => mariadb.stop());
    app = await runApp({ DATABASE_URL: await mariadb.createDatabase('mailbox') });
    release(() => app.stop());
    bob = await SipPhone.open({ address: 'sip:bob@example.test', server: app.udp });
    release(() => bob.close());
    alice = await SipPhone.open({ address: ALICE, server: app.udp });
    release(() => alice.close());
  });

  it('gets a MESSAGE 503 with Retry-After and a chat line 408, keeps neither, and delivers once when it is back', async () => {
    const path = MsrpChat.localPath();
    const call = await bob.dialog('INVITE', ALICE, SDP, chatOffer(path));
    const chat = await MsrpChat.open(path, pathOf(call.answer.body));
    expect((await chat.send('text/plain', 'before')).status).to.equal(200);

    await mariadb.kill();
    const repeated = { 'Call-ID': 'while-down', CSeq: '1 MESSAGE' };
    const refused = await bob.message(ALICE, 'while it is down', repeated);
    expect(refused.startLine).to.match(/^SIP\/2\.0 503 /);
    expect(refused.header('Retry-After')).to.match(/^\d+$/);
    expect((await chat.send('text/plain', 'lost line')).status).to.equal(408);
    expect(await app.app.ready().catch((error: unknown) => error)).to.be.instanceOf(Error);

    await mariadb.resume();
    await app.app.ready();
    expect((await bob.message(ALICE, 'while it is down', repeated)).startLine).to.equal('SIP/2.0 200 OK');
    expect((await chat.send('text/plain', 'after')).status).to.equal(200);
    chat.close();

    const lamp = await alice.dialog('SUBSCRIBE', ALICE, { Event: 'message-summary', Expires: '600' });
    // A publication that was claimed as the database died is claimed anew when that claim has run out, after 32 s.
    for (let body = ''; !body.includes('Text-Message: 3/0 ');) ({ body } = await lamp.next('NOTIFY', 45_000));
    const own = MsrpChat.localPath();
    const fetch = await alice.dialog('INVITE', MAILBOX, SDP, chatOffer(own));
    const texts = await MsrpChat.open(own, pathOf(fetch.answer.body));
    await fetch.next('BYE');
    const words = texts
      .messages()
      .map(({ body }) => /before|while it is down|after|lost line/.exec(body)?.[0]);
    expect(words).to.deep.equal(['before', 'while it is down', 'after']);
    texts.close();
  });
});
