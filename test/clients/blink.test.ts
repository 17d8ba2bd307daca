import { expect } from 'chai';
import type { RawMsrpClient } from '../doubles/raw-msrp-client.ts';
import { RawMsrpServer, msrpReport, msrpResponse } from '../doubles/raw-msrp-client.ts';
import type { SipPhone } from '../doubles/sip-phone.ts';
import type { ScriptedCall } from './scripted-client.ts';
import {
  ALICE,
  BOB,
  MAILBOX,
  ScriptedSite,
  acknowledge,
  nextWords,
  responseTo,
  script,
  sdpLines,
} from './scripted-client.ts';

/*
 * Blink and its engine. It offers TLS and the active role on a port where it does not listen, writes its CPIM with bare line
 * feeds, counts characters, and takes a success report for the only sign that a message arrived.
 */
describe('Blink', () => {
  let site: ScriptedSite;
  let bob: SipPhone;
  let alice: SipPhone;
  const own = 'msrps://127.0.0.1:2855/blink;tcp';

  beforeEach(async () => {
    site = await ScriptedSite.open();
    bob = await site.phone(BOB);
    alice = await site.phone(ALICE);
  });

  afterEach(async () => await site.close());

  /** A call with its default offer, bound over TLS. */
  async function chat(from: SipPhone, to: string): Promise<{ call: ScriptedCall; chat: RawMsrpClient }> {
    const call = await site.call(from, to, script('blink-offer.sdp', { port: '2855', session: 'blink' }));
    const connected = await site.connect('tls');
    await connected.sendBytes(script('blink-bind.msrp', { to: call.path, from: own, id: 'blinkbind' }));
    expect((await responseTo(connected, 'blinkbind')).status).to.equal(200);
    return { call, chat: connected };
  }

  it('with its default offer of TLS is answered over TLS, passive, and nobody dials the port it does not listen on', async () => {
    const silent = await RawMsrpServer.listen();
    const offer = script('blink-offer.sdp', { port: String(silent.port), session: 'blink' });
    const { sdp } = await site.call(bob, ALICE, offer);
    expect(sdpLines(sdp, 'm=')).to.have.length(1);
    expect(sdpLines(sdp, 'm=message')[0]).to.match(/^m=message \d+ TCP\/TLS\/MSRP \*$/);
    expect(sdp).to.match(/^a=path:msrps:\/\/127\.0\.0\.1:\d+\/[0-9a-zA-Z]{16,};tcp\r$/m);
    expect(sdp).to.include('a=setup:passive\r\n');
    expect(silent.connections).to.equal(0);
    await silent.close();
  });

  it('gets the answer to its bind, which has no Byte-Range, before anything else', async () => {
    const call = await site.call(bob, ALICE, script('blink-offer.sdp', { port: '2855', session: 'blink' }));
    const connected = await site.connect('tls');
    await connected.sendBytes(script('blink-bind.msrp', { to: call.path, from: own, id: 'blinkbind' }));
    const first = await connected.nextFrame();
    expect([first.status, first.transactId]).to.deep.equal([200, 'blinkbind']);
    expect((await connected.nextFrame()).method).to.equal('SEND');
  });

  it('has its line kept, whatever its CPIM and Byte-Range look like, and gets the success report it waits for', async () => {
    const { chat: connected, call } = await chat(bob, ALICE);
    await nextWords(connected, own);
    const line = script('blink-line.msrp', { to: call.path, from: own, id: 'blinkline' });
    await connected.sendBytes(line);
    expect((await responseTo(connected, 'blinkline')).status).to.equal(200);
    const report = await connected.nextFrame();
    expect(report.method).to.equal('REPORT');
    expect(report.header('Message-ID')).to.equal('blinkline2');
    expect(report.header('Status')).to.equal('000 200 OK');
    const body = line.subarray(line.indexOf('\r\n\r\n') + 4, line.lastIndexOf('\r\n-------'));
    expect(report.header('Byte-Range')).to.equal(`1-${body.length}/${body.length}`);
    const [text = Buffer.alloc(0)] = await site.fetch(alice);
    expect(text.subarray(text.lastIndexOf('\r\n\r\n') + 4).toString('utf8')).to.equal('Grüße an Zoë 🌍');
  });

  it('has its keep-alive answered and not kept, and its FILE_OFFSET answered 501', async () => {
    const { chat: connected, call } = await chat(bob, ALICE);
    await nextWords(connected, own);
    await connected.sendBytes(script('blink-keep-alive.msrp', { to: call.path, from: own, id: 'keepalive' }));
    expect((await responseTo(connected, 'keepalive')).status).to.equal(200);
    await connected.sendBytes(
      script('blink-file-offset.msrp', { to: call.path, from: own, id: 'fileoffset' }),
    );
    expect((await responseTo(connected, 'fileoffset')).status).to.equal(501);
    const [only = ''] = await site.fetch(alice);
    expect(only.toString()).to.include('no new texts');
  });

  it('reads each text from one chunk with the headers in the order it can read', async () => {
    const long = 'ä'.repeat(25_000);
    await bob.message(ALICE, long);
    const { chat: connected } = await chat(alice, MAILBOX);
    const frame = await nextWords(connected, own);
    expect(frame.flag).to.equal('$');
    expect(frame.headerNames).to.deep.equal([
      'To-Path',
      'From-Path',
      'Message-ID',
      'Success-Report',
      'Byte-Range',
      'Content-Type',
    ]);
    expect(frame.header('Byte-Range')).to.equal(`1-${frame.body.length}/${frame.body.length}`);
    expect(frame.header('Content-Type')).to.equal('message/cpim');
    const text = frame.body.toString('utf8');
    expect(text).to.match(/^From: <sip:bob@example\.test>\r$/m);
    expect(text).to.match(/^Content-Type: text\/plain; ?charset=utf-8\r$/m);
    expect(text).to.include(long);
  });

  it('that answers 200 and then reports 413 was not handed the text, and gets it again', async () => {
    await bob.message(ALICE, 'not this type, please');
    const first = await chat(alice, MAILBOX);
    const refused = await first.chat.nextFrame();
    await first.chat.sendBytes(msrpResponse(refused, '200 OK', own));
    await first.chat.sendBytes(msrpReport(refused, '000 413 Unwanted Message', own));
    await first.call.dialog.next('BYE');
    const again = await chat(alice, MAILBOX);
    expect((await nextWords(again.chat, own)).body.toString()).to.include('not this type, please');
  });

  it('sees the BYE after all its answers, and the end of the connection a moment later', async () => {
    for (let i = 0; i < 30; i++) await bob.message(ALICE, `text ${i}`);
    const { chat: connected, call } = await chat(alice, MAILBOX);
    let ended = false;
    const bye = call.dialog.next('BYE').then(() => {
      ended = true;
    });
    for (let i = 0; i < 30; i++) {
      const frame = await connected.nextFrame();
      expect(ended, `BYE before text ${i}`).to.equal(false);
      expect(frame.body.toString()).to.match(new RegExp(`text ${i}$`));
      await acknowledge(connected, frame, own);
    }
    await bye;
    const hungUpAt = Date.now();
    expect(connected.ended).to.equal(false);
    await connected.waitForEnd(15_000);
    expect(Date.now() - hungUpAt).to.be.greaterThan(900);
  });

  it('that offers a file gets 488: there is nothing to keep a file in', async () => {
    const offer = script('blink-file-offer.sdp', { port: '2855', session: 'file' });
    const headers = { 'Content-Type': 'application/sdp', Contact: bob.contact };
    const answer = await bob.request('INVITE', ALICE, headers, offer.toString('utf8'));
    expect(answer.startLine).to.include(' 488 ');
  });

  it('that offers audio beside the chat gets the chat, and as many m-lines as it offered', async () => {
    const path = 'msrp://127.0.0.1:9/audio;tcp';
    const { sdp } = await site.call(bob, ALICE, script('audio-and-chat-offer.sdp', { path }));
    const [audio = '', message = '', ...more] = sdpLines(sdp, 'm=');
    expect(audio).to.match(/^m=audio 0 RTP\/AVP /);
    expect(message).to.match(/^m=message [1-9]\d* TCP\/MSRP \*$/);
    expect(more).to.deep.equal([]);
  });
});
