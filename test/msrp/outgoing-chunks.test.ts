import { expect } from 'chai';
import fc from 'fast-check';
import { parseByteRange } from '../../src/msrp/byte-range.ts';
import { SendTimedOut } from '../../src/msrp/errors.ts';
import { IncomingMessage } from '../../src/msrp/incoming-message.ts';
import { MSRP_LIMITS } from '../../src/msrp/limits.ts';
import { MsrpParser } from '../../src/msrp/parser.ts';
import { FakeLink, Outbox } from './outbox.ts';

const CHUNKED = { chunkOver: 10, chunkBytes: 10 };
const THIRTY = Buffer.from('0123456789'.repeat(3));

describe('a long message of ours', () => {
  it('is one chunk however long unless chunks are asked for', () => {
    const outbox = new Outbox();
    outbox.send('m1', { content: Buffer.alloc(1_000_000, 'x') });
    expect(outbox.chunks).to.deep.equal(['1-1000000/1000000$']);
  });

  it('goes out in chunks of 2048 bytes, which need no interrupting, when it is longer than chunkOver', () => {
    const outbox = new Outbox({ limits: { chunkOver: 4_096 } });
    outbox.send('m1', { content: Buffer.alloc(4_096) });
    outbox.send('m2', { content: Buffer.alloc(4_097) });
    expect(outbox.chunks).to.deep.equal([
      '1-4096/4096$',
      '1-2048/4097+',
      '2049-4096/4097+',
      '4097-4097/4097$',
    ]);
  });

  it('has one Message-ID and Content-Type in all chunks, and a transact-id of each', () => {
    const outbox = new Outbox({ limits: CHUNKED });
    outbox.send('m1', { content: THIRTY });
    expect(outbox.ids).to.deep.equal(['m1', 'm1', 'm1']);
    for (const text of outbox.written)
      expect(text).to.include('Content-Type: text/plain; charset=utf-8\r\n\r\n');
    expect(new Set(outbox.written.map((text) => text.split(' ')[1]))).to.have.property('size', 3);
  });

  it('is delivered by a 200 to each chunk and a report on the whole', async () => {
    const outbox = new Outbox({ limits: CHUNKED });
    outbox.send('m1', { content: THIRTY });
    for (const index of [2, 0]) await outbox.answerTo(index);
    await outbox.report('m1', '000 200 OK', '21-30/30');
    expect(outbox.outcome('m1')).to.equal('open');
    await outbox.answerTo(1);
    expect(outbox.outcome('m1')).to.equal('delivered');
    expect(outbox.clock.pendingTimers).to.equal(0);
  });

  it('is delivered by reports that together cover it, in any order', async () => {
    const outbox = new Outbox({ limits: CHUNKED });
    outbox.send('m1', { content: THIRTY });
    for (const range of ['21-30/30', '1-10/30']) await outbox.report('m1', '000 200 OK', range);
    expect(outbox.outcome('m1')).to.equal('open');
    await outbox.report('m1', '000 200 OK', '9-21/30');
    expect(outbox.outcome('m1')).to.equal('delivered');
  });

  it('waits on after a report on a part, whether one chunk or several', async () => {
    const outbox = new Outbox();
    outbox.send('m1', { content: THIRTY });
    await outbox.answer('m1');
    await outbox.report('m1', '000 200 OK', '1-10/30');
    expect(outbox.outcome('m1')).to.equal('open');
    await outbox.report('m1', '000 200 OK', '11-30/30');
    expect(outbox.outcome('m1')).to.equal('delivered');
  });

  it('is delivered by a report that counts characters, or has no range that can be read', async () => {
    const outbox = new Outbox();
    for (const [id, range] of [
      ['m1', '1-7/7'],
      ['m2', 'all of it'],
      ['m3', '1-*/*'],
      ['m4', undefined],
    ] as const) {
      outbox.send(id, { content: Buffer.from('Grüße é') });
      await outbox.answer(id);
      await outbox.report(id, '000 200 OK', range);
      expect(outbox.outcome(id), range).to.equal('delivered');
    }
  });

  it('is not delivered by a report on a chunk that is mistaken for a message, before the others went out', async () => {
    const outbox = new Outbox({ limits: { ...CHUNKED, window: 1 } });
    outbox.send('m1', { content: THIRTY });
    await outbox.report('m1');
    expect(outbox.outcome('m1')).to.equal('open');
    for (const index of [0, 1, 2]) await outbox.answerTo(index);
    expect(outbox.outcome('m1')).to.equal('delivered');
  });

  it('shares the window of ten with all messages, one after the other', async () => {
    const outbox = new Outbox({ limits: CHUNKED });
    outbox.send('m0');
    outbox.send('m1', { content: Buffer.alloc(100) });
    outbox.send('m2');
    expect(outbox.ids).to.deep.equal(['m0', ...Array<string>(9).fill('m1')]);
    await outbox.answerTo(0);
    await outbox.answerTo(1);
    expect(outbox.ids.slice(10)).to.deep.equal(['m1', 'm2']);
  });

  it('ends with # when a chunk is refused with 413, and the others of the session go on', async () => {
    const outbox = new Outbox({ limits: { ...CHUNKED, window: 2 } });
    outbox.send('m1', { content: THIRTY });
    outbox.send('m2');
    await outbox.answerTo(0, 413, 'Too long');
    expect(outbox.outcome('m1')).to.equal('SendFailed 413 Too long');
    await outbox.answerTo(1, 413, 'Too long');
    expect(outbox.chunks).to.deep.equal(['1-10/30+', '11-20/30+', '21-*/30#', '1-7/7$']);
    await outbox.answerTo(2, 413);
    await outbox.answerTo(3);
    await outbox.report('m2');
    expect(outbox.outcome('m2')).to.equal('delivered');
    expect(outbox.clock.pendingTimers).to.equal(0);
  });

  it('needs no # when its last chunk went out already', async () => {
    const outbox = new Outbox({ limits: CHUNKED });
    outbox.send('m1', { content: THIRTY });
    await outbox.answerTo(0, 413);
    expect(outbox.chunks).to.deep.equal(['1-10/30+', '11-20/30+', '21-30/30$']);
    expect(outbox.outcome('m1')).to.equal('SendFailed 413 ');
  });

  it('ends with # on a report of failure, and without a word when the peer knows no such session', async () => {
    const outbox = new Outbox({ limits: { ...CHUNKED, window: 1 } });
    outbox.send('m1', { content: THIRTY });
    await outbox.report('m1', '000 408 Too late');
    await outbox.answerTo(0);
    expect(outbox.chunks).to.deep.equal(['1-10/30+', '11-*/30#']);
    expect(outbox.outcome('m1')).to.equal('SendFailed 408 Too late');
    await outbox.answerTo(1);
    outbox.send('m2', { content: THIRTY });
    await outbox.answerTo(2, 481);
    expect(outbox.chunks.slice(2)).to.deep.equal(['1-10/30+']);
    expect(outbox.outcome('m2')).to.equal('SendFailed 481 ');
  });

  it('fails when one chunk stays without an answer for 30 s, and ends with #', async () => {
    const outbox = new Outbox({ limits: { ...CHUNKED, window: 2 } });
    outbox.send('m1', { content: THIRTY });
    await outbox.answerTo(1);
    await outbox.answerTo(2);
    await outbox.clock.advance(30_000);
    expect(outbox.outcome('m1')).to.equal(SendTimedOut.name);
    const long = new Outbox({ limits: { ...CHUNKED, window: 1 } });
    long.send('m1', { content: THIRTY });
    await long.clock.advance(30_000);
    expect(long.chunks).to.deep.equal(['1-10/30+', '11-*/30#']);
    await long.clock.advance(30_000);
    expect(long.clock.pendingTimers).to.equal(0);
  });

  it('stops between two chunks while held, its # too', async () => {
    const outbox = new Outbox({ limits: { ...CHUNKED, window: 1 } });
    outbox.send('m1', { content: THIRTY });
    outbox.messages.hold(true);
    await outbox.answerTo(0);
    expect(outbox.chunks).to.deep.equal(['1-10/30+']);
    outbox.messages.hold(false);
    expect(outbox.chunks).to.deep.equal(['1-10/30+', '11-20/30+']);
    outbox.messages.hold(true);
    await outbox.answerTo(1, 413);
    expect(outbox.chunks).to.have.length(2);
    outbox.messages.hold(false);
    expect(outbox.chunks.at(-1)).to.equal('21-*/30#');
  });

  it('stops between two chunks while the connection is full', async () => {
    const outbox = new Outbox({ limits: { ...CHUNKED, window: 1 } });
    outbox.send('m1', { content: THIRTY });
    outbox.link.isFull = true;
    await outbox.answerTo(0);
    expect(outbox.chunks).to.deep.equal(['1-10/30+']);
    outbox.link.isFull = false;
    outbox.messages.proceed();
    expect(outbox.chunks).to.deep.equal(['1-10/30+', '11-20/30+']);
  });

  it('begins anew, whole, when the peer goes on from elsewhere meanwhile', async () => {
    const outbox = new Outbox({ limits: { ...CHUNKED, window: 2 } });
    outbox.send('m1', { content: THIRTY });
    const former = outbox.link;
    outbox.link = new FakeLink();
    outbox.messages.redirect('msrp://new:3/n;tcp', false);
    outbox.start();
    expect(outbox.chunks).to.deep.equal(['1-10/30+', '11-20/30+']);
    outbox.messages.lose(former, 'moved');
    for (const index of [0, 1, 2]) await outbox.answerTo(index);
    await outbox.report('m1', '000 200 OK', '1-30/30');
    expect(outbox.outcome('m1')).to.equal('delivered');
    expect(outbox.clock.pendingTimers).to.equal(0);
  });

  it('that was refused is not ended where the peer never saw it begin', async () => {
    const outbox = new Outbox({ limits: { ...CHUNKED, window: 1 } });
    outbox.send('m1', { content: THIRTY });
    outbox.messages.hold(true);
    await outbox.answerTo(0, 413);
    outbox.link = new FakeLink();
    outbox.messages.redirect('msrp://new:3/n;tcp', false);
    outbox.messages.hold(false);
    outbox.start();
    expect(outbox.chunks).to.deep.equal([]);
  });

  it('is never cut short by an end-line of its own body, in any chunk', () => {
    const foreseen = new Outbox({ limits: { chunkOver: 100, chunkBytes: 100 } });
    foreseen.send('m1', { content: Buffer.alloc(200) });
    const ids = foreseen.written.map((text) => text.split(' ')[1] ?? '');
    const content = Buffer.alloc(200, ' ');
    ids.forEach((id, index) => content.write(`\r\n-------${id}$\r\n`, index * 100));
    const outbox = new Outbox({ limits: { chunkOver: 100, chunkBytes: 100 } });
    outbox.send('m1', { content });
    expect(outbox.chunks).to.have.length(2);
    outbox.written.forEach((text, index) => expect(text.split(' ')[1]).not.to.equal(ids[index]));
  });

  it('is put together again by the receiving side, whatever its bytes and chunks', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 400 });
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 50 }), (content, chunkBytes) => {
        const outbox = new Outbox({ limits: { chunkOver: 1, chunkBytes, window: 1_000 } });
        outbox.send('m1', { content: Buffer.from(content) });
        expect(received(outbox.written)?.equals(content)).to.equal(true);
      }),
      { numRuns: 200 },
    );
  });
});

/** The message that the bytes bring to an end. */
function received(written: readonly string[]): Buffer | undefined {
  const message = new IncomingMessage('text/plain', MSRP_LIMITS.maxMessageBytes);
  let [range, body] = ['', Buffer.alloc(0)];
  for (const event of new MsrpParser(MSRP_LIMITS).push(Buffer.from(written.join(''), 'latin1'))) {
    if (event.kind === 'request')
      [range, body] = [event.head.headers.get('byte-range') ?? '', Buffer.alloc(0)];
    if (event.kind === 'body') body = Buffer.concat([body, event.bytes]);
    if (event.kind !== 'end') continue;
    const progress = message.add(parseByteRange(range), body, event.flag);
    if (progress.kind === 'whole') return progress.content;
  }
  return undefined;
}
