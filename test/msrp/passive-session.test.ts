import { expect } from 'chai';
import { MessageRefused, SendFailed, SessionClosed } from '../../src/msrp/errors.ts';
import { msrpReport, msrpRequest, msrpResponse } from '../doubles/raw-msrp-client.ts';
import { settle } from '../doubles/fake-clock.ts';
import { PEER, RecordingOwner, RunningEndpoint, bind, text } from './running-endpoint.ts';

describe('a session whose connection the peer makes', () => {
  let running: RunningEndpoint;

  beforeEach(async () => {
    running = await RunningEndpoint.start();
  });

  afterEach(async () => {
    await running.stop();
    expect(running.clock.pendingTimers).to.equal(0);
  });

  it('has a URI of our own listener with at least 80 random bits, never the same', () => {
    const prepared = Array.from({ length: 50 }, () => running.endpoint.prepare('tcp'));
    const uris = prepared.map(({ localPath }) => localPath.map(({ text: uri }) => uri).join());
    for (const uri of uris) {
      expect(uri).to.match(new RegExp(`^msrp://127\\.0\\.0\\.1:${running.port()}/[0-9a-f]{20,};tcp$`));
    }
    expect(new Set(uris).size).to.equal(50);
    for (const each of prepared) each.discard();
  });

  it('is bound by an empty SEND, and the owner is told after its 200', async () => {
    const owner = new RecordingOwner();
    const client = await running.connect();
    const { uri, session } = running.open('passive', PEER, owner);
    owner.onBound = () => void session.send({ contentType: 'text/plain', content: Buffer.from('hi') });
    await client.sendBytes(bind(uri));
    const answer = await client.nextFrame();
    expect(answer.text).to.equal(
      `MSRP bind0001 200 OK\r\nTo-Path: ${PEER}\r\nFrom-Path: ${uri}\r\n-------bind0001$\r\n`,
    );
    const sent = await client.nextFrame();
    expect(sent.method).to.equal('SEND');
    expect(sent.header('To-Path')).to.equal(PEER);
    session.close();
  });

  for (const [how, headers] of [
    ['without Byte-Range', ['Message-ID: b1']],
    ['without Message-ID', []],
  ] as const) {
    it(`is bound by a SEND ${how}`, async () => {
      const client = await running.connect();
      const { uri, owner } = running.open();
      await client.sendBytes(msrpRequest({ transactId: 'bind0001', to: uri, from: PEER, headers }));
      expect((await client.nextFrame()).status).to.equal(200);
      expect(owner.told).to.deep.equal(['bound']);
    });
  }

  it('is bound without an answer when the bind wants none', async () => {
    const client = await running.connect();
    const { uri, owner } = running.open();
    const headers = ['Message-ID: b1', 'Failure-Report: no'];
    await client.sendBytes(msrpRequest({ transactId: 'bind0001', to: uri, from: PEER, headers }));
    await owner.waitFor(1);
    await client.sendBytes(text(uri, 'hello'));
    expect((await client.nextFrame()).transactId).to.equal('tid-m1');
  });

  it('bound by a SEND with content tells of the bind first, and sends nothing before the answer', async () => {
    const owner = new RecordingOwner();
    let store = (): void => undefined;
    owner.take = () => new Promise((resolve) => (store = resolve));
    const client = await running.connect();
    const { uri, session } = running.open('passive', PEER, owner);
    await client.sendBytes(text(uri, 'hello'));
    await owner.waitFor(2);
    const greeting = session.send({ contentType: 'text/plain', content: Buffer.from('hi') });
    greeting.catch(() => undefined);
    expect(owner.told).to.deep.equal(['bound', 'hello']);
    await client.sendBytes(bind(uri, 'ping0001'));
    expect((await client.nextFrame()).transactId).to.equal('ping0001');
    await settle();
    expect(client.takeFrame()).to.equal(undefined);
    store();
    expect((await client.nextFrame()).status).to.equal(200);
    expect((await client.nextFrame()).body.toString()).to.equal('hi');
  });

  it('answers 200 and reports success only after the owner took the message', async () => {
    const { client, uri, owner } = await running.bound();
    let store = (): void => undefined;
    owner.take = () => new Promise((resolve) => (store = resolve));
    await client.sendBytes(text(uri, 'hello', { headers: ['Success-Report: yes'] }));
    await owner.waitFor(2);
    await client.sendBytes(bind(uri, 'ping0001'));
    expect((await client.nextFrame()).transactId).to.equal('ping0001');
    store();
    expect(await client.nextFrame()).to.include({ transactId: 'tid-m1', status: 200 });
    const report = await client.nextFrame();
    expect(report).to.include({ method: 'REPORT', flag: '$' });
    expect(report.headerNames).to.deep.equal(['To-Path', 'From-Path', 'Message-ID', 'Byte-Range', 'Status']);
    expect(report.header('To-Path')).to.equal(PEER);
    expect(report.header('From-Path')).to.equal(uri);
    expect(report.header('Message-ID')).to.equal('m1');
    expect(report.header('Byte-Range')).to.equal('1-5/5');
    expect(report.header('Status')).to.equal('000 200 OK');
  });

  it('honours Failure-Report: no 200 for partial, nothing at all for no', async () => {
    const { client, uri, owner } = await running.bound();
    owner.take = ({ messageId }) =>
      messageId.startsWith('bad') ? Promise.reject(new MessageRefused(413, 'Full')) : Promise.resolve();
    await client.sendBytes(text(uri, 'a', { id: 'good1', headers: ['Failure-Report: partial'] }));
    await client.sendBytes(text(uri, 'b', { id: 'bad01', headers: ['Failure-Report: no'] }));
    await client.sendBytes(text(uri, 'c', { id: 'bad02', headers: ['Failure-Report: partial'] }));
    expect(await client.nextFrame()).to.include({ transactId: 'tid-bad02', status: 413, comment: 'Full' });
    await client.sendBytes(
      text(uri, 'd', { id: 'good2', headers: ['Failure-Report: no', 'Success-Report: yes'] }),
    );
    expect((await client.nextFrame()).method).to.equal('REPORT');
    expect(owner.messages).to.have.length(4);
  });

  it('answers 408 when the owner fails, and the session goes on', async () => {
    const { client, uri, owner } = await running.bound();
    owner.take = () => Promise.reject(new Error('the database is down'));
    await client.sendBytes(text(uri, 'a'));
    expect((await client.nextFrame()).status).to.equal(408);
    owner.take = () => Promise.resolve();
    await client.sendBytes(text(uri, 'a', { transactId: 'again001' }));
    expect((await client.nextFrame()).status).to.equal(200);
  });

  it('answers 501 to a method nobody knows, and is not bound by it', async () => {
    const client = await running.connect();
    const { uri, owner } = running.open();
    for (const method of ['AUTH', 'NICKNAME', 'FILE_OFFSET']) {
      await client.sendBytes(msrpRequest({ transactId: 'other001', method, to: uri, from: PEER }));
      expect((await client.nextFrame()).status).to.equal(501);
    }
    expect(owner.told).to.deep.equal([]);
  });

  it('never answers a REPORT, nor a response', async () => {
    const { client, uri } = await running.bound();
    const headers = ['Message-ID: x', 'Byte-Range: 1-1/1', 'Status: 000 413 No'];
    await client.sendBytes(
      msrpRequest({ transactId: 'report01', method: 'REPORT', to: uri, from: PEER, headers }),
    );
    await client.sendBytes(
      `MSRP nobody01 200 OK\r\nTo-Path: ${uri}\r\nFrom-Path: ${PEER}\r\n-------nobody01$\r\n`,
    );
    const unknown = uri.replace(/[0-9a-f]{32}/, 'f'.repeat(32));
    await client.sendBytes(
      msrpRequest({ transactId: 'report02', method: 'REPORT', to: unknown, from: PEER, headers }),
    );
    await client.sendBytes(bind(uri, 'ping0001'));
    expect((await client.nextFrame()).transactId).to.equal('ping0001');
  });

  it('takes no keep-alive for a message or a word of the person, yet answers it', async () => {
    const { client, uri, owner } = await running.bound();
    const headers = ['Message-ID: k1', 'Keep-Alive: yes'];
    await client.sendBytes(msrpRequest({ transactId: 'alive001', to: uri, from: PEER, headers }));
    expect((await client.nextFrame()).status).to.equal(200);
    await client.sendBytes(
      msrpRequest({
        transactId: 'alive002',
        to: uri,
        from: PEER,
        headers: ['Message-ID: k2', 'Content-Type: text/x-msrp-heartbeat'],
        body: 'HEARTBEAT',
      }),
    );
    expect((await client.nextFrame()).status).to.equal(200);
    expect(owner.told).to.deep.equal(['bound']);
    expect(owner.activity).to.equal(0);
    await client.sendBytes(text(uri, 'h', { range: '1-1/5', flag: '+' }));
    expect((await client.nextFrame()).status).to.equal(200);
    expect(owner.activity).to.equal(1);
  });

  it('of a peer behind a relay is answered to the relay, reported and written to along the whole path', async () => {
    const relayed = 'msrp://relay.example:2855/r+1;tcp msrp://192.0.2.7:7654/jshA7weztas;tcp';
    const { client, uri, session } = await running.bound(relayed);
    await client.sendBytes(text(uri, 'hello', { from: relayed, headers: ['Success-Report: yes'] }));
    const answer = await client.nextFrame();
    expect(answer.header('To-Path')).to.equal('msrp://relay.example:2855/r+1;tcp');
    expect((await client.nextFrame()).header('To-Path')).to.equal(relayed);
    session.send({ contentType: 'text/plain', content: Buffer.from('hi') }).catch(() => undefined);
    expect((await client.nextFrame()).header('To-Path')).to.equal(relayed);
  });

  it('delivers what we send when the peer answers and reports', async () => {
    const { client, session } = await running.bound();
    const sent = session.send({ messageId: 'mine', contentType: 'text/plain', content: Buffer.from('hi') });
    const frame = await client.nextFrame();
    await client.sendBytes(msrpResponse(frame, '200 OK', PEER));
    await client.sendBytes(msrpReport(frame, '000 200 OK', PEER));
    await sent;
    const refused = session.send({ contentType: 'text/plain', content: Buffer.from('hi') });
    await client.sendBytes(msrpResponse(await client.nextFrame(), '415 No', PEER));
    const error: unknown = await refused.catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(SendFailed);
    expect(error).to.include({ status: 415, comment: 'No' });
  });

  it('writes a message of 64 KB in one chunk', async () => {
    const { client, session } = await running.bound();
    const content = Buffer.alloc(65_536, 'ä');
    session.send({ contentType: 'text/plain', content }).catch(() => undefined);
    const frame = await client.nextFrame();
    expect(frame.flag).to.equal('$');
    expect(frame.body.equals(content)).to.equal(true);
  });

  it('takes what came before it was opened, in order, once it is', async () => {
    const client = await running.connect();
    const prepared = running.endpoint.prepare('tcp');
    const [local] = prepared.localPath;
    const uri = local?.text ?? '';
    await client.sendBytes(
      Buffer.concat([bind(uri), text(uri, 'one', { id: 'm1' }), text(uri, 'two', { id: 'm2' })]),
    );
    await running.clock.advance(1_000);
    expect(client.takeFrame()).to.equal(undefined);
    const { owner } = running.openPrepared(prepared);
    const answers = [await client.nextFrame(), await client.nextFrame(), await client.nextFrame()];
    expect(answers.map(({ transactId }) => transactId)).to.deep.equal(['bind0001', 'tid-m1', 'tid-m2']);
    expect(owner.told).to.deep.equal(['bound', 'one', 'two']);
  });

  it('answers 481 to what came before, when it is discarded', async () => {
    const client = await running.connect();
    const prepared = running.endpoint.prepare('tcp');
    await client.sendBytes(bind(prepared.localPath.map(({ text: uri }) => uri).join()));
    await client.sendBytes(text('msrp://127.0.0.1/none;tcp', 'x'));
    expect((await client.nextFrame()).transactId).to.equal('tid-m1');
    prepared.discard();
    expect(await client.nextFrame()).to.include({ transactId: 'bind0001', status: 481 });
  });

  it('answers 481 to what came before, when it is not opened in the time a bind may take', async () => {
    const client = await running.connect();
    const prepared = running.endpoint.prepare('tcp');
    await client.sendBytes(bind(prepared.localPath.map(({ text: uri }) => uri).join()));
    await client.sendBytes(text('msrp://127.0.0.1/none;tcp', 'x'));
    await client.nextFrame();
    await running.clock.advance(29_999);
    expect(client.takeFrame()).to.equal(undefined);
    await running.clock.advance(1);
    expect(await client.nextFrame()).to.include({ transactId: 'bind0001', status: 481 });
  });

  it('shares a connection with others, and its end does not end theirs', async () => {
    const { client, session, owner } = await running.bound();
    const other = running.open();
    await client.sendBytes(bind(other.uri, 'bind0002'));
    expect((await client.nextFrame()).status).to.equal(200);
    session.close();
    expect(owner.told).to.deep.equal(['bound', 'ended: closed']);
    await running.clock.advance(10_000);
    await client.sendBytes(text(other.uri, 'still here'));
    expect((await client.nextFrame()).status).to.equal(200);
    expect(other.owner.messages).to.have.length(1);
    other.session.close();
    await running.clock.advance(1_499);
    expect(client.ended).to.equal(false);
    await running.clock.advance(1);
    await client.waitForEnd();
  });

  it('keeps the connection for a session that comes while it lingers', async () => {
    const { client, session } = await running.bound();
    session.close();
    await running.clock.advance(1_000);
    const next = running.open();
    await client.sendBytes(bind(next.uri, 'bind0002'));
    expect((await client.nextFrame()).status).to.equal(200);
    await running.clock.advance(10_000);
    expect(client.ended).to.equal(false);
  });

  it('is found whatever host and port its URI was given on the way', async () => {
    const client = await running.connect();
    const { uri, owner } = running.open();
    await client.sendBytes(bind(uri.replace(/127\.0\.0\.1:\d+/, 'sbc.example:9999')));
    expect((await client.nextFrame()).status).to.equal(200);
    expect(owner.told).to.deep.equal(['bound']);
  });

  it('is found by the last URI of a To-Path', async () => {
    const client = await running.connect();
    const { uri } = running.open();
    await client.sendBytes(bind(`msrp://relay.example:2855/x;tcp ${uri}`));
    expect(await client.nextFrame()).to.include({ status: 200 });
    await client.sendBytes(bind(`${uri} msrp://relay.example:2855/x;tcp`));
    expect(await client.nextFrame()).to.include({ status: 481 });
  });

  it('answers 481 once it ended, and 400 to a path that cannot be read', async () => {
    const { client, uri, session } = await running.bound();
    session.close();
    await client.sendBytes(text(uri, 'late'));
    expect((await client.nextFrame()).status).to.equal(481);
    await client.sendBytes(text('sip:bob@example.com', 'lost'));
    expect((await client.nextFrame()).status).to.equal(400);
  });

  it('answers 400 to a header that is none, and goes on', async () => {
    const { client, uri, owner } = await running.bound();
    await client.sendBytes(text(uri, 'bad', { headers: ['no colon here'] }));
    expect((await client.nextFrame()).status).to.equal(400);
    await client.sendBytes(text(uri, 'good', { id: 'm2' }));
    expect((await client.nextFrame()).status).to.equal(200);
    expect(owner.told).to.deep.equal(['bound', 'good']);
  });

  it('is over when its connection is lost, and what was in flight is not delivered', async () => {
    const { client, session, owner } = await running.bound();
    const sent = session.send({ contentType: 'text/plain', content: Buffer.from('hi') });
    await client.nextFrame();
    client.close();
    const error: unknown = await sent.catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(SessionClosed);
    expect(owner.told).to.deep.equal(['bound', 'ended: connection lost']);
    session.close();
    expect(owner.told).to.have.length(2);
  });

  it('is over when no peer comes in time', async () => {
    const { owner } = running.open();
    await running.clock.advance(29_999);
    expect(owner.told).to.deep.equal([]);
    await running.clock.advance(1);
    expect(owner.told).to.deep.equal(['ended: peer did not come']);
  });

  it('still answers a message whose commit outlasts the session', async () => {
    const { client, uri, session, owner } = await running.bound();
    let store = (): void => undefined;
    owner.take = () => new Promise((resolve) => (store = resolve));
    await client.sendBytes(text(uri, 'hello'));
    await owner.waitFor(2);
    session.close();
    store();
    expect((await client.nextFrame()).status).to.equal(200);
  });
});
