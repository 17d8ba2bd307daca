import { expect } from 'chai';
import type { SipPhone } from '../doubles/sip-phone.ts';
import {
  ALICE,
  BOB,
  MAILBOX,
  ScriptedSite,
  nextWords,
  responseTo,
  script,
  sdpLines,
} from './scripted-client.ts';

/*
 * OpenSIPS as an MSRP user agent: all its sessions run over one connection, from a port that stands in none of their paths; it
 * takes each chunk for a message, and crashes on a report that lacks a header.
 */
describe('OpenSIPS', () => {
  let site: ScriptedSite;
  let bob: SipPhone;
  let alice: SipPhone;

  beforeEach(async () => {
    site = await ScriptedSite.open();
    bob = await site.phone(BOB);
    alice = await site.phone(ALICE);
  });

  afterEach(async () => await site.close());

  function pathOf(session: string): string {
    return `msrp://127.0.0.1:2855/${session};tcp`;
  }

  function line(to: string, session: string, id: string, words: string): Buffer {
    const values = { to, from: pathOf(session), id, words, length: String(Buffer.byteLength(words)) };
    return script('opensips-line.msrp', values);
  }

  it('is told both first types and the passive role, though it says nothing of a role', async () => {
    const { sdp } = await site.call(
      bob,
      ALICE,
      script('opensips-offer.sdp', { session: '1', path: pathOf('1') }),
    );
    expect(sdp).to.match(/^a=accept-types:message\/cpim text\/plain application\/im-iscomposing\+xml\r$/m);
    expect(sdp).to.include('a=setup:passive\r\n');
  });

  it('with two sessions on one connection has the lines of each kept, and one BYE leaves the other alone', async () => {
    const offers = ['one', 'two'].map((session) =>
      script('opensips-offer.sdp', { session: '7', path: pathOf(session) }),
    );
    const [one, two] = [
      await site.call(bob, ALICE, offers[0] ?? Buffer.alloc(0)),
      await site.call(bob, ALICE, offers[1] ?? Buffer.alloc(0)),
    ];
    const shared = await site.connect();
    for (const [call, session] of [[one, 'one'] as const, [two, 'two'] as const]) {
      const values = { to: call.path, from: pathOf(session), id: `bind${session}` };
      await shared.sendBytes(script('bind.msrp', values));
      expect((await responseTo(shared, `bind${session}`)).status).to.equal(200);
      expect((await nextWords(shared, pathOf(session))).header('To-Path')).to.equal(pathOf(session));
    }
    await shared.sendBytes(line(one.path, 'one', 'lineone', 'by one'));
    expect((await responseTo(shared, 'lineone')).status).to.equal(200);
    await one.dialog.request('BYE');
    await shared.sendBytes(line(two.path, 'two', 'linetwo', 'by two'));
    expect((await responseTo(shared, 'linetwo')).status).to.equal(200);
    await shared.sendBytes(line(one.path, 'one', 'toolate', 'nobody hears'));
    expect((await responseTo(shared, 'toolate')).status).to.equal(481);
    const texts = (await site.fetch(alice)).map((text) => text.toString());
    expect(texts).to.have.length(2);
    expect(texts[0]).to.include('by one');
    expect(texts[1]).to.include('by two');
  });

  it('gets a success report with every header it needs, after its line was kept', async () => {
    const call = await site.call(
      bob,
      ALICE,
      script('opensips-offer.sdp', { session: '1', path: pathOf('1') }),
    );
    const connected = await site.connect();
    // It has content before anything was bound.
    await connected.sendBytes(line(call.path, '1', 'firstline', 'words before the bind'));
    expect((await responseTo(connected, 'firstline')).status).to.equal(200);
    const report = await connected.nextFrame();
    expect(report.method).to.equal('REPORT');
    expect(report.headerNames).to.include.members([
      'To-Path',
      'From-Path',
      'Message-ID',
      'Byte-Range',
      'Status',
    ]);
    expect(report.header('Byte-Range')).to.equal('1-21/21');
    expect(report.header('Status')).to.equal('000 200 OK');
    expect((await site.fetch(alice)).map(String).join('')).to.include('words before the bind');
  });

  it('is handed each text as one plain message that names author and time', async () => {
    await bob.message(ALICE, 'one message, not two');
    const offer = script('opensips-offer.sdp', { session: '1', path: pathOf('1') });
    const call = await site.call(alice, MAILBOX, offer);
    const connected = await site.connect();
    const bind = script('bind.msrp', { to: call.path, from: pathOf('1'), id: 'bindfetch' });
    await connected.sendBytes(bind);
    const frame = await nextWords(connected, pathOf('1'));
    expect(frame.flag).to.equal('$');
    expect(frame.header('Content-Type')).to.match(/^text\/plain; ?charset=utf-8$/);
    expect(frame.body.toString()).to.match(/sip:bob@example\.test.*\d{4}-\d\d-\d\d.*one message, not two/);
    expect(sdpLines(call.sdp, 'm=')).to.have.length(1);
  });
});
