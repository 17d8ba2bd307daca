import { expect } from 'chai';
import type { PaperApplication, PaperFrame, PaperMessage, PaperPeer, RequestParts } from './paper-engine.ts';
import { PaperEngine, idsOf } from './paper-engine.ts';

const REASON = 'Reason: SIP;cause=200;text="Call completed elsewhere"';

describe('CANCEL (RFC 3261 §9)', () => {
  let engine: PaperEngine;
  let app: PaperApplication;
  let peer: PaperPeer;

  beforeEach(() => {
    engine = new PaperEngine();
    app = engine.application(['INVITE', 'MESSAGE']);
    peer = engine.peer(5071);
  });

  /** After every test, whatever happened in it. */
  afterEach(async () => {
    await engine.clock.advance(700_000);
    expect(engine.left).to.deep.equal([]);
  });

  describe('of the peer’s INVITE (§9.2)', () => {
    const parts: RequestParts = { callId: 'c', branch: 'z9hG4bKc' };
    let invite: PaperFrame;

    const ack = (to: PaperMessage): void => peer.send(peer.request('ACK', { ...parts, to: to.header('To') }));
    const cancel = (more: RequestParts = {}): void =>
      peer.send(peer.request('CANCEL', { ...parts, ...more }));

    beforeEach(() => {
      peer.send(peer.request('INVITE', parts));
      invite = app.frame('INVITE');
    });

    it('before any response: 200 and 487, the application is told, Reason and all', () => {
      cancel({ headers: [REASON] });
      const [ok, terminated] = peer.take();
      expect([ok?.name, terminated?.name]).to.deep.equal(['200 CANCEL', '487 INVITE']);
      expect(ok?.tag('To'), 'the same To tag in both').to.equal(terminated?.tag('To'));
      const told = app.frame('CANCEL');
      expect(told.message.text).to.contain(REASON);
      expect(idsOf(told).transactionId).to.equal(idsOf(invite).transactionId);
      if (terminated !== undefined) ack(terminated);
    });

    it('stranger: who sends its CANCEL from elsewhere cancels nothing', () => {
      const stranger = engine.peer(5071, 'udp', '203.0.113.9');
      stranger.send(peer.request('CANCEL', parts));
      expect(stranger.news()).to.deep.equal(['481 CANCEL']);
      expect(peer.news()).to.deep.equal([]);
      app.reply(invite, 486);
      ack(peer.taken('486 INVITE'));
    });

    it('while it rings: the 487 has the tag of the 180', () => {
      app.reply(invite, 180);
      cancel();
      const [ringing, ok, terminated] = peer.take();
      expect([ringing?.name, ok?.name, terminated?.name]).to.deep.equal([
        '180 INVITE',
        '200 CANCEL',
        '487 INVITE',
      ]);
      expect(terminated?.tag('To')).to.equal(ringing?.tag('To'));
    });

    it('sent again: the same 200, and the application is told once', () => {
      cancel();
      peer.take();
      cancel();
      expect(peer.news()).to.deep.equal(['200 CANCEL']);
      expect(app.news()).to.deep.equal(['INVITE', 'CANCEL']);
    });

    it('crossing the 2xx: 200, and the call stands', async () => {
      app.reply(invite, 200);
      cancel();
      const [accepted, ok] = peer.take();
      expect([accepted?.name, ok?.name]).to.deep.equal(['200 INVITE', '200 CANCEL']);
      expect(app.news(), 'no CANCEL').to.deep.equal(['INVITE']);
      expect(engine.dialogs.size).to.equal(1);
      const to = accepted?.header('To') ?? '';
      peer.send(peer.request('ACK', { callId: 'c', to }));
      peer.send(peer.request('BYE', { callId: 'c', to, cseq: 2 }));
      await engine.settle();
      app.reply(app.frame('BYE'), 200);
    });

    it('crossing the refusal: 200, and the refusal stands', () => {
      app.reply(invite, 486);
      cancel();
      expect(peer.news()).to.deep.equal(['486 INVITE', '200 CANCEL']);
      expect(app.news()).to.deep.equal(['INVITE']);
    });

    it('the application answers after it: its answer goes nowhere, and it is told so', () => {
      cancel();
      peer.take();
      app.reply(invite, 200);
      app.reply(invite, 487);
      expect(app.failures).to.deep.equal(['unknown transaction', 'unknown transaction']);
      expect(peer.news()).to.deep.equal([]);
      expect(engine.dialogs.size).to.equal(0);
    });

    it('of a transaction that is over: 481', async () => {
      app.reply(invite, 486);
      ack(peer.taken('486 INVITE'));
      await engine.clock.advance(5_000);
      cancel();
      expect(peer.news()).to.deep.equal(['481 CANCEL']);
    });

    it('of an INVITE nobody sent: 481, whatever it requires', () => {
      cancel({ branch: 'z9hG4bKother', headers: ['Require: 100rel'] });
      expect(peer.news()).to.deep.equal(['481 CANCEL']);
      cancel({ headers: ['Require: 100rel'] });
      expect(peer.news(), 'a CANCEL is never refused for an extension').to.deep.equal([
        '200 CANCEL',
        '487 INVITE',
      ]);
    });

    it('the 487 is repeated until its ACK', async () => {
      cancel();
      peer.take();
      await engine.clock.advance(1_500);
      const [again, once] = peer.take();
      expect([again?.name, once?.name]).to.deep.equal(['487 INVITE', '487 INVITE']);
      if (again !== undefined) ack(again);
      await engine.clock.advance(10_000);
      expect(peer.news()).to.deep.equal([]);
    });
  });

  it('of another request has no effect, and gets 200 all the same (§9.2)', () => {
    const parts = { callId: 'm', branch: 'z9hG4bKm' };
    peer.send(peer.request('MESSAGE', parts));
    peer.send(peer.request('CANCEL', parts));
    expect(peer.news()).to.deep.equal(['200 CANCEL']);
    app.reply(app.frame('MESSAGE'), 200);
    expect(peer.news()).to.deep.equal(['200 MESSAGE']);
    expect(app.news()).to.deep.equal(['MESSAGE']);
  });

  it('of a re-INVITE ends that, and not the call', async () => {
    peer.send(peer.request('INVITE', { callId: 'c' }));
    app.reply(app.frame('INVITE'), 200);
    const to = peer.taken('200 INVITE').header('To');
    peer.send(peer.request('ACK', { callId: 'c', to }));
    const again = { callId: 'c', to, cseq: 2, branch: 'z9hG4bKre' };
    peer.send(peer.request('INVITE', again));
    peer.send(peer.request('CANCEL', again));
    expect(peer.news()).to.deep.equal(['200 CANCEL', '487 INVITE']);
    peer.send(peer.request('ACK', again));
    peer.send(peer.request('INVITE', { callId: 'c', to, cseq: 3 }));
    app.reply(app.frame('INVITE'), 200);
    expect(peer.news(), 'the next one is taken').to.deep.equal(['200 INVITE']);
    peer.send(peer.request('ACK', { callId: 'c', to, cseq: 3 }));
    peer.send(peer.request('BYE', { callId: 'c', to, cseq: 4 }));
    await engine.settle();
    app.reply(app.frame('BYE'), 200);
  });

  describe('of our INVITE (§9.1)', () => {
    let invite: PaperMessage;
    let transactionId: string;

    beforeEach(async () => {
      app.request('INVITE', peer.uri);
      await engine.settle();
      invite = peer.taken('INVITE');
      ({ transactionId } = idsOf(app.frame('INVITE', 'application')));
      app.frames.length = 0;
    });

    it('waits for a provisional response; it is the INVITE’s own but for what the application adds', async () => {
      app.cancel(transactionId, [REASON, 'Require: nothing', 'Content-Type: text/plain']);
      await engine.settle();
      expect(peer.news()).to.deep.equal([]);
      peer.send(peer.answer(invite, 180));
      const cancel = peer.taken('CANCEL');
      for (const name of ['Via', 'From', 'To', 'Call-ID'])
        expect(cancel.header(name)).to.equal(invite.header(name));
      expect(cancel.header('CSeq')).to.equal('1 CANCEL');
      expect(cancel.startLine.split(' ')[1]).to.equal(invite.startLine.split(' ')[1]);
      expect(cancel.text).to.contain(REASON).and.not.contain('Require').and.not.contain('Content-Type');
      peer.send(peer.answer(cancel, 200));
      peer.send(peer.answer(invite, 487));
      expect(peer.news()).to.deep.equal(['ACK']);
      expect(app.news()).to.deep.equal(['180 INVITE', '487 INVITE']);
    });

    it('before a refusal without any provisional response: none is sent', () => {
      app.cancel(transactionId);
      peer.send(peer.answer(invite, 486));
      expect(peer.news()).to.deep.equal(['ACK']);
      expect(app.news()).to.deep.equal(['486 INVITE']);
    });

    it('crossing the 2xx: the call is the application’s, which acknowledges and ends it', async () => {
      peer.send(peer.answer(invite, 180));
      app.cancel(transactionId);
      const cancel = peer.taken('CANCEL');
      peer.send(peer.answer(invite, 200));
      peer.send(peer.answer(cancel, 200));
      const { dialogId } = idsOf(app.frame('200 INVITE'));
      app.inDialog('ACK', dialogId);
      app.inDialog('BYE', dialogId);
      await engine.settle();
      const bye = peer.taken('BYE');
      peer.send(peer.answer(bye, 200));
      expect(engine.dialogs.size).to.equal(0);
    });

    it('after the 2xx: is refused, for the call is there', async () => {
      peer.send(peer.answer(invite, 200));
      app.cancel(transactionId);
      expect(app.failures).to.deep.equal(['no INVITE in progress to cancel']);
      expect(peer.news()).to.deep.equal([]);
      const { dialogId } = idsOf(app.frame('200 INVITE'));
      app.inDialog('ACK', dialogId);
      app.inDialog('BYE', dialogId);
      await engine.settle();
      peer.send(peer.answer(peer.taken('BYE'), 200));
    });

    it('after the refusal: is refused', () => {
      peer.send(peer.answer(invite, 486));
      app.cancel(transactionId);
      expect(app.failures).to.deep.equal(['no INVITE in progress to cancel']);
    });

    it('of another application’s INVITE is refused', () => {
      const other = engine.application([], 'other');
      peer.send(peer.answer(invite, 180));
      other.cancel(transactionId);
      expect(other.failures).to.deep.equal(['no INVITE in progress to cancel']);
      expect(peer.news()).to.deep.equal([]);
      peer.send(peer.answer(invite, 486));
    });

    it('is repeated until it is answered; twice asked for, it is one', async () => {
      peer.send(peer.answer(invite, 180));
      app.cancel(transactionId);
      app.cancel(transactionId);
      await engine.clock.advance(1_500);
      const cancels = peer.take();
      expect(cancels.map(({ name }) => name)).to.deep.equal(['CANCEL', 'CANCEL', 'CANCEL']);
      expect(new Set(cancels.map(({ text }) => text)).size).to.equal(1);
      peer.send(peer.answer(invite, 487));
    });

    it('timer X: the call is over 64*T1 after a CANCEL that changed nothing; a late 2xx finds nobody', async () => {
      peer.send(peer.answer(invite, 180));
      app.cancel(transactionId);
      await engine.clock.advance(31_999);
      expect(app.news()).to.deep.equal(['180 INVITE']);
      await engine.clock.advance(1);
      expect(app.news()).to.deep.equal(['487 INVITE']);
    });

    it('timer C: who rings for five minutes is called off, and its 487 acknowledged', async () => {
      peer.send(peer.answer(invite, 180));
      await engine.clock.advance(300_000);
      expect(app.news()).to.deep.equal(['180 INVITE', '408 INVITE']);
      const cancel = peer.taken('CANCEL');
      peer.send(peer.answer(cancel, 200));
      peer.send(peer.answer(invite, 487));
      expect(peer.news()).to.deep.equal(['ACK']);
    });

    it('timer C crossing the 2xx: nobody waits for that call, it is acknowledged and put down', async () => {
      peer.send(peer.answer(invite, 180));
      await engine.clock.advance(300_000);
      peer.take();
      peer.send(peer.answer(invite, 200));
      await engine.settle();
      expect(peer.news()).to.deep.equal(['ACK', 'BYE']);
    });
  });
});
