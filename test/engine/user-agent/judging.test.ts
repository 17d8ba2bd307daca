import { expect } from 'chai';
import type { PaperApplication, PaperPeer } from './paper-engine.ts';
import { PaperEngine, idsOf } from './paper-engine.ts';

describe('what the engine answers itself (RFC 3261 §8.2)', () => {
  let engine: PaperEngine;
  let app: PaperApplication;
  let peer: PaperPeer;

  function start(options?: ConstructorParameters<typeof PaperEngine>[0]): void {
    engine = new PaperEngine(options);
    app = engine.application(['MESSAGE', 'INVITE', 'OPTIONS']);
    app.onRequest = (frame) => app.reply(frame, 200);
    peer = engine.peer(5071);
  }

  beforeEach(() => start());

  /** After every test, whatever happened in it. */
  afterEach(async () => {
    await engine.clock.advance(13 * 3_600_000);
    expect(engine.left).to.deep.equal([]);
  });

  const ask = (method: string, parts?: Parameters<PaperPeer['request']>[1]): string[] => {
    peer.send(peer.request(method, parts));
    return peer.got.map(({ name }) => name);
  };

  describe('merged requests (§8.2.2.2)', () => {
    const same = { callId: 'm', from: '<sip:b@example.test>;tag=1' };

    it('the same request by another way: 482, and the first goes on', () => {
      app.onRequest = () => undefined;
      ask('MESSAGE', { ...same, branch: 'z9hG4bK1' });
      expect(ask('MESSAGE', { ...same, branch: 'z9hG4bK2' })).to.deep.equal(['482 MESSAGE']);
      expect(ask('MESSAGE', { ...same, branch: 'z9hG4bK3' }), 'a third copy').to.have.length(2);
      app.reply(app.frame('MESSAGE'), 200);
      expect(peer.news()).to.deep.equal(['482 MESSAGE', '482 MESSAGE', '200 MESSAGE']);
      expect(app.news()).to.deep.equal(['MESSAGE']);
    });

    it('also after the first was accepted, as long as it is remembered', async () => {
      ask('MESSAGE', { ...same, branch: 'z9hG4bK1' });
      expect(ask('MESSAGE', { ...same, branch: 'z9hG4bK2' })).to.deep.equal(['200 MESSAGE', '482 MESSAGE']);
      await engine.clock.advance(32_000);
      expect(ask('MESSAGE', { ...same, branch: 'z9hG4bK3' }).at(-1)).to.equal('200 MESSAGE');
    });

    it('a refused copy keeps its answer: who repeats it is not let in later', () => {
      app.onRequest = () => undefined;
      ask('MESSAGE', { ...same, branch: 'z9hG4bK1' });
      ask('MESSAGE', { ...same, branch: 'z9hG4bK2' });
      app.reply(app.frame('MESSAGE'), 480);
      expect(ask('MESSAGE', { ...same, branch: 'z9hG4bK2' })).to.deep.equal([
        '482 MESSAGE',
        '480 MESSAGE',
        '482 MESSAGE',
      ]);
      expect(
        ask('MESSAGE', { ...same, branch: 'z9hG4bK3' }),
        'a new try may have better luck',
      ).to.have.length(3);
      app.reply(app.frame('MESSAGE'), 200);
    });

    it('another CSeq number, From tag or Call-ID is another request', () => {
      ask('MESSAGE', same);
      ask('MESSAGE', { ...same, cseq: 2 });
      ask('MESSAGE', { ...same, from: '<sip:b@example.test>;tag=2' });
      ask('MESSAGE', { ...same, callId: 'n' });
      expect(peer.news()).to.deep.equal(Array(4).fill('200 MESSAGE'));
    });
  });

  describe('Max-Forwards 0', () => {
    it('483 outside of dialogs', () => {
      expect(ask('MESSAGE', { maxForwards: 0 })).to.deep.equal(['483 MESSAGE']);
      expect(app.news()).to.deep.equal([]);
    });

    it('OPTIONS is answered, for it asks who is here (§11)', () => {
      expect(ask('OPTIONS', { maxForwards: 0 })).to.deep.equal(['200 OPTIONS']);
    });
  });

  describe('a request of ours that a proxy sends back', () => {
    /** The application sends a MESSAGE to a proxy; returns what comes back of it. */
    async function sentRound(): Promise<string> {
      app.request('MESSAGE', peer.uri);
      await engine.settle();
      const sent = peer.taken('MESSAGE');
      app.frames.length = 0;
      return peer.request('MESSAGE', {
        vias: sent.headers('Via'),
        from: sent.header('From'),
        callId: sent.header('Call-ID'),
      });
    }

    it('482, when only the application that sent it could have it', async () => {
      const back = await sentRound();
      peer.send(back);
      expect(peer.taken('482 MESSAGE').header('CSeq')).to.equal('1 MESSAGE');
      peer.send(back);
      expect(peer.news(), 'and again').to.deep.equal(['482 MESSAGE']);
      expect(app.news()).to.deep.equal([]);
    });

    it('goes to another application, if there is one', async () => {
      const other = engine.application(['MESSAGE'], 'other');
      peer.send(await sentRound());
      other.reply(other.frame('MESSAGE'), 200);
      expect(app.news()).to.deep.equal([]);
    });

    it('goes to the same one where that is wanted', async () => {
      start({ returned: 'hand-up' });
      peer.send(await sentRound());
      expect(app.news()).to.deep.equal(['MESSAGE']);
    });

    it('forged: a Via that is not of a request under way means nothing', () => {
      ask('MESSAGE', { vias: ['SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKnone'] });
      expect(app.news()).to.deep.equal(['MESSAGE']);
    });
  });

  describe('extensions (§8.2.2.3)', () => {
    it('Require: 100rel is refused, for nobody here could be sent PRACK', () => {
      peer.send(peer.request('INVITE', { headers: ['Require: timer, 100REL'] }));
      expect(peer.taken('420 INVITE').headers('Unsupported')).to.deep.equal(['100REL']);
      expect(app.news()).to.deep.equal([]);
    });

    it('others are the application’s to judge unless it says which it knows', () => {
      expect(ask('MESSAGE', { headers: ['Require: levitation'] })).to.deep.equal(['200 MESSAGE']);
      start({ extensions: ['timer'] });
      peer.send(peer.request('MESSAGE', { headers: ['Require: Timer', 'Require: levitation, time-travel'] }));
      expect(peer.taken('420 MESSAGE').header('Unsupported')).to.equal('levitation, time-travel');
      expect(ask('MESSAGE', { headers: ['Require: Timer'] })).to.deep.equal(['200 MESSAGE']);
    });

    it('Proxy-Require is for proxies', () => {
      start({ extensions: [] });
      expect(ask('MESSAGE', { headers: ['Proxy-Require: levitation'] })).to.deep.equal(['200 MESSAGE']);
    });

    it('an ACK is never refused', () => {
      start({ extensions: [] });
      ask('ACK', { headers: ['Require: levitation'] });
      expect(peer.news()).to.deep.equal([]);
    });
  });

  describe('the Request-URI (§8.2.2.1)', () => {
    for (const uri of [
      'http://example.test/',
      'nobodyKnowsThisScheme:totallyopaquecontent',
      'mailto:a@example.test',
    ]) {
      it(`416: ${uri}`, () => {
        expect(ask('MESSAGE', { uri })).to.deep.equal(['416 MESSAGE']);
      });
    }

    for (const uri of [
      'sips:a@example.test',
      'tel:+15551234',
      'TEL:110',
      'im:a@example.test',
      'urn:service:sos',
    ]) {
      it(`is the application’s to judge: ${uri}`, () => {
        expect(ask('MESSAGE', { uri })).to.deep.equal(['200 MESSAGE']);
      });
    }
  });

  describe('methods (§8.2.1)', () => {
    it('405 with Allow for one that nobody wants, and 200 with what is understood for OPTIONS (§11.2)', () => {
      start({ extensions: ['timer', 'path'] });
      app.verbs.delete('options');
      peer.send(peer.request('FLY', { uri: 'http://example.test/' }));
      const refused = peer.taken('405 FLY');
      expect(refused.header('Allow').split(', ')).to.have.members([
        ...['OPTIONS', 'ACK', 'CANCEL', 'BYE', 'MESSAGE', 'INVITE'],
      ]);
      peer.send(peer.request('OPTIONS'));
      const described = peer.taken('200 OPTIONS');
      expect(described.header('Allow')).to.equal(refused.header('Allow'));
      expect(described.header('Accept')).to.equal('*/*');
      expect(described.header('Supported')).to.equal('timer, path');
      expect(described.text)
        .to.match(/\r\nAccept-Encoding: .*\r\n/)
        .and.match(/\r\nAccept-Language: .*\r\n/);
    });

    it('503 with Retry-After while all who want it are busy', () => {
      app.busy = true;
      peer.send(peer.request('MESSAGE'));
      expect(peer.taken('503 MESSAGE').header('Retry-After')).to.match(/^\d+$/);
      app.busy = false;
    });
  });

  it('hoarding: 513 to a call with a route or name too long to be remembered for hours; a text may have it', () => {
    const headers = [`Record-Route: ${'<sip:192.0.2.9;lr>,'.repeat(500)}<sip:192.0.2.8;lr>`];
    expect(ask('INVITE', { headers })).to.deep.equal(['513 INVITE']);
    expect(ask('INVITE', { callId: 'c'.repeat(9_000) }).at(-1)).to.equal('513 INVITE');
    expect(ask('MESSAGE', { headers }).at(-1)).to.equal('200 MESSAGE');
  });

  it('the application’s own request within a dialog it does not own: refused', () => {
    app.inDialog('BYE', 'nothing;from-tag=1');
    app.inDialog('ACK', 'nothing;from-tag=1');
    expect(app.failures).to.deep.equal(['unable to find dialog', 'unable to find dialog']);
  });

  it('a way back that is lost does not lose what was answered: the request that comes again gets it', async () => {
    const parts = { callId: 'm', branch: 'z9hG4bKlost' };
    peer.unreachable = true;
    ask('MESSAGE', parts);
    await engine.settle();
    expect(idsOf(app.frame('MESSAGE')).transactionId).to.not.equal('');
    peer.unreachable = false;
    expect(ask('MESSAGE', parts)).to.deep.equal(['200 MESSAGE']);
    expect(app.news(), 'it was handed up once').to.deep.equal(['MESSAGE']);
  });
});
