import { expect } from 'chai';
import { DIALOG_LIMITS } from '../../../src/engine/dialog/limits.ts';
import type { PaperApplication, PaperPeer } from './paper-engine.ts';
import { PaperEngine, idsOf } from './paper-engine.ts';

describe('an application that dies', () => {
  let engine: PaperEngine;
  let app: PaperApplication;
  let peer: PaperPeer;

  beforeEach(() => {
    engine = new PaperEngine();
    app = engine.application(['INVITE', 'MESSAGE', 'SUBSCRIBE']);
    peer = engine.peer(5071);
  });

  /** After every test, whatever happened in it. */
  afterEach(async () => {
    await engine.clock.advance(13 * 3_600_000);
    expect(engine.left).to.deep.equal([]);
  });

  function called(callId: string): string {
    peer.send(peer.request('INVITE', { callId }));
    app.reply(app.frame('INVITE'), 200);
    const to = peer.taken('200 INVITE').header('To');
    return to;
  }

  it('what it has not answered gets 503, its INVITEs too', async () => {
    peer.send(peer.request('MESSAGE'));
    peer.send(peer.request('INVITE', { callId: 'i', branch: 'z9hG4bKi' }));
    engine.kill(app);
    await engine.settle();
    expect(peer.news()).to.deep.equal(['503 MESSAGE', '503 INVITE']);
    peer.send(peer.request('ACK', { callId: 'i', branch: 'z9hG4bKi' }));
  });

  it('what it is calling is cancelled; who takes the call all the same is acknowledged and put down', async () => {
    app.request('INVITE', peer.uri);
    app.request('INVITE', peer.uri);
    await engine.settle();
    const [ringing, silent] = peer.take();
    if (ringing === undefined || silent === undefined) throw new Error('two INVITEs were sent');
    peer.send(peer.answer(ringing, 180));
    engine.kill(app);
    await engine.settle();
    const cancel = peer.taken('CANCEL');
    expect(cancel.header('Call-ID')).to.equal(ringing.header('Call-ID'));
    expect(cancel.header('Reason')).to.contain('cause=503');
    peer.send(peer.answer(ringing, 487));
    expect(peer.news()).to.deep.equal(['ACK']);
    peer.send(peer.answer(silent, 200));
    await engine.settle();
    const [ack, bye] = peer.take();
    expect([ack?.name, bye?.name]).to.deep.equal(['ACK', 'BYE']);
    if (bye !== undefined) peer.send(peer.answer(bye, 200));
  });

  it('what it asked for a moment before is called off as soon as it rings', async () => {
    app.request('INVITE', peer.uri);
    engine.kill(app);
    await engine.settle();
    const invite = peer.taken('INVITE');
    await engine.clock.advance(100);
    peer.send(peer.answer(invite, 180));
    expect(peer.news()).to.deep.equal(['CANCEL']);
    peer.send(peer.answer(invite, 487));
  });

  it('its calls are ended by BYE with the reason, and unknown from then on', async () => {
    const to = called('c');
    peer.send(peer.request('ACK', { callId: 'c', to }));
    engine.kill(app);
    peer.send(peer.request('INFO', { callId: 'c', to, cseq: 2 }));
    expect(peer.news()).to.deep.equal(['481 INFO']);
    await engine.settle();
    const bye = peer.taken('BYE');
    expect(bye.header('Reason')).to.equal('SIP;cause=503;text="application gone"');
    expect(bye.header('CSeq')).to.equal('1 BYE');
    peer.send(peer.answer(bye, 200));
  });

  it('a call whose 2xx has no ACK yet is ended as soon as it has (§15), or is given up', async () => {
    const to = called('c');
    called('d');
    engine.kill(app);
    await engine.settle();
    expect(peer.news()).to.deep.equal([]);
    peer.send(peer.request('INFO', { callId: 'c', to, cseq: 2 }));
    expect(peer.news(), 'the call is nobody’s').to.deep.equal(['481 INFO']);
    peer.send(peer.request('ACK', { callId: 'c', to }));
    await engine.settle();
    peer.send(peer.answer(peer.taken('BYE'), 200));
    await engine.clock.advance(32_000);
    const last = peer.take().at(-1);
    expect(last?.name).to.equal('BYE');
    expect(last?.header('Call-ID')).to.equal('d');
  });

  it('a call it has not acknowledged is, before its BYE', async () => {
    app.request('INVITE', peer.uri);
    await engine.settle();
    peer.send(peer.answer(peer.taken('INVITE'), 200));
    engine.kill(app);
    await engine.settle();
    const [ack, bye] = peer.take();
    expect([ack?.name, bye?.name]).to.deep.equal(['ACK', 'BYE']);
    expect(bye?.header('CSeq')).to.equal('2 BYE');
    if (bye !== undefined) peer.send(peer.answer(bye, 200));
  });

  it('a re-INVITE in one of its calls gets 487', async () => {
    const to = called('c');
    peer.send(peer.request('ACK', { callId: 'c', to }));
    peer.send(peer.request('INVITE', { callId: 'c', to, cseq: 2, branch: 'z9hG4bKre' }));
    engine.kill(app);
    await engine.settle();
    expect(peer.news()).to.have.members(['487 INVITE', 'BYE']);
    peer.send(peer.request('ACK', { callId: 'c', to, cseq: 2, branch: 'z9hG4bKre' }));
  });

  it('its subscriptions: the next SUBSCRIBE asks who knows of it, a NOTIFY gets 481', async () => {
    peer.send(peer.request('SUBSCRIBE', { callId: 's' }));
    app.reply(app.frame('SUBSCRIBE'), 200, ['Expires: 60']);
    const to = peer.taken('200 SUBSCRIBE').header('To');
    app.request('SUBSCRIBE', peer.uri);
    await engine.settle();
    const subscribe = peer.taken('SUBSCRIBE');
    peer.send(peer.answer(subscribe, 200));
    await engine.clock.advance(DIALOG_LIMITS.earlyNotifyPause);
    expect(engine.dialogs.size).to.equal(2);
    const other = engine.application(['SUBSCRIBE'], 'other');
    engine.kill(app);
    expect(engine.dialogs.size).to.equal(0);
    peer.send(peer.request('SUBSCRIBE', { callId: 's', to, cseq: 2 }));
    other.reply(other.frame('SUBSCRIBE'), 481);
    const notify = { from: `${subscribe.header('To')};tag=peer`, to: subscribe.header('From') };
    peer.send(peer.request('NOTIFY', { ...notify, callId: subscribe.header('Call-ID') }));
    expect(peer.news()).to.deep.equal(['481 SUBSCRIBE', '481 NOTIFY']);
  });

  it('others carry on: their calls, their requests, and what comes new', async () => {
    const other = engine.application(['INVITE', 'MESSAGE'], 'other');
    app.busy = true;
    peer.send(peer.request('INVITE', { callId: 'o' }));
    other.reply(other.frame('INVITE'), 200);
    const to = peer.taken('200 INVITE').header('To');
    peer.send(peer.request('ACK', { callId: 'o', to }));
    other.request('MESSAGE', peer.uri);
    await engine.settle();
    const message = peer.taken('MESSAGE');
    engine.kill(app);
    await engine.settle();
    peer.send(peer.answer(message, 200));
    peer.send(peer.request('MESSAGE'));
    peer.send(peer.request('BYE', { callId: 'o', to, cseq: 2 }));
    expect(other.news()).to.deep.equal(['INVITE', 'ACK', '200 MESSAGE', 'MESSAGE', 'BYE']);
    expect(peer.news()).to.deep.equal([]);
    expect(engine.dialogs.size).to.equal(1);
  });

  it('with thousands of calls: they are ended a few at a time, none forgotten', async () => {
    const count = 2_000;
    for (let index = 0; index < count; index++) {
      const callId = `c${index}`;
      peer.send(peer.request('ACK', { callId, to: called(callId) }));
      app.frames.length = 0;
    }
    engine.kill(app);
    expect(engine.dialogs.size).to.equal(0);
    await engine.settle();
    const { farewellsAtOnce, farewellInterval } = DIALOG_LIMITS;
    const byes = new Set<string>();
    const collect = (): number => {
      const came = peer.take().filter(({ name }) => name === 'BYE');
      for (const bye of came) {
        byes.add(bye.header('Call-ID'));
        peer.send(peer.answer(bye, 200));
      }
      return came.length;
    };
    expect(collect()).to.equal(farewellsAtOnce);
    for (let round = 1; round < count / farewellsAtOnce; round++) {
      await engine.clock.advance(farewellInterval);
      expect(collect()).to.equal(farewellsAtOnce);
    }
    expect(byes.size).to.equal(count);
  });

  it('that is only slow to die: its answers count no more', async () => {
    peer.send(peer.request('MESSAGE'));
    const frame = app.frame('MESSAGE');
    expect(idsOf(frame).dialogId).to.equal('');
    engine.kill(app);
    await engine.settle();
    app.reply(frame, 200);
    expect(app.failures).to.deep.equal(['unknown transaction']);
    expect(peer.news()).to.deep.equal(['503 MESSAGE']);
  });
});
