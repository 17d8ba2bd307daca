import { expect } from 'chai';
import { generate } from 'selfsigned';
import type { CalledChat, PushTarget } from '../../../src/mailbox/push/delivery-ports.ts';
import { CallFailed, NothingSent } from '../../../src/mailbox/push/delivery-ports.ts';
import { SendFailed, SessionClosed } from '../../../src/msrp/errors.ts';
import type { IncomingCall } from '../../doubles/answering-phone.ts';
import type { MsrpAnswerer } from '../../doubles/msrp-answerer.ts';
import type { ChatMessage, MsrpChat as Chat } from '../../doubles/msrp-chat.ts';
import { MsrpChat, chatOffer, pathOf } from '../../doubles/msrp-chat.ts';
import { isRequest, isResponse } from '../../doubles/raw-sip-client.ts';
import type { CalledSiteOptions } from './called-site.ts';
import { ALICE, CalledSite, MAILBOX, passiveAnswer } from './called-site.ts';

const TEXT = 'text/plain; charset=utf-8';

describe('a call of ours to a user', () => {
  let site: CalledSite;

  async function open(options: CalledSiteOptions = {}): Promise<void> {
    site = await CalledSite.open(options);
  }

  afterEach(async () => {
    expect(await site.close()).to.equal(0);
  });

  /** A call that a passive phone answered. */
  async function chatting(
    answerTo?: (message: ChatMessage) => string,
    headers: readonly string[] = [],
  ): Promise<{ called: CalledChat; call: IncomingCall; chat: Chat; answerer: MsrpAnswerer }> {
    const calling = start(site.target);
    const call = await site.phone.rings();
    const answerer = await site.passive(call.offer, answerTo === undefined ? {} : { answerTo });
    await call.answer(passiveAnswer(answerer.path), headers);
    return { called: await calling, call, chat: await answerer.chat, answerer };
  }

  function text(
    words: string,
    messageId = words,
  ): { messageId: string; contentType: string; content: Buffer } {
    return { messageId, contentType: TEXT, content: Buffer.from(words) };
  }

  /** What becomes of a call is looked at once the phone has played its part. */
  function start(target: PushTarget): Promise<CalledChat> {
    const calling = site.caller.call(target);
    calling.catch(() => undefined);
    return calling;
  }

  async function failure(calling: Promise<unknown>): Promise<CallFailed> {
    const error = await calling.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(CallFailed);
    return error as CallFailed;
  }

  /** That nothing left is told from a failure of the phone's. */
  async function unsent(calling: Promise<unknown>): Promise<void> {
    const error = await calling.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(NothingSent);
  }

  describe('the INVITE', () => {
    beforeEach(async () => {
      await open();
    });

    it('offers a chat over TCP whose role the phone may choose, to one phone, and is marked as ours', async () => {
      const calling = start({ ...site.target, fromName: 'Text "box"\r\nX: 1' });
      const call = await site.phone.rings();
      const { invite, offer } = call;
      expect(invite.startLine).to.equal(`INVITE ${ALICE} SIP/2.0`);
      expect(invite.header('From')).to.match(/^"Text \\"box\\" {2}X: 1" <sip:mailbox@example\.test>;tag=/);
      expect(invite.header('To')).to.equal(`<${ALICE}>`);
      expect(invite.header('P-Asserted-Identity')).to.equal(`<${MAILBOX}>`);
      expect(invite.header('X-Text-Mailbox-Delivery')).to.equal('yes');
      expect(invite.header('Request-Disposition')).to.equal('no-fork');
      expect(invite.header('Supported')).to.equal('timer');
      expect(invite.header('Allow')).to.include('UPDATE').and.include('BYE');
      expect(offer).to.match(/^m=message \d+ TCP\/MSRP \*\r$/m);
      expect(offer).to.match(/^a=setup:actpass\r$/m);
      expect(pathOf(offer)).to.match(/^msrp:\/\/127\.0\.0\.1:\d+\/\w+;tcp$/);
      call.respond(603);
      await failure(calling);
    });

    for (const status of [404, 480, 486, 488, 600, 603, 302]) {
      it(`answered ${status} fails with that status`, async () => {
        const calling = start(site.target);
        (await site.phone.rings()).respond(status, { headers: ['Contact: <sip:elsewhere@127.0.0.1>'] });
        expect((await failure(calling)).status).to.equal(status);
        await site.phone.client.nextMessage(isRequest('ACK'));
        expect(site.phone.calls).to.equal(1);
      });
    }

    it('rings for a while at most, then is cancelled', async () => {
      const calling = start(site.target);
      const call = await site.phone.rings();
      await site.phone.client.nextMessage(isRequest('INVITE'), 100).catch(() => undefined);
      site.clock.jump(24_000);
      expect(site.phone.client.received.some(isRequest('CANCEL'))).to.equal(false);
      site.clock.jump(1_100);
      // As a proxy says it that gives up first: nobody looked at it.
      expect((await failure(calling)).status).to.equal(408);
      const cancel = await call.next('CANCEL');
      call.reply(cancel);
      call.respond(487);
      await call.next('ACK');
    });

    it('answered all the same when it was cancelled is acknowledged and ended', async () => {
      const calling = start(site.target);
      const call = await site.phone.rings();
      await settled();
      site.clock.jump(26_000);
      await failure(calling);
      const answerer = await site.passive(call.offer);
      call.reply(await call.next('CANCEL'));
      await call.answer(passiveAnswer(answerer.path));
      await call.bye();
    });

    it('answered by two phones goes on with the first; the other is acknowledged and ended', async () => {
      const calling = start(site.target);
      const call = await site.phone.rings();
      const answerer = await site.passive(call.offer);
      const body = passiveAnswer(answerer.path);
      call.respond(200, { body });
      call.respond(200, { body, tag: 'second' });
      const bye = await call.bye();
      expect(bye.header('To')).to.include('tag=second');
      const called = await calling;
      const leaving = called.hangUp('delivered');
      expect((await call.bye()).header('To')).not.to.include('tag=second');
      await leaving;
    });

    it('fails at once when the SIP server is gone while it rings', async () => {
      const calling = start(site.target);
      await site.phone.rings();
      await site.engine.close();
      expect((await failure(calling)).status).to.equal(0);
      await unsent(start(site.target));
    });

    it('is called off when the program stops', async () => {
      const calling = start(site.target);
      const call = await site.phone.rings();
      await settled();
      await site.chats.hangUpAll();
      expect((await failure(calling)).status).to.equal(0);
      call.reply(await call.next('CANCEL'));
      call.respond(487);
      await call.next('ACK');
      expect((await failure(start(site.target))).status).to.equal(0);
      expect(site.phone.calls).to.equal(1);
    });

    it('may ring with many others, all of which are called off', async () => {
      await site.close();
      await open({ maxSessions: 20 });
      const warnings: Error[] = [];
      const warned = (warning: Error): number => warnings.push(warning);
      process.on('warning', warned);
      const calling = Array.from({ length: 20 }, () => start(site.target));
      const calls: IncomingCall[] = [];
      while (calls.length < calling.length) calls.push(await site.phone.rings());
      await settled();
      await site.chats.hangUpAll();
      for (const each of calling) expect((await failure(each)).status).to.equal(0);
      for (const each of calls) await each.next('CANCEL');
      process.off('warning', warned);
      expect(warnings).to.deep.equal([]);
    });

    it('gets 491 for an UPDATE of the phone before the answer, or the 481 of our server', async () => {
      const calling = start(site.target);
      const call = await site.phone.rings();
      expect((await call.request('UPDATE')).status).to.be.oneOf([481, 491]);
      call.respond(486);
      await failure(calling);
    });
  });

  describe('an answer', () => {
    beforeEach(async () => {
      await open();
    });

    const unusable: readonly (readonly [string, (path: string) => string])[] = [
      ['with port 0', (path) => passiveAnswer(path).replace('m=message 9', 'm=message 0')],
      ['without SDP', () => ''],
      ['of another transport', (path) => passiveAnswer(path).replace('TCP/MSRP', 'TCP/TLS/MSRP')],
      ['of a path nobody can read', () => passiveAnswer('http://127.0.0.1/nothing')],
      ['that wants no connection', (path) => passiveAnswer(path).replace('setup:passive', 'setup:holdconn')],
      ['that takes no text', (path) => passiveAnswer(path).replace('message/cpim text/plain', 'image/png')],
      ['of no media at all', () => 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n'],
    ];
    for (const [what, answerOf] of unusable) {
      it(`${what} is acknowledged, ended with 488, and no other call follows`, async () => {
        const calling = start(site.target);
        const call = await site.phone.rings();
        await call.answer(answerOf('msrp://127.0.0.1:9/abc;tcp'));
        expect((await call.bye()).header('Reason')).to.match(/^SIP;cause=488;text="/);
        expect((await failure(calling)).status).to.equal(488);
        expect(site.phone.calls).to.equal(1);
      });
    }

    it('without Contact is acknowledged and ended', async () => {
      const calling = start(site.target);
      const call = await site.phone.rings();
      const answerer = await site.passive(call.offer);
      call.respond(200, { body: passiveAnswer(answerer.path), contact: false });
      await call.next('ACK');
      await call.bye();
      expect((await failure(calling)).status).to.equal(488);
    });

    it('followed by a BYE at once fails', async () => {
      const calling = start(site.target);
      const call = await site.phone.rings();
      const answerer = await site.passive(call.offer);
      call.respond(200, { body: passiveAnswer(answerer.path) });
      expect((await call.request('BYE')).status).to.equal(200);
      expect((await failure(calling)).status).to.equal(480);
    });

    it('after which no phone connects is ended after a while', async () => {
      const calling = start(site.target);
      const call = await site.phone.rings();
      await call.answer(chatOffer(MsrpChat.localPath(), { setup: 'active' }));
      await settled();
      site.clock.jump(9_000);
      expect(site.phone.client.received.some(isRequest('BYE'))).to.equal(false);
      site.clock.jump(1_100);
      await call.bye();
      expect((await failure(calling)).status).to.equal(488);
    });

    it('of a phone that cannot be reached is ended', async () => {
      const calling = start(site.target);
      const call = await site.phone.rings();
      await call.answer(passiveAnswer('msrp://127.0.0.1:1/abc;tcp'));
      await call.bye();
      expect((await failure(calling)).status).to.equal(488);
    });

    it('is the first chat of a phone that connects itself', async () => {
      const calling = start(site.target);
      const call = await site.phone.rings();
      const own = MsrpChat.localPath();
      await call.answer(chatOffer(own, { setup: 'active' }));
      const chat = await site.active(own, call.offer);
      const called = await calling;
      expect(called.peer.acceptTypes).to.deep.equal(['message/cpim', 'text/plain']);
      await called.send(text('hello'));
      expect(chat.messages().map(({ body }) => body)).to.deep.equal(['hello']);
      const leaving = called.hangUp('delivered');
      await call.bye();
      await leaving;
    });
  });

  describe('its chat', () => {
    it('brings texts in order, each once, with the Message-IDs they were given', async () => {
      await open();
      const { called, call, chat } = await chatting();
      const words = Array.from({ length: 25 }, (_, index) => `text ${index}`);
      await Promise.all(words.map((each, index) => called.send(text(each, `id-${index}`))));
      expect(chat.messages().map(({ body }) => body)).to.deep.equal(words);
      expect(chat.messages().map(({ messageId }) => messageId)).to.deep.equal(words.map((_, i) => `id-${i}`));
      const leaving = called.hangUp('delivered');
      await call.bye();
      await leaving;
    });

    it('ends after the last answer, and its connection after the BYE', async () => {
      await open({ limits: { linger: 50 } });
      const { called, call, chat } = await chatting();
      const sending = called.send(text('last'));
      let answered = false;
      void sending.then(() => (answered = true));
      const leaving = called.hangUp('delivered');
      const bye = await call.next('BYE');
      expect(answered).to.equal(true);
      expect(chat.closed).to.equal(false);
      expect(bye.header('Reason')).to.equal('');
      call.reply(bye);
      await leaving;
      await called.hangUp('again');
      site.clock.jump(100);
      await chat.waitForClose();
      expect(await rejection(called.send(text('late')))).to.be.instanceOf(SessionClosed);
    });

    it('says what the phone refuses, and goes on', async () => {
      await open();
      const { called, call } = await chatting(({ body }) => (body === 'bad' ? '415 What' : '200 OK'));
      const refused = await rejection(called.send(text('bad')));
      expect(refused).to.be.instanceOf(SendFailed);
      expect((refused as SendFailed).status).to.equal(415);
      await called.send(text('good'));
      const leaving = called.hangUp('delivered');
      await call.bye();
      await leaving;
    });

    it('fails what was not answered when the phone hangs up', async () => {
      await open();
      const { called, call, chat } = await chatting(({ body }) => (body === 'unheard' ? '' : '200 OK'));
      await called.send(text('heard'));
      const sending = rejection(called.send(text('unheard')));
      await chat.waitForMessages(2);
      expect((await call.request('BYE')).status).to.equal(200);
      expect(await sending).to.be.instanceOf(SessionClosed);
      await called.hangUp('failed');
      expect(await rejection(called.send(text('late')))).to.be.instanceOf(SessionClosed);
    });

    it('ends the call when its connection is lost', async () => {
      await open();
      const { called, call, chat } = await chatting(silentToTexts);
      const sending = rejection(called.send(text('unheard')));
      await chat.waitForMessages(1);
      chat.close();
      expect(await sending).to.be.instanceOf(SessionClosed);
      await call.bye();
      await called.hangUp('failed');
    });

    it('waits while the phone holds, and goes on when it does', async () => {
      await open();
      const { called, call, chat, answerer } = await chatting();
      const held = `${passiveAnswer(answerer.path).replace('1 1 IN', '1 2 IN')}a=sendonly\r\n`;
      expect((await call.request('INVITE', { body: held })).status).to.equal(200);
      let sent = false;
      const sending = called.send(text('patient')).then(() => (sent = true));
      await settled();
      expect(sent).to.equal(false);
      expect(chat.messages()).to.have.length(0);
      const resumed = passiveAnswer(answerer.path).replace('1 1 IN', '1 3 IN');
      expect((await call.request('INVITE', { body: resumed })).status).to.equal(200);
      await sending;
      const leaving = called.hangUp('delivered');
      await call.bye();
      await leaving;
    });

    it('is dropped at once when it lasts too long, held or not, and what was not answered fails', async () => {
      await open({ limits: { linger: 50 } });
      const { called, call, answerer } = await chatting();
      const held = `${passiveAnswer(answerer.path).replace('1 1 IN', '1 2 IN')}a=sendonly\r\n`;
      expect((await call.request('INVITE', { body: held })).status).to.equal(200);
      const sending = called.send(text('patient'));
      called.drop('it lasts too long');
      await call.bye();
      expect(await sending.catch((error: unknown) => error)).to.be.instanceOf(SessionClosed);
      await called.hangUp('failed');
    });

    it('follows a phone that goes on from elsewhere: what it had not answered comes again there, under its Message-ID', async () => {
      await open({ limits: { linger: 50 } });
      const { called, call, chat } = await chatting(silentToTexts);
      const sending = called.send(text('twice'));
      await chat.waitForMessages(1);
      const elsewhere = await site.passive(call.offer);
      const body = passiveAnswer(elsewhere.path).replace('1 1 IN', '1 2 IN');
      expect((await call.request('INVITE', { body })).status).to.equal(200);
      chat.close();
      await sending;
      const moved = (await elsewhere.chat).messages();
      expect(moved.map(({ messageId, body: words }) => [messageId, words])).to.deep.equal([
        ['twice', 'twice'],
      ]);
      const leaving = called.hangUp('delivered');
      await call.bye();
      await leaving;
    });

    it('refuses words, and takes what a client tells of its texts', async () => {
      await open();
      const { called, call, chat } = await chatting();
      expect((await chat.send(TEXT, 'who is there?')).status).to.equal(403);
      const mark =
        '<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>active</state></isComposing>';
      expect((await chat.send('application/im-iscomposing+xml', mark)).status).to.equal(200);
      expect(site.notices).to.deep.equal(['application/im-iscomposing+xml']);
      const leaving = called.hangUp('delivered');
      await call.bye();
      await leaving;
    });

    it('keeps the session alive with refreshes when the phone wants us to', async () => {
      await open();
      const { called, call } = await chatting(undefined, [
        'Allow: INVITE, ACK, BYE, UPDATE',
        'Session-Expires: 90;refresher=uac',
      ]);
      site.clock.jump(45_100);
      const update = await call.next('UPDATE');
      expect(update.header('Session-Expires')).to.equal('90;refresher=uac');
      call.reply(update, 200, { headers: ['Session-Expires: 90;refresher=uac'] });
      await settled();
      const leaving = called.hangUp('delivered');
      await call.bye();
      await leaving;
    });

    it('is hung up on when the program stops', async () => {
      await open();
      const { called, call } = await chatting(silentToTexts);
      const sending = rejection(called.send(text('unheard')));
      const stopping = site.chats.hangUpAll();
      await call.bye();
      await stopping;
      expect(await sending).to.be.instanceOf(SessionClosed);
    });

    it('counts among the sessions there may be', async () => {
      await open({ maxSessions: 1 });
      const { called, call } = await chatting();
      await unsent(start(site.target));
      const leaving = called.hangUp('delivered');
      await call.bye();
      await leaving;
      const calling = start(site.target);
      (await site.phone.rings()).respond(486);
      expect((await failure(calling)).status).to.equal(486);
    });

    it('outlives the SIP server: what was sent is answered, and hanging up ends it', async () => {
      await open({ limits: { linger: 50 } });
      const { called, chat } = await chatting();
      await site.engine.close();
      await called.send(text('late'));
      expect(chat.messages().map(({ body }) => body)).to.deep.equal(['late']);
      await called.hangUp('delivered');
      site.clock.jump(100);
      await chat.waitForClose();
    });
  });

  describe('over TLS', () => {
    let tls: { key: string; cert: string };

    before(async () => {
      const made = await generate([{ name: 'commonName', value: 'localhost' }]);
      tls = { key: made.private, cert: made.cert };
    });

    it('is made anew for a phone that refuses plain TCP', async () => {
      const listen = (['tcp', 'tls'] as const).map((transport) => ({
        transport,
        host: '127.0.0.1',
        port: 0,
      }));
      await open({ listen, tls });
      const calling = start(site.target);
      const first = await site.phone.rings();
      expect(first.offer).to.include(' TCP/MSRP ');
      first.respond(488);
      await first.next('ACK');
      const call = await site.phone.rings();
      expect(call.offer)
        .to.include(' TCP/TLS/MSRP ')
        .and.match(/a=fingerprint:sha-256 /i);
      const answerer = await site.passive(call.offer, {}, tls);
      await call.answer(passiveAnswer(answerer.path));
      const called = await calling;
      await called.send(text('hidden'));
      expect((await answerer.chat).messages().map(({ body }) => body)).to.deep.equal(['hidden']);
      const leaving = called.hangUp('delivered');
      await call.bye();
      await leaving;
    });
  });

  it('is made anew for a phone that takes nothing but a WebSocket; it gives up when that is refused too', async () => {
    await open();
    site.endpoint.attach({ transport: 'ws', host: '127.0.0.1', port: 9 });
    const calling = start(site.target);
    const first = await site.phone.rings();
    first.respond(488);
    await first.next('ACK');
    const second = await site.phone.rings();
    expect(pathOf(second.offer)).to.match(/^msrp:.*;ws$/);
    expect(second.offer).to.match(/^a=setup:passive\r$/m);
    second.respond(488);
    expect((await failure(calling)).status).to.equal(488);
    expect(site.phone.calls).to.equal(2);
  });

  describe('through a proxy that asks who we are', () => {
    it('comes again with credentials, in the same call', async () => {
      await open({ credentials: { username: 'mailbox', password: 'secret' } });
      const calling = start(site.target);
      const first = await site.phone.rings();
      first.respond(407, {
        headers: ['Proxy-Authenticate: Digest realm="example.test", nonce="n1", qop="auth"'],
      });
      await first.next('ACK');
      const call = await site.phone.rings();
      expect(call.invite.header('Proxy-Authorization')).to.include('username="mailbox"');
      expect(call.invite.header('Call-ID')).to.equal(first.invite.header('Call-ID'));
      expect(call.invite.header('CSeq')).to.equal('2 INVITE');
      const answerer = await site.passive(call.offer);
      await call.answer(passiveAnswer(answerer.path));
      const leaving = (await calling).hangUp('delivered');
      await call.bye();
      await leaving;
      expect(site.phone.client.received.filter(isResponse(481))).to.have.length(0);
    });
  });
});

/** Answers the bind, and no text. */
function silentToTexts({ body }: ChatMessage): string {
  return body === '' ? '200 OK' : '';
}

/** What was sent so far has arrived. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 100));
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
}
