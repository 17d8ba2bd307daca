import { expect } from 'chai';
import { settle } from '../doubles/fake-clock.ts';
import { FakeLink, Outbox } from './outbox.ts';

const ELSEWHERE = 'msrp://new:3/n;tcp';

/** The peer goes on over another connection, and messages go there. */
function goOn(outbox: Outbox, relayed = false): void {
  outbox.messages.redirect(ELSEWHERE, relayed);
  outbox.link = new FakeLink();
  outbox.messages.start();
}

describe('a message of ours whose 200 came before the peer went on from elsewhere', () => {
  it('was not delivered for sure when that was the 200 of a relay, which the new path does without', async () => {
    const outbox = new Outbox({ relayed: true });
    const former = outbox.link;
    outbox.send('m1');
    await outbox.answer('m1');
    goOn(outbox);
    outbox.messages.lose(former, 'moved');
    await settle();
    expect(outbox.outcome('m1')).to.equal('SessionClosed');
  });

  it('was not delivered for sure when the peer was seen to report, and had not yet on this one', async () => {
    const outbox = new Outbox();
    const former = outbox.link;
    outbox.send('m1');
    outbox.send('m2');
    await outbox.answer('m1');
    await outbox.report('m1');
    await outbox.answer('m2');
    goOn(outbox);
    outbox.messages.lose(former, 'moved');
    await settle();
    expect([outbox.outcome('m1'), outbox.outcome('m2')]).to.deep.equal(['delivered', 'SessionClosed']);
  });

  it('was delivered when nothing more was due where it went, though the new path leads over a relay', async () => {
    const outbox = new Outbox();
    const former = outbox.link;
    outbox.send('m1');
    await outbox.answer('m1');
    goOn(outbox, true);
    outbox.messages.lose(former, 'moved');
    await settle();
    expect(outbox.outcome('m1')).to.equal('delivered');
  });

  it('says nothing of whether the peer reports where it is now', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    await outbox.answer('m1');
    goOn(outbox);
    await outbox.clock.advance(2_000);
    expect(outbox.outcome('m1')).to.equal('delivered');
    outbox.send('m2');
    await outbox.answer('m2');
    await outbox.clock.advance(1_000);
    await outbox.report('m2', '000 413 Too long');
    expect(outbox.outcome('m2')).to.equal('SendFailed 413 Too long');
  });
});
