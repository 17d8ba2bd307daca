import { expect } from 'chai';
import type { PaperApplication, PaperPeer } from './paper-engine.ts';
import { PaperEngine, idsOf } from './paper-engine.ts';

describe('a call the peer seems not to know any more (RFC 3261 §12.2.1.2)', () => {
  let engine: PaperEngine;
  let app: PaperApplication;
  let peer: PaperPeer;
  let dialogId: string;
  let say: (method: string, cseq: number) => void;

  beforeEach(async () => {
    engine = new PaperEngine();
    app = engine.application(['INVITE']);
    peer = engine.peer(5071);
    peer.send(peer.request('INVITE', { callId: 'c' }));
    app.reply(app.frame('INVITE'), 200);
    const to = peer.taken('200 INVITE').header('To');
    say = (method, cseq) => peer.send(peer.request(method, { callId: 'c', to, cseq }));
    say('ACK', 1);
    ({ dialogId } = idsOf(app.frame('200 INVITE', 'application')));
    app.inDialog('INFO', dialogId);
    await engine.settle();
  });

  /** After every test, whatever happened in it. */
  afterEach(async () => {
    await engine.clock.advance(13 * 3_600_000);
    expect(engine.left).to.deep.equal([]);
  });

  for (const [what, lose] of [
    ['481', () => peer.send(peer.answer(peer.taken('INFO'), 481))],
    ['no answer', () => engine.clock.advance(32_000)],
  ] as const) {
    it(`${what}: it is ended by BYE 64*T1 later, and the application told unasked`, async () => {
      await lose();
      peer.take();
      app.frames.length = 0;
      await engine.clock.advance(31_999);
      expect(peer.news()).to.deep.equal([]);
      await engine.clock.advance(1);
      peer.send(peer.answer(peer.taken('BYE'), 481));
      const told = app.frames.find(({ fields }) => fields.includes('unsolicited'));
      expect(told?.message.name).to.equal('BYE');
      expect(told?.fields).to.include(dialogId);
      expect(engine.dialogs.size).to.equal(0);
    });
  }

  it('the application may end it before', async () => {
    peer.send(peer.answer(peer.taken('INFO'), 481));
    app.inDialog('BYE', dialogId);
    await engine.settle();
    peer.send(peer.answer(peer.taken('BYE'), 481));
    app.frames.length = 0;
    await engine.clock.advance(64_000);
    expect(peer.news()).to.deep.equal([]);
    expect(app.frames).to.deep.equal([]);
  });

  it('a request of the peer shows that it stands', async () => {
    peer.send(peer.answer(peer.taken('INFO'), 481));
    say('INFO', 2);
    app.reply(app.frame('INFO'), 200);
    await engine.clock.advance(64_000);
    expect(engine.dialogs.size).to.equal(1);
    say('BYE', 3);
    app.reply(app.frame('BYE'), 200);
  });
});
