import { expect } from 'chai';
import { SendQueueFull, SendTimedOut, SessionClosed } from '../../src/msrp/errors.ts';
import { MSRP_LIMITS } from '../../src/msrp/limits.ts';
import { settle } from '../doubles/fake-clock.ts';
import { FakeLink, Outbox, RELAY } from './outbox.ts';

describe('a message of ours', () => {
  it('is one chunk in one write, headers in the order clients can read', () => {
    const outbox = new Outbox();
    outbox.send('m1', { content: Buffer.from('Grüße') });
    const [frame = ''] = outbox.written;
    const transactId = frame.split(' ')[1] ?? '';
    expect(transactId).to.match(/^[0-9a-f]{16}$/);
    expect(Buffer.from(frame, 'latin1').toString()).to.equal(
      [
        `MSRP ${transactId} SEND`,
        `To-Path: ${RELAY} msrp://bob:2/b;tcp`,
        'From-Path: msrp://127.0.0.1:2855/abc;tcp',
        'Message-ID: m1',
        'Success-Report: yes',
        'Byte-Range: 1-7/7',
        'Content-Type: text/plain; charset=utf-8',
        '',
        'Grüße',
        `-------${transactId}$`,
        '',
      ].join('\r\n'),
    );
  });

  it('asks for no report when none is wanted', () => {
    const outbox = new Outbox();
    outbox.send('m1', { successReport: false });
    expect(outbox.written.join()).not.to.include('Report');
  });

  it('is never cut short by an end-line of its own body', () => {
    const foreseen = new Outbox();
    foreseen.send('m1');
    const transactId = foreseen.written.join().split(' ')[1] ?? '';
    const outbox = new Outbox();
    outbox.send('m1', { content: Buffer.from(`x\r\n-------${transactId}$\r\n`) });
    expect(outbox.written.join().split(' ')[1]).not.to.equal(transactId);
  });

  it('waits until the session is bound', () => {
    const outbox = new Outbox({ started: false });
    outbox.send('m1');
    expect(outbox.written).to.have.length(0);
    outbox.start();
    expect(outbox.written).to.have.length(1);
  });

  it('is delivered by 200 and a report of success, in either order', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    outbox.send('m2');
    await outbox.answer('m1');
    expect(outbox.outcome('m1')).to.equal('open');
    await outbox.report('m1');
    expect(outbox.outcome('m1')).to.equal('delivered');
    await outbox.report('m2');
    expect(outbox.outcome('m2')).to.equal('delivered');
    await outbox.answer('m2');
    expect(outbox.clock.pendingTimers).to.equal(0);
  });

  it('is delivered by 200 alone when no report says otherwise in time', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    await outbox.answer('m1');
    await outbox.clock.advance(MSRP_LIMITS.reportWait - 1);
    expect(outbox.outcome('m1')).to.equal('open');
    await outbox.clock.advance(1);
    expect(outbox.outcome('m1')).to.equal('delivered');
  });

  it('costs no full wait any more once the peer is seen not to report', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    await outbox.answer('m1');
    await outbox.clock.advance(MSRP_LIMITS.reportWait);
    outbox.send('m2');
    await outbox.answer('m2');
    await outbox.clock.advance(MSRP_LIMITS.silentReportWait);
    expect(outbox.outcome('m2')).to.equal('delivered');
  });

  it('is refused by the status of the response', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    await outbox.answer('m1', 415, 'Not this type');
    expect(outbox.outcome('m1')).to.equal('SendFailed 415 Not this type');
  });

  it('is refused by a report of failure after its 200, as one client does', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    outbox.send('m2', { successReport: false });
    await outbox.answer('m1');
    await outbox.answer('m2');
    await outbox.report('m1', '000 413 Unwanted type');
    await outbox.report('m2', '000 413');
    expect(outbox.outcome('m1')).to.equal('SendFailed 413 Unwanted type');
    expect(outbox.outcome('m2')).to.equal('SendFailed 413 ');
  });

  it('fails when nothing answers for 30 s', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    await outbox.clock.advance(29_999);
    expect(outbox.outcome('m1')).to.equal('open');
    await outbox.clock.advance(1);
    expect(outbox.outcome('m1')).to.equal(SendTimedOut.name);
    await outbox.answer('m1');
    expect(outbox.clock.pendingTimers).to.equal(0);
  });

  it('is not moved by answers nobody asked for, reports in another namespace or on another message', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    await outbox.answer('none');
    await outbox.report('m1', '001 500 Other namespace');
    await outbox.report('m1', 'nonsense');
    await outbox.report('m7', '000 413 Other message');
    expect(outbox.outcome('m1')).to.equal('open');
    await outbox.answer('m1');
    await outbox.answer('m1', 500);
    await outbox.report('m1');
    expect(outbox.outcome('m1')).to.equal('delivered');
  });
});

describe('messages of ours', () => {
  it('are at most ten in flight, in order, the next as soon as one is answered', async () => {
    const outbox = new Outbox();
    for (let i = 1; i <= 12; i++) outbox.send(`m${i}`);
    expect(outbox.written).to.have.length(10);
    await outbox.answer('m4');
    expect(outbox.written).to.have.length(11);
    await outbox.answer('m1', 413);
    expect(outbox.written).to.have.length(12);
    expect(outbox.ids).to.deep.equal(Array.from({ length: 12 }, (_, i) => `m${i + 1}`));
  });

  it('go on when one times out', async () => {
    const outbox = new Outbox({ limits: { window: 1 } });
    outbox.send('m1');
    outbox.send('m2');
    await outbox.clock.advance(30_000);
    expect(outbox.outcome('m1')).to.equal(SendTimedOut.name);
    expect(outbox.written).to.have.length(2);
  });

  it('wait in a bounded queue', async () => {
    const outbox = new Outbox({ limits: { window: 1, sendQueue: 2 } });
    for (const id of ['m1', 'm2', 'm3', 'm4']) outbox.send(id);
    await settle();
    expect(outbox.outcome('m3')).to.equal('open');
    expect(outbox.outcome('m4')).to.equal(SendQueueFull.name);
  });

  it('that were not answered are closed with the session, those answered were delivered', async () => {
    const outbox = new Outbox({ limits: { window: 2 } });
    for (const id of ['m1', 'm2', 'm3', 'm4']) outbox.send(id);
    await outbox.answer('m1');
    await outbox.end();
    expect([...outbox.outcomes.values()]).to.deep.equal([
      'delivered',
      ...Array<string>(3).fill(SessionClosed.name),
    ]);
    outbox.send('m5');
    await settle();
    expect(outbox.outcome('m5')).to.equal(SessionClosed.name);
    expect(outbox.clock.pendingTimers).to.equal(0);
  });

  it('whose report was due when the session ended were not delivered for sure', async () => {
    const reporting = new Outbox();
    reporting.send('m1');
    reporting.send('m2');
    await reporting.answer('m1');
    await reporting.report('m1');
    await reporting.answer('m2');
    await reporting.end();
    expect([...reporting.outcomes.values()]).to.deep.equal(['delivered', SessionClosed.name]);

    const relayed = new Outbox({ relayed: true });
    relayed.send('m1');
    await relayed.answer('m1');
    await relayed.end();
    expect(relayed.outcome('m1')).to.equal(SessionClosed.name);
  });
});

describe('a message of ours to a peer that holds', () => {
  it('waits, while what was sent before is answered and counted', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    outbox.messages.hold(true);
    outbox.send('m2');
    await outbox.answer('m1');
    await outbox.report('m1');
    expect(outbox.outcome('m1')).to.equal('delivered');
    await outbox.clock.advance(60_000);
    expect(outbox.ids).to.deep.equal(['m1']);
    expect(outbox.outcome('m2')).to.equal('open');
    outbox.messages.hold(false);
    expect(outbox.ids).to.deep.equal(['m1', 'm2']);
  });
});

describe('a message of ours to a peer that goes on from elsewhere', () => {
  it('waits for the new binding and takes the new path', () => {
    const outbox = new Outbox();
    outbox.messages.redirect('msrp://new:3/n;tcp', false);
    outbox.send('m1');
    expect(outbox.written).to.have.length(0);
    outbox.link = new FakeLink();
    outbox.start();
    expect(outbox.written.join()).to.include('To-Path: msrp://new:3/n;tcp\r\n');
  });

  it('may still be answered over the former connection', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    outbox.messages.redirect('msrp://new:3/n;tcp', false);
    await outbox.answer('m1');
    await outbox.report('m1');
    expect(outbox.outcome('m1')).to.equal('delivered');
  });

  it('fails when the former connection closes, the others go on', async () => {
    const outbox = new Outbox({ limits: { window: 2 } });
    for (const id of ['m1', 'm2', 'm3']) outbox.send(id);
    const former = outbox.link;
    outbox.link = new FakeLink();
    outbox.messages.redirect('msrp://new:3/n;tcp', false);
    outbox.start();
    expect(outbox.ids, 'what waits there does not count here').to.deep.equal(['m3']);
    outbox.messages.lose(former, 'moved');
    await settle();
    expect([...outbox.outcomes.values()]).to.deep.equal([SessionClosed.name, SessionClosed.name, 'open']);
    await outbox.answer('m3');
    await outbox.report('m3');
    expect(outbox.outcome('m3')).to.equal('delivered');
    expect(outbox.clock.pendingTimers).to.equal(0);
  });

  it('counts as delivered when its 200 came over the former connection and no report is due', async () => {
    const outbox = new Outbox();
    outbox.send('m1');
    await outbox.answer('m1');
    const former = outbox.link;
    outbox.messages.redirect('msrp://new:3/n;tcp', false);
    outbox.messages.lose(former, 'moved');
    await settle();
    expect(outbox.outcome('m1')).to.equal('delivered');
  });
});

describe('a message of ours to a peer that reads slowly', () => {
  it('is given its 30 s from the moment the system took its last byte', async () => {
    const outbox = new Outbox();
    outbox.link.slow = true;
    outbox.send('m1');
    await outbox.clock.advance(120_000);
    expect(outbox.outcome('m1')).to.equal('open');
    outbox.link.take();
    await outbox.clock.advance(29_999);
    expect(outbox.outcome('m1')).to.equal('open');
    await outbox.clock.advance(1);
    expect(outbox.outcome('m1')).to.equal(SendTimedOut.name);
  });

  it('may be answered before the system said so', async () => {
    const outbox = new Outbox();
    outbox.link.slow = true;
    outbox.send('m1');
    await outbox.answer('m1');
    await outbox.report('m1');
    outbox.link.take();
    expect(outbox.outcome('m1')).to.equal('delivered');
    expect(outbox.clock.pendingTimers).to.equal(0);
  });

  it('waits while the connection is full', () => {
    const outbox = new Outbox();
    outbox.link.isFull = true;
    outbox.send('m1');
    outbox.messages.proceed();
    expect(outbox.written).to.have.length(0);
    outbox.link.isFull = false;
    outbox.messages.proceed();
    expect(outbox.ids).to.deep.equal(['m1']);
  });
});
