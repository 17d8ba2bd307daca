import { expect } from 'chai';
import type { PaperApplication, PaperMessage, PaperPeer, RequestParts } from './paper-engine.ts';
import { PaperEngine, idsOf } from './paper-engine.ts';

describe('requests that cross each other in a call', () => {
  let engine: PaperEngine;
  let app: PaperApplication;
  let peer: PaperPeer;

  beforeEach(() => {
    engine = new PaperEngine();
    app = engine.application(['INVITE']);
    peer = engine.peer(5071);
  });

  /** After every test, whatever happened in it. */
  afterEach(async () => {
    await engine.clock.advance(13 * 3_600_000);
    expect(engine.left).to.deep.equal([]);
  });

  /** A call of the application's that stands. */
  async function calling() {
    app.request('INVITE', peer.uri);
    await engine.settle();
    const invite = peer.taken('INVITE');
    peer.send(peer.answer(invite, 200));
    const { dialogId } = idsOf(app.frame('200 INVITE'));
    app.inDialog('ACK', dialogId);
    await engine.settle();
    expect(peer.news()).to.deep.equal(['ACK']);
    const say = (method: string, cseq: number, more: RequestParts = {}): void => {
      const from = `${invite.header('To')};tag=peer`;
      const callId = invite.header('Call-ID');
      peer.send(peer.request(method, { callId, from, to: invite.header('From'), cseq, ...more }));
    };
    const ask = async (method: string, headers: readonly string[] = []): Promise<PaperMessage> => {
      app.inDialog(method, dialogId, headers);
      await engine.settle();
      return peer.taken(method);
    };
    return { dialogId, say, ask };
  }

  describe('a re-INVITE of ours that is taken though the call is over (RFC 3261 §13.2.2.4)', () => {
    it('as our BYE was under way: its 2xx is acknowledged each time it comes, without the application', async () => {
      const { ask } = await calling();
      const invite = await ask('INVITE');
      peer.send(peer.answer(await ask('BYE'), 200));
      expect(engine.dialogs.size).to.equal(0);
      app.news();
      for (let round = 0; round < 2; round++) {
        peer.send(peer.answer(invite, 200));
        await engine.settle();
        const [ack, ...more] = peer.take();
        expect(ack?.name).to.equal('ACK');
        expect(ack?.header('CSeq')).to.equal(`${invite.header('CSeq').split(' ')[0] ?? ''} ACK`);
        expect(more).to.deep.equal([]);
      }
    });

    it('as the peer’s BYE was under way', async () => {
      const { ask, say } = await calling();
      const invite = await ask('INVITE');
      say('BYE', 1);
      app.reply(app.frame('BYE'), 200);
      peer.taken('200 BYE');
      peer.send(peer.answer(invite, 200));
      await engine.settle();
      expect(peer.news()).to.deep.equal(['ACK']);
    });
  });

  describe('while the ACK to our 2xx is awaited', () => {
    /** A call of the peer's that the application has answered, and the peer not acknowledged. */
    function called(more: RequestParts = {}) {
      peer.send(peer.request('INVITE', { callId: 'c', ...more }));
      app.reply(app.frame('INVITE'), 200, ['Content-Type: application/sdp', '', 'v=0']);
      const to = peer.taken('200 INVITE').header('To');
      const { dialogId } = idsOf(app.frame('200 INVITE', 'application'));
      const say = (method: string, cseq: number, parts: RequestParts = {}): void =>
        peer.send(peer.request(method, { callId: 'c', to, cseq, ...parts }));
      const ask = async (method: string): Promise<string[]> => {
        app.inDialog(method, dialogId);
        await engine.settle();
        return peer.news();
      };
      return { say, ask };
    }

    it('a re-INVITE of ours waits for it (§14.1)', async () => {
      const { say, ask } = called();
      expect(await ask('INVITE')).to.deep.equal([]);
      expect(await ask('INVITE'), 'a second one').to.deep.equal([]);
      expect(app.failures).to.deep.equal(['an INVITE is in progress']);
      say('ACK', 1);
      await engine.settle();
      peer.send(peer.answer(peer.taken('INVITE'), 488));
      expect(app.news()).to.deep.equal(['INVITE', 'ACK', '488 INVITE']);
    });

    it('one that never comes: BYE, and the re-INVITE is not sent', async () => {
      const { ask } = called();
      await ask('INVITE');
      await engine.clock.advance(32_000);
      peer.send(peer.answer(peer.taken('BYE'), 200));
      expect(peer.news()).to.deep.equal([]);
      expect(app.failures).to.deep.equal(['unable to find dialog']);
    });

    it('BYE of either goes before the re-INVITE that waits', async () => {
      const { say, ask } = called();
      await ask('INVITE');
      await ask('BYE');
      say('ACK', 1);
      await engine.settle();
      peer.send(peer.answer(peer.taken('BYE'), 200));
      await engine.settle();
      expect(peer.news()).to.deep.equal([]);
      expect(app.failures).to.deep.equal(['unable to find dialog']);
    });

    it('BYE of the peer ends the re-INVITE that waits', async () => {
      const { say, ask } = called();
      await ask('INVITE');
      say('BYE', 2);
      app.reply(app.frame('BYE'), 200);
      await engine.settle();
      expect(peer.news()).to.deep.equal(['200 BYE']);
      expect(app.failures).to.deep.equal(['unable to find dialog']);
    });

    it('with the answer to our offer in it: 491 to another offer, until it comes (RFC 5407 §3.1.5)', () => {
      const { say } = called();
      say('INVITE', 2, { branch: 'z9hG4bKx', headers: ['Content-Type: application/sdp'], body: 'v=0' });
      peer.taken('491 INVITE');
      say('ACK', 2, { branch: 'z9hG4bKx' });
      say('ACK', 1);
      expect(app.news()).to.deep.equal(['INVITE', 'ACK']);
      say('INVITE', 3);
      app.reply(app.frame('INVITE'), 200);
      say('ACK', 3);
      peer.taken('200 INVITE');
    });

    it('with nothing to say in it: a re-INVITE is taken (RFC 5407 §3.1.4)', () => {
      const { say } = called({ headers: ['Content-Type: application/sdp'], body: 'v=0' });
      say('INVITE', 2);
      app.reply(app.frame('INVITE'), 200);
      peer.taken('200 INVITE');
      say('ACK', 2);
    });
  });

  describe('UPDATE (RFC 3311 §5.2)', () => {
    const OFFER = ['Content-Type: application/sdp', '', 'v=0'];
    const withOffer = { headers: OFFER.slice(0, 1), body: 'v=0' };

    it('a second one before the first is answered: 500 with Retry-After of 0 to 10 s', async () => {
      const { say } = await calling();
      say('UPDATE', 1);
      say('UPDATE', 2);
      const refused = peer.taken('500 UPDATE');
      expect(Number(refused.header('Retry-After'))).to.be.within(0, 10);
      const first = app.frame('UPDATE');
      expect(app.news().filter((name) => name === 'UPDATE')).to.have.length(1);
      app.reply(first, 200);
      peer.taken('200 UPDATE');
      say('UPDATE', 3);
      app.reply(app.frame('UPDATE'), 200);
      expect(peer.news()).to.deep.equal(['200 UPDATE']);
    });

    it('with an offer that crosses one of ours: 491; without one it is the application’s', async () => {
      const { say, ask } = await calling();
      const invite = await ask('INVITE', OFFER);
      say('UPDATE', 1, withOffer);
      expect(peer.news()).to.deep.equal(['491 UPDATE']);
      say('UPDATE', 2);
      app.reply(app.frame('UPDATE'), 200);
      expect(peer.news()).to.deep.equal(['200 UPDATE']);
      peer.send(peer.answer(invite, 488));
      peer.taken('ACK');
      say('UPDATE', 3, withOffer);
      app.reply(app.frame('UPDATE'), 200);
      expect(peer.news()).to.deep.equal(['200 UPDATE']);
    });

    for (const method of ['INVITE', 'UPDATE']) {
      it(`an offer of ours in UPDATE that ${method} crosses: 491, until it is answered`, async () => {
        const { say, ask } = await calling();
        const update = await ask('UPDATE', OFFER);
        say(method, 1, { ...withOffer, branch: 'z9hG4bKx' });
        peer.taken(`491 ${method}`);
        if (method === 'INVITE') say('ACK', 1, { branch: 'z9hG4bKx' });
        peer.send(peer.answer(update, 200));
        say('UPDATE', 2, withOffer);
        app.reply(app.frame('UPDATE'), 200);
        expect(peer.news()).to.deep.equal(['200 UPDATE']);
      });
    }

    it('with an offer, before the peer’s re-INVITE is answered: 500 with Retry-After', async () => {
      const { say } = await calling();
      say('INVITE', 1);
      say('UPDATE', 2, withOffer);
      expect(Number(peer.taken('500 UPDATE').header('Retry-After'))).to.be.within(0, 10);
      app.reply(app.frame('INVITE'), 200);
      say('ACK', 1);
    });
  });
});
