import { expect } from 'chai';
import { MsrpChat, chatOffer, pathOf } from '../../doubles/msrp-chat.ts';
import { RawMsrpServer, msrpResponse } from '../../doubles/raw-msrp-client.ts';
import { isResponse, rawRequest } from '../../doubles/raw-sip-client.ts';
import { ALICE, CallerSite, MAILBOX, bodyOf, offerWith } from './caller-site.ts';

describe('an INVITE', () => {
  let site: CallerSite;

  beforeEach(async () => {
    site = await CallerSite.open();
  });

  afterEach(async () => await site.close());

  it('that needs an extension we don’t know gets 420, which names it', async () => {
    const phone = await site.phone();
    const body = chatOffer(MsrpChat.localPath());
    const { answer } = await phone.invite(ALICE, { headers: ['Require: timer, 100rel'], body });
    expect([answer.status, answer.header('Unsupported')]).to.deep.equal([420, '100rel']);
  });

  it('has its offer found beside other parts of its body', async () => {
    const own = MsrpChat.localPath();
    const body = [
      '--unique',
      'Content-Type: application/sdp',
      '',
      `${chatOffer(own)}--unique`,
      'Content-Type: application/rs-metadata+xml',
      '',
      '<x/>',
      '--unique--',
      '',
    ].join('\r\n');
    const phone = await site.phone();
    const headers = ['Content-Type: multipart/mixed;boundary=unique'];
    const call = await phone.call(ALICE, { headers, body });
    const chat = await site.chat(own, call.sdp);
    expect((await chat.send('text/plain', 'found')).status).to.equal(200);
  });

  it('with a size for messages and all else is answered with ours', async () => {
    const { call } = await site.chatting(ALICE);
    expect(call.sdp).to.include('a=max-size:65536\r\n');
    expect(call.answer.header('Supported')).to.equal('timer');
    expect(call.answer.header('Allow')).to.include('UPDATE');
  });

  it('over TLS is answered with our fingerprint', async () => {
    const own = MsrpChat.localPath('msrps');
    const phone = await site.phone();
    const call = await phone.call(ALICE, { body: chatOffer(own) });
    expect(call.sdp).to.match(/^a=fingerprint:sha-256 (?:[0-9A-F]{2}:){31}[0-9A-F]{2}\r$/m);
    const chat = await site.chat(own, call.sdp);
    expect((await chat.send('text/plain', 'secret')).status).to.equal(200);
  });

  it('over TLS with a fingerprint that is not the caller’s is answered, and its chat is not', async () => {
    const own = MsrpChat.localPath('msrps');
    const phone = await site.phone();
    const body = offerWith(own, `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => 'AB').join(':')}`);
    const call = await phone.call(ALICE, { body });
    const chat = await site.chat(own, call.sdp);
    expect((await chat.send('text/plain', 'forged')).status).to.equal(403);
  });

  it('of a passive peer that is anchored elsewhere (RFC 6714) has us connect there, and write to its path', async () => {
    const server = await RawMsrpServer.listen();
    const own = 'msrp://192.0.2.7:2855/behind;tcp';
    const body = offerWith(own, 'a=msrp-cema')
      .replace('a=setup:active', 'a=setup:passive')
      .replace('m=message 9', `m=message ${server.port}`);
    const phone = await site.phone();
    const call = await phone.call(ALICE, { body });
    expect(call.sdp).to.include('a=setup:active\r\n').and.to.include('a=msrp-cema\r\n');
    const anchored = await server.nextClient();
    const bind = await anchored.nextFrame();
    expect(bind.header('To-Path')).to.equal(own);
    await anchored.sendBytes(msrpResponse(bind, '200 OK', own));
    expect((await anchored.nextFrame()).header('To-Path')).to.equal(own);
    await server.close();
  });

  it('with holdconn is answered so, and goes on when a re-INVITE has a role', async () => {
    await site.leaveText('patience');
    const own = MsrpChat.localPath();
    const phone = await site.phone(ALICE);
    const call = await phone.call(MAILBOX, { body: chatOffer(own, { setup: 'holdconn' }) });
    expect(call.sdp).to.include('a=setup:holdconn\r\n');
    await site.jump(call, 1_200_000);
    const again = await call.request('INVITE', { body: chatOffer(own, { setup: 'actpass' }) });
    expect(bodyOf(again)).to.include('a=setup:passive\r\n');
    expect(pathOf(bodyOf(again))).to.equal(pathOf(call.sdp));
    const chat = await site.chat(own, bodyOf(again));
    expect((await chat.waitForMessages(1))[0]?.body).to.include('patience');
    call.respond(await call.next('BYE'), 200);
  });

  it('with holdconn that never goes on is ended after half an hour, and when the program stops', async () => {
    const phone = await site.phone();
    const body = chatOffer(MsrpChat.localPath(), { setup: 'holdconn' });
    const [first, second] = [
      await phone.call(ALICE, { body }),
      await phone.call(MAILBOX.replace('mailbox', 'carol'), { body }),
    ];
    await site.jump(first, 1_000_000);
    await site.jump(second, 801_000);
    for (const call of [first, second]) {
      const bye = await call.next('BYE');
      expect(bye.header('Reason')).to.include('cause=408');
      call.respond(bye, 200);
    }
    const third = await phone.call(ALICE, { body });
    const stopping = site.app.app.stop();
    third.respond(await third.next('BYE'), 200);
    await stopping;
  });

  it('that is cancelled before its answer gets 487, and leaves nothing behind', async () => {
    await site.close();
    site = await CallerSite.open({ MAX_SESSIONS: '1' });
    const phone = await site.phone();
    const body = chatOffer(MsrpChat.localPath());
    for (let round = 0; round < 5; round++) {
      const invite = phone.inviteBytes(ALICE, { body });
      const cancel = Buffer.from(
        invite
          .toString()
          .replace(/\r\n\r\n[\s\S]*$/, '\r\n\r\n')
          .replace(/^INVITE/, 'CANCEL')
          .replace(/^(CSeq: \d+) INVITE/m, '$1 CANCEL')
          .replace(/^Content-Length: \d+/m, 'Content-Length: 0')
          .replace(/^(?:Contact|Content-Type):.*\r\n/gm, ''),
      );
      phone.client.send(invite);
      phone.client.send(cancel);
      await phone.client.nextMessage(isResponse(200, 'CANCEL'));
      const answer = await phone.client.nextMessage(
        (message) => message.status >= 200 && message.header('CSeq').endsWith(' INVITE'),
      );
      expect(answer.status).to.equal(487);
    }
    await site.chatting(ALICE);
  });

  it('with a path that is none gets 488, and a body that is no SDP 415', async () => {
    const phone = await site.phone();
    const path = await phone.invite(ALICE, { body: chatOffer('http://192.0.2.1/x') });
    expect([path.answer.status, path.answer.header('Warning')]).to.deep.equal([
      488,
      '399 mailbox "The MSRP path cannot be read"',
    ]);
    const text = await phone.invite(ALICE, { headers: ['Content-Type: text/plain'], body: 'x' });
    expect([text.answer.status, text.answer.header('Accept')]).to.deep.equal([415, 'application/sdp']);
  });

  it('is answered OPTIONS beforehand with what we support', async () => {
    const phone = await site.phone();
    phone.client.send(rawRequest({ method: 'OPTIONS', uri: MAILBOX, client: phone.client }));
    const answer = await phone.client.nextMessage(isResponse(200, 'OPTIONS'));
    expect(answer.header('Supported')).to.equal('timer');
    expect(answer.header('Allow')).to.include('UPDATE');
  });
});

describe('an INVITE without SDP', () => {
  let site: CallerSite;

  beforeEach(async () => {
    site = await CallerSite.open();
  });

  afterEach(async () => await site.close());

  it('gets our offer, and the answer in its ACK begins the chat', async () => {
    await site.leaveText('the other way round');
    const phone = await site.phone(ALICE);
    const own = MsrpChat.localPath();
    const call = await phone.call(MAILBOX, {}, () => chatOffer(own));
    expect(call.sdp)
      .to.match(/^m=message \d+ TCP\/MSRP \*\r$/m)
      .and.to.include('a=setup:actpass\r\n');
    const chat = await site.chat(own, call.sdp);
    expect((await chat.waitForMessages(1))[0]?.body).to.include('the other way round');
    call.respond(await call.next('BYE'), 200);
  });

  it('has a bind wait that is here before the ACK', async () => {
    const phone = await site.phone();
    const own = MsrpChat.localPath();
    const { bytes, answer } = await phone.invite(ALICE);
    const early = site.chat(own, bodyOf(answer));
    const call = phone.established(bytes, answer);
    expect((await call.request('OPTIONS')).status).to.equal(200);
    call.acknowledge(1, chatOffer(own));
    expect((await (await early).send('text/plain', 'early')).status).to.equal(200);
  });

  it('whose answer is passive, or names no role, has us connect', async () => {
    for (const setup of ['a=setup:passive\r\n', '']) {
      const server = await RawMsrpServer.listen();
      const own = `msrp://127.0.0.1:${server.port}/answering;tcp`;
      const phone = await site.phone();
      await phone.call(ALICE, {}, () => chatOffer(own).replace('a=setup:active\r\n', setup));
      const connected = await server.nextClient();
      expect((await connected.nextFrame()).header('To-Path')).to.equal(own);
      await server.close();
    }
  });

  it('whose ACK has no answer, or one that refuses the chat or cannot be used, is ended with a BYE that says why', async () => {
    const answers = [
      '',
      'nonsense',
      chatOffer(MsrpChat.localPath()).replace('m=message 9', 'm=message 0'),
      chatOffer('http://192.0.2.1/x'),
      chatOffer(MsrpChat.localPath('msrps')),
    ];
    for (const answer of answers) {
      const phone = await site.phone();
      const call = await phone.call(ALICE, {}, () => answer);
      const bye = await call.next('BYE');
      expect(bye.header('Reason'), answer).to.match(/^SIP;cause=488;text="no usable answer/);
      call.respond(bye, 200);
    }
  });

  it('whose ACK never comes is ended, and its place is free again', async () => {
    await site.close();
    site = await CallerSite.open({ MAX_SESSIONS: '1' });
    const phone = await site.phone();
    const { bytes, answer } = await phone.invite(ALICE);
    expect(answer.status).to.equal(200);
    const call = phone.established(bytes, answer);
    await site.jump(call, 40_000);
    call.respond(await call.next('BYE'), 200);
    await site.chatting(ALICE);
  });

  it('is offered TLS where there is nothing else', async () => {
    await site.close();
    site = await CallerSite.open({ MSRP_LISTEN: 'tls:127.0.0.1:0' });
    const phone = await site.phone();
    const own = MsrpChat.localPath('msrps');
    const call = await phone.call(ALICE, {}, () => chatOffer(own));
    expect(call.sdp).to.include('TCP/TLS/MSRP').and.to.include('a=fingerprint:');
    const chat = await site.chat(own, call.sdp);
    expect((await chat.send('text/plain', 'over TLS')).status).to.equal(200);
  });
});
