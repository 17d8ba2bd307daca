import { expect } from 'chai';
import type { PaperApplication, PaperMessage, PaperPeer, RequestParts } from './paper-engine.ts';
import { PaperEngine, idsOf } from './paper-engine.ts';

/** How long one of several ways may be silent, ms. */
const SILENCE = 8_000;

describe('a request that goes a second way (RFC 3263 §4.3) says no more than is known', () => {
  let engine: PaperEngine;
  let app: PaperApplication;
  let first: PaperPeer;
  let second: PaperPeer;

  beforeEach(() => {
    engine = new PaperEngine();
    app = engine.application(['INVITE']);
    first = engine.peer(5071, 'tcp');
    second = engine.peer(5072, 'tcp');
    engine.hosts.set('p.test', [first.endpoint, second.endpoint]);
  });

  /** After every test, whatever happened in it. */
  afterEach(async () => {
    await engine.clock.advance(13 * 3_600_000);
    expect(engine.left).to.deep.equal([]);
  });

  /** A request whose first way stayed silent. */
  async function sentTwice(method: string): Promise<[PaperMessage, PaperMessage]> {
    app.request(method, 'sip:bob@p.test');
    await engine.settle();
    await engine.clock.advance(SILENCE);
    return [first.taken(method), second.taken(method)];
  }

  describe('MESSAGE', () => {
    it('refused by the second: the first, which may have delivered it, is waited for', async () => {
      const [one, two] = await sentTwice('MESSAGE');
      second.send(second.answer(two, 480));
      expect(app.news()).to.not.include('480 MESSAGE');
      first.send(first.answer(one, 200));
      expect(app.news()).to.deep.equal(['200 MESSAGE']);
    });

    it('refused by the second, and nothing from the first: the refusal, when its time is over', async () => {
      const [, two] = await sentTwice('MESSAGE');
      second.send(second.answer(two, 480));
      await engine.clock.advance(64 * 500 - SILENCE - 1);
      expect(app.news()).to.deep.equal([]);
      await engine.clock.advance(1);
      expect(app.news()).to.deep.equal(['480 MESSAGE']);
    });

    for (const status of [401, 407]) {
      it(`${status} is shown at once: it is no answer yet`, async () => {
        const [, two] = await sentTwice('MESSAGE');
        second.send(second.answer(two, status));
        expect(app.news()).to.deep.equal([`${status} MESSAGE`]);
      });
    }
  });

  for (const [method, status] of [
    ['OPTIONS', 404],
    ['INVITE', 486],
  ] as const) {
    it(`${method}: ${status} of the second is shown at once, for nothing was delivered by it`, async () => {
      const [, two] = await sentTwice(method);
      second.send(second.answer(two, status));
      expect(app.news()).to.deep.equal([`${status} ${method}`]);
    });
  }

  it('in a dialog that only the application knows it goes where Retry-After keeps new ones away', async () => {
    const busy = { headers: ['Retry-After: 60'] };
    const uri = 'sip:bob@p.test';
    app.request('MESSAGE', uri);
    await engine.settle();
    first.send(first.answer(first.taken('MESSAGE'), 503, busy));
    await engine.settle();
    second.send(second.answer(second.taken('MESSAGE'), 404));
    expect(app.news()).to.deep.equal(['404 MESSAGE']);

    app.request('MESSAGE', uri);
    app.request('NOTIFY', uri, ['From: <sip:a@p.test>;tag=1', 'To: <sip:b@p.test>;tag=2']);
    await engine.settle();
    for (const method of ['MESSAGE', 'NOTIFY']) second.send(second.answer(second.taken(method), 503));
    await engine.settle();
    first.send(first.answer(first.taken('NOTIFY'), 200));
    expect(app.news()).to.deep.equal(['503 MESSAGE', '200 NOTIFY']);
    expect(first.news()).to.deep.equal([]);
  });

  describe('in a dialog', () => {
    const record: RequestParts = { callId: 'c', headers: ['Record-Route: <sip:p.test;lr>'] };

    async function asked(method: string): Promise<[PaperMessage, PaperMessage]> {
      first.send(first.request('INVITE', record));
      app.reply(app.frame('INVITE'), 200);
      const to = first.taken('200 INVITE').header('To');
      first.send(first.request('ACK', { callId: 'c', to }));
      const { dialogId } = idsOf(app.frame('200 INVITE', 'application'));
      app.inDialog(method, dialogId);
      await engine.settle();
      app.news();
      await engine.clock.advance(SILENCE);
      return [first.taken(method), second.taken(method)];
    }

    it('500 to the second copy, whose CSeq number was seen: the answer to the first is waited for (§12.2.2)', async () => {
      const [one, two] = await asked('INFO');
      second.send(second.answer(two, 500));
      expect(app.news()).to.deep.equal([]);
      first.send(first.answer(one, 200));
      expect(app.news()).to.deep.equal(['200 INFO']);
    });

    it('500 to the second copy, and nothing to the first: the 500', async () => {
      const [, two] = await asked('INFO');
      second.send(second.answer(two, 500));
      await engine.clock.advance(64 * 500 - SILENCE);
      expect(app.news()).to.deep.equal(['500 INFO']);
    });
  });
});
