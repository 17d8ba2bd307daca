import { expect } from 'chai';
import type { CalledChat, PushTarget } from '../../src/mailbox/push/delivery-ports.ts';
import { CallFailed } from '../../src/mailbox/push/delivery-ports.ts';
import { AnsweringPhone } from '../doubles/answering-phone.ts';
import { pathOf } from '../doubles/msrp-chat.ts';
import { isRequest } from '../doubles/raw-sip-client.ts';
import { ALICE, CalledSite, passiveAnswer } from '../sip/calls/called-site.ts';
import type { Kamailio } from './kamailio.ts';
import { startKamailio } from './kamailio.ts';
import type { MsrpRelay } from './msrp-relay.ts';
import { startMsrpRelay } from './msrp-relay.ts';
import { RelayedClient } from './relayed-client.ts';
import { requirePeer } from './require-peer.ts';

describe('a call of ours through a real Kamailio', function () {
  this.timeout(30_000);
  requirePeer('kamailio');

  let kamailio: Kamailio;
  let site: CalledSite;
  let others: { close(): unknown }[];

  beforeEach(async () => {
    others = [];
    site = await CalledSite.open({
      proxy: async (udp) => {
        kamailio = await startKamailio({ mailbox: `sip:127.0.0.1:${udp}`, sanity: true });
        return kamailio.port;
      },
    });
  });

  afterEach(async () => {
    for (const each of others) await each.close();
    expect(await site.close()).to.equal(0);
    await kamailio.stop();
    expect(kamailio.log()).not.to.include('SANITY');
  });

  function target(): PushTarget {
    return { ...site.target, hop: `sip:127.0.0.1:${kamailio.port}` };
  }

  function call(): Promise<CalledChat> {
    const calling = site.caller.call(target());
    calling.catch(() => undefined);
    return calling;
  }

  async function status(calling: Promise<unknown>): Promise<number> {
    const error: unknown = await calling.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(CallFailed);
    return (error as CallFailed).status;
  }

  function text(words: string): { messageId: string; contentType: string; content: Buffer } {
    return { messageId: words, contentType: 'text/plain; charset=utf-8', content: Buffer.from(words) };
  }

  it('finds the phone where it registered, brings texts and hangs up along the recorded route', async () => {
    await site.phone.register(ALICE);
    const calling = call();
    const incoming = await site.phone.rings();
    expect(incoming.invite.headers('Record-Route')).to.have.length.greaterThan(0);
    expect(incoming.invite.header('X-Text-Mailbox-Delivery')).to.equal('yes');
    const answerer = await site.passive(incoming.offer);
    await incoming.answer(passiveAnswer(answerer.path));
    const called = await calling;
    await Promise.all(['one', 'two', 'three'].map((words) => called.send(text(words))));
    expect((await answerer.chat).messages().map(({ body }) => body)).to.deep.equal(['one', 'two', 'three']);
    const leaving = called.hangUp('delivered');
    await incoming.bye();
    await leaving;
  });

  it('is ended by the phone', async () => {
    await site.phone.register(ALICE);
    const calling = call();
    const incoming = await site.phone.rings();
    const answerer = await site.passive(incoming.offer);
    await incoming.answer(passiveAnswer(answerer.path));
    const called = await calling;
    expect((await incoming.request('BYE')).status).to.equal(200);
    await called.hangUp('failed');
  });

  it('rings one of two phones of hers: nobody is to read a text twice (RFC 3841)', async () => {
    const other = await AnsweringPhone.open(kamailio.port);
    others.push(other);
    await site.phone.register(ALICE);
    await other.register(ALICE);
    const calling = call();
    const rings = [site.phone.rings(), other.rings()];
    const answering = await Promise.any(rings);
    const answerer = await site.passive(answering.offer);
    await answering.answer(passiveAnswer(answerer.path));
    const leaving = (await calling).hangUp('delivered');
    await answering.bye();
    await leaving;
    const ringing = (await Promise.allSettled(rings)).filter(({ status: each }) => each === 'fulfilled');
    expect(ringing).to.have.length(1);
  });

  it('stops ringing after a while', async () => {
    await site.phone.register(ALICE);
    const calling = call();
    const incoming = await site.phone.rings();
    await new Promise((resolve) => setTimeout(resolve, 200));
    site.clock.jump(26_000);
    expect(await status(calling)).to.equal(408);
    incoming.reply(await incoming.next('CANCEL'));
    incoming.respond(487);
    await site.phone.client.nextMessage(isRequest('ACK'));
  });

  it('that comes back to us, since she is gone after all, is not answered by ourselves', async () => {
    await site.phone.register(ALICE);
    const calling = call();
    (await site.phone.rings()).respond(480);
    expect(await status(calling)).to.equal(480);
  });

  it('that comes back to us, since nobody is registered, is not answered by ourselves', async () => {
    expect(await status(call())).to.equal(480);
  });

  describe('to a phone behind its MSRP relay', () => {
    let relay: MsrpRelay;

    beforeEach(async () => {
      relay = await startMsrpRelay();
    });

    afterEach(async () => {
      await relay.stop();
    });

    it('binds over the relay, and brings texts', async () => {
      await site.phone.register(ALICE);
      const client = await RelayedClient.open(relay.port, 'alice');
      others.push(client);
      const calling = call();
      const incoming = await site.phone.rings();
      await incoming.answer(passiveAnswer(client.path));
      const bind = await client.nextRequest();
      expect(bind.header('From-Path')).to.include(pathOf(incoming.offer));
      await client.answer(bind);
      const called = await calling;
      const sending = called.send(text('far'));
      const sent = await client.nextRequest();
      expect(sent.body.toString()).to.equal('far');
      await client.acknowledge(sent);
      await sending;
      const leaving = called.hangUp('delivered');
      await incoming.bye();
      await leaving;
    });
  });
});
