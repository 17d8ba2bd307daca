import { expect } from 'chai';
import type { RawMsrpClient, RawMsrpFrame } from '../doubles/raw-msrp-client.ts';
import { RawMsrpServer, msrpRequest, msrpResponse } from '../doubles/raw-msrp-client.ts';
import type { OpenSession } from './running-endpoint.ts';
import { RunningEndpoint, bind, text } from './running-endpoint.ts';

/** The path of one of the many a back-to-back user agent speaks for, all over one connection of another port. */
function pathOf(name: string): string {
  return `msrp://192.0.2.10:2855/${name}.7f3;tcp`;
}

describe('several sessions over one connection', () => {
  let running: RunningEndpoint;
  let client: RawMsrpClient;

  beforeEach(async () => {
    running = await RunningEndpoint.start();
    client = await running.connect();
  });

  afterEach(async () => {
    await running.stop();
    expect(running.clock.pendingTimers).to.equal(0);
  });

  async function join(name: string): Promise<OpenSession & { from: string }> {
    const from = pathOf(name);
    const open = running.open('passive', from);
    await client.sendBytes(bind(open.uri, `bind${name}`, from));
    expect(await client.nextFrame()).to.include({ transactId: `bind${name}`, status: 200 });
    return { ...open, from };
  }

  async function frames(count: number): Promise<RawMsrpFrame[]> {
    const all: RawMsrpFrame[] = [];
    while (all.length < count) all.push(await client.nextFrame());
    return all;
  }

  it('each get what is theirs, message by message and chunk by chunk', async () => {
    const [one, two] = [await join('one1'), await join('two2')];
    const chunk = (to: typeof one, id: string, body: string, range: string, flag: string): Buffer =>
      text(to.uri, body, {
        id,
        transactId: `t${id}${flag === '+' ? 'one' : 'two'}`,
        range,
        flag,
        from: to.from,
      });
    await client.sendBytes(
      Buffer.concat([
        chunk(one, 'same', 'first ', '1-6/*', '+'),
        chunk(two, 'same', 'second ', '1-7/*', '+'),
        chunk(one, 'same', 'session', '7-13/13', '$'),
        chunk(two, 'same', 'session', '8-14/14', '$'),
      ]),
    );
    expect((await frames(4)).map(({ status }) => status)).to.deep.equal([200, 200, 200, 200]);
    expect(one.owner.told).to.deep.equal(['bound', 'first session']);
    expect(two.owner.told).to.deep.equal(['bound', 'second session']);
  });

  it('may begin with content, before the call was even answered', async () => {
    const first = await join('one1');
    const prepared = running.endpoint.prepare('tcp');
    const uri = prepared.localPath.map(({ text: each }) => each).join();
    const from = pathOf('two2');
    await client.sendBytes(
      msrpRequest({
        transactId: 'early0001',
        to: uri,
        from,
        headers: ['Message-ID: early', 'Failure-Report: no', 'Content-Type: text/plain'],
        body: 'before the ACK',
      }),
    );
    // The other session does not wait for it.
    await client.sendBytes(text(first.uri, 'meanwhile', { from: first.from }));
    expect((await client.nextFrame()).status).to.equal(200);
    const { owner } = running.openPrepared(prepared, 'passive', from);
    await owner.waitFor(2);
    expect(owner.told).to.deep.equal(['bound', 'before the ACK']);
  });

  it('each have their own window of messages, and their own answers', async () => {
    const [one, two] = [await join('one1'), await join('two2')];
    const delivered: string[] = [];
    for (const [name, { session }] of [
      ['one', one],
      ['two', two],
    ] as const) {
      for (let i = 0; i < 12; i++) {
        session
          .send({ contentType: 'text/plain', content: Buffer.from(name), successReport: false })
          .then(() => delivered.push(name))
          .catch(() => undefined);
      }
    }
    const sent = await frames(20);
    expect(sent.filter(({ body }) => body.toString() === 'two')).to.have.length(10);
    for (const frame of sent.filter(({ body }) => body.toString() === 'two'))
      await client.sendBytes(msrpResponse(frame, '200 OK', two.from));
    expect((await frames(2)).map(({ body }) => body.toString())).to.deep.equal(['two', 'two']);
    await running.clock.advance(2_000);
    expect(delivered).to.deep.equal(Array.from({ length: 10 }, () => 'two'));
  });

  it('end one by one: who is left is not disturbed, who is gone gets 481', async () => {
    const [one, two, three] = [await join('one1'), await join('two2'), await join('tri3')];
    one.session.close();
    await running.clock.advance(60_000);
    await client.sendBytes(text(one.uri, 'late', { from: one.from }));
    expect((await client.nextFrame()).status).to.equal(481);
    await client.sendBytes(text(two.uri, 'still here', { from: two.from }));
    expect((await client.nextFrame()).status).to.equal(200);
    two.session.close();
    await running.clock.advance(60_000);
    expect(client.ended).to.equal(false);
    three.session.close();
    await running.clock.advance(1_500);
    await client.waitForEnd();
  });

  it('are all over when it is lost', async () => {
    const [one, two] = [await join('one1'), await join('two2')];
    client.close();
    await Promise.all([one.owner.waitFor(2), two.owner.waitFor(2)]);
    for (const { owner } of [one, two]) expect(owner.told).to.deep.equal(['bound', 'ended: connection lost']);
  });

  it('may be on a connection that we made for the first of them', async () => {
    const peer = await RawMsrpServer.listen();
    const path = `msrp://127.0.0.1:${peer.port}/one1;tcp`;
    const first = running.open('active', path);
    const made = await peer.nextClient();
    await made.sendBytes(msrpResponse(await made.nextFrame(), '200 OK', path));
    const second = running.open('passive', pathOf('two2'));
    await made.sendBytes(bind(second.uri, 'bind0002', pathOf('two2')));
    expect((await made.nextFrame()).status).to.equal(200);
    first.session.close();
    await running.clock.advance(60_000);
    await made.sendBytes(text(second.uri, 'still here', { from: pathOf('two2') }));
    expect((await made.nextFrame()).status).to.equal(200);
    second.session.close();
    await peer.close();
  });
});
