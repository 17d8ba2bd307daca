import { expect } from 'chai';
import { MsrpChat, chatOffer, pathOf } from '../../doubles/msrp-chat.ts';
import { RawMsrpServer, msrpResponse } from '../../doubles/raw-msrp-client.ts';
import { ALICE, CallerSite, MAILBOX, bodyOf, offerWith, versionOf } from './caller-site.ts';

describe('a re-INVITE', () => {
  let site: CallerSite;

  beforeEach(async () => {
    site = await CallerSite.open();
  });

  afterEach(async () => await site.close());

  it('that changes nothing gets the same SDP again, and the chat goes on', async () => {
    const { call, chat, own } = await site.chatting(ALICE);
    const answer = await call.request('INVITE', { body: chatOffer(own) });
    expect(answer.status).to.equal(200);
    expect(bodyOf(answer)).to.equal(call.sdp);
    expect(answer.header('Contact')).to.match(/^<sip:/);
    expect((await chat.send('text/plain', 'still here')).status).to.equal(200);
  });

  it('with a new path has the chat go on there, and no text is lost', async () => {
    const { call, chat } = await site.chatting(ALICE);
    expect((await chat.send('text/plain', 'from here')).status).to.equal(200);
    const elsewhere = MsrpChat.localPath();
    const answer = await call.request('INVITE', { body: chatOffer(elsewhere) });
    expect(answer.status).to.equal(200);
    expect(pathOf(bodyOf(answer))).to.equal(pathOf(call.sdp));
    const moved = await site.chat(elsewhere, bodyOf(answer));
    expect((await moved.send('text/plain', 'from there')).status).to.equal(200);
    chat.close();
    expect((await moved.send('text/plain', 'and still')).status).to.equal(200);
    expect((await call.request('BYE')).status).to.equal(200);
    const texts = await site.texts(3);
    ['from here', 'from there', 'and still'].forEach((words, index) =>
      expect(texts[index]).to.include(words),
    );
  });

  it('with a new path in the midst of a retrieval brings what was not answered again there, as the same messages', async () => {
    const words = Array.from({ length: 25 }, (_, index) => `text number ${String(index).padStart(2, '0')}`);
    for (const each of words) await site.leaveText(each);
    const own = MsrpChat.localPath();
    const phone = await site.phone(ALICE);
    const call = await phone.call(MAILBOX, { body: chatOffer(own) });
    // The first ten are in flight and are not answered there any more.
    const chat = await site.chat(own, call.sdp, { answerTo: () => '' });
    const unanswered = await chat.waitForMessages(10);
    const elsewhere = MsrpChat.localPath();
    const answer = await call.request('INVITE', { body: chatOffer(elsewhere) });
    const moved = await site.chat(elsewhere, bodyOf(answer));
    chat.close();
    call.respond(await call.next('BYE'), 200);
    const brought = moved.messages().flatMap(({ body }) => /text number \d\d/.exec(body)?.[0] ?? []);
    expect(brought.sort()).to.deep.equal(words);
    const ids = moved.messages().map(({ messageId }) => messageId);
    expect(ids).to.include.members(unanswered.map(({ messageId }) => messageId));
    expect((await site.texts(1))[0]).to.include('no new texts');
  });

  it('of a peer that is passive there has us connect to it', async () => {
    const { call, chat } = await site.chatting(ALICE);
    const server = await RawMsrpServer.listen();
    const elsewhere = `msrp://127.0.0.1:${server.port}/elsewhere;tcp`;
    const answer = await call.request('INVITE', { body: chatOffer(elsewhere, { setup: 'passive' }) });
    expect(bodyOf(answer)).to.include('a=setup:active\r\n');
    expect(versionOf(bodyOf(answer))).to.equal(versionOf(call.sdp) + 1);
    const connected = await server.nextClient();
    const bind = await connected.nextFrame();
    expect([bind.method, bind.header('To-Path')]).to.deep.equal(['SEND', elsewhere]);
    await connected.sendBytes(msrpResponse(bind, '200 OK', elsewhere));
    chat.close();
    connected.close();
    await server.close();
  });

  it('that takes the chat out, or changes it beyond repair, gets 488, and the chat goes on unharmed', async () => {
    const { call, chat, own } = await site.chatting(ALICE);
    const broken = [
      chatOffer(own).replace('m=message 9', 'm=message 0'),
      chatOffer(own).replace('TCP/MSRP', 'TCP/TLS/MSRP').replace('msrp:', 'msrps:'),
      chatOffer(MsrpChat.localPath()).replace('a=path:msrp:', 'a=path:http:'),
      chatOffer(own).replace(/^m=message/m, 'm=audio 4000 RTP/AVP 0\r\nm=message'),
    ];
    for (const body of broken) {
      const answer = await call.request('INVITE', { body });
      expect(answer.status, body).to.equal(488);
      expect(answer.header('Warning'), body).not.to.equal('');
    }
    expect((await call.request('INVITE', { body: 'hello' })).status).to.equal(400);
    expect((await chat.send('text/plain', 'unharmed')).status).to.equal(200);
    expect((await call.request('INVITE', { body: chatOffer(own) })).status).to.equal(200);
    expect((await call.request('BYE')).status).to.equal(200);
    expect((await site.texts(1))[0]).to.include('unharmed');
  });

  it('without SDP gets our SDP as an offer, and an answer with another path moves the chat', async () => {
    const { call, chat, own } = await site.chatting(ALICE);
    const answered = (path: string): string => chatOffer(path);
    const same = await call.request('INVITE', {}, () => answered(own));
    expect(same.status).to.equal(200);
    expect(pathOf(bodyOf(same))).to.equal(pathOf(call.sdp));
    expect(bodyOf(same)).to.include('a=setup:actpass\r\n');
    expect((await chat.send('text/plain', 'as before')).status).to.equal(200);
    const elsewhere = MsrpChat.localPath();
    const again = await call.request('INVITE', {}, () => answered(elsewhere));
    const moved = await site.chat(elsewhere, bodyOf(again));
    expect((await moved.send('text/plain', 'elsewhere')).status).to.equal(200);
  });

  it('without SDP whose ACK has no usable answer leaves the chat as it was', async () => {
    const { call, chat, own } = await site.chatting(ALICE);
    expect((await call.request('INVITE')).status).to.equal(200);
    expect((await call.request('INVITE', {}, () => 'nonsense')).status).to.equal(200);
    expect((await chat.send('text/plain', 'still here')).status).to.equal(200);
    expect((await call.request('INVITE', { body: chatOffer(own) })).status).to.equal(200);
  });

  it('that holds (sendonly) stops our texts till it goes on, and loses none', async () => {
    await site.leaveText('for later');
    const own = MsrpChat.localPath();
    const phone = await site.phone(ALICE);
    const call = await phone.call(MAILBOX, { body: offerWith(own, 'a=sendonly') });
    expect(call.sdp).to.include('a=recvonly\r\n');
    const chat = await site.chat(own, call.sdp);
    const inactive = await call.request('INVITE', { body: offerWith(own, 'a=inactive') });
    expect(bodyOf(inactive)).to.include('a=inactive\r\n');
    expect(versionOf(bodyOf(inactive))).to.equal(versionOf(call.sdp) + 1);
    expect(chat.messages()).to.deep.equal([]);
    const resumed = await call.request('INVITE', { body: offerWith(own, 'a=sendrecv') });
    expect(bodyOf(resumed)).not.to.match(/^a=(sendrecv|recvonly|inactive)/m);
    expect((await chat.waitForMessages(1))[0]?.body).to.include('for later');
    call.respond(await call.next('BYE'), 200);
  });

  it('that holds keeps a silent chat alive; after it silence counts again', async () => {
    const { call, own } = await site.chatting(ALICE);
    await call.request('INVITE', { body: offerWith(own, 'a=inactive') });
    await site.jump(call, 1_200_000);
    await call.request('INVITE', { body: offerWith(own) });
    await site.jump(call, 599_000);
    expect((await call.request('INVITE', { body: offerWith(own) })).status).to.equal(200);
    await site.jump(call, 2_000);
    const bye = await call.next('BYE');
    expect(bye.header('Reason')).to.equal('');
    call.respond(bye, 200);
  });

  it('that holds for half an hour has the call ended, however often it is refreshed', async () => {
    const { call, own } = await site.chatting(ALICE);
    for (let round = 0; round < 3; round++) {
      expect((await call.request('INVITE', { body: offerWith(own, 'a=inactive') })).status).to.equal(200);
      await site.jump(call, 601_000);
    }
    const bye = await call.next('BYE');
    expect(bye.header('Reason')).to.match(/^SIP;cause=408;text="held for too long"$/);
    call.respond(bye, 200);
  });

  it('that needs an extension we don’t know gets 420, and one with a session too short 422', async () => {
    const { call, own } = await site.chatting(ALICE);
    const body = chatOffer(own);
    const required = await call.request('INVITE', { headers: ['Require: 100rel'], body });
    expect([required.status, required.header('Unsupported')]).to.deep.equal([420, '100rel']);
    const short = await call.request('UPDATE', { headers: ['Supported: timer', 'Session-Expires: 60'] });
    expect([short.status, short.header('Min-SE')]).to.deep.equal([422, '90']);
  });

  it('as UPDATE does the same, and without SDP is answered without', async () => {
    const { call } = await site.chatting(ALICE);
    const elsewhere = MsrpChat.localPath();
    const answer = await call.request('UPDATE', { body: chatOffer(elsewhere) });
    expect(answer.status).to.equal(200);
    expect(answer.header('Contact')).to.match(/^<sip:/);
    const moved = await site.chat(elsewhere, bodyOf(answer));
    expect((await moved.send('text/plain', 'moved')).status).to.equal(200);
    const bare = await call.request('UPDATE');
    expect([bare.status, bodyOf(bare)]).to.deep.equal([200, '']);
  });

  it('or UPDATE that crosses an offer of ours gets 491', async () => {
    const { call, own } = await site.chatting(ALICE);
    const cseq = call.send('INVITE');
    expect((await call.answerTo(cseq)).status).to.equal(200);
    // Our offer is out, and the ACK with its answer is not.
    for (const method of ['UPDATE', 'INVITE']) {
      const crossing = call.send(method, { body: chatOffer(own) });
      expect((await call.answerTo(crossing)).status, method).to.equal(491);
    }
    call.acknowledge(cseq, chatOffer(own));
    expect((await call.request('UPDATE', { body: chatOffer(own) })).status).to.equal(200);
  });
});
