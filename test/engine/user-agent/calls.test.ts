import { expect } from 'chai';
import type { PaperApplication, PaperMessage, PaperPeer } from './paper-engine.ts';
import { PaperEngine, idsOf } from './paper-engine.ts';

describe('calls (RFC 3261 §13 to §15)', () => {
  let engine: PaperEngine;
  let app: PaperApplication;
  let peer: PaperPeer;

  beforeEach(() => {
    engine = new PaperEngine();
    app = engine.application(['INVITE']);
    peer = engine.peer(5071);
  });

  /** After every test, whatever happened in it. */
  afterEach(async () => {
    await engine.clock.advance(13 * 3_600_000);
    expect(engine.left).to.deep.equal([]);
  });

  /** A call of the peer that the application answered. */
  function called(callId = 'c', invite: Parameters<PaperPeer['request']>[1] = {}) {
    peer.send(peer.request('INVITE', { ...invite, callId }));
    app.reply(app.frame('INVITE'), 200);
    const accepted = peer.taken('200 INVITE');
    const to = accepted.header('To');
    const say = (method: string, cseq: number, more: Parameters<PaperPeer['request']>[1] = {}): void =>
      peer.send(peer.request(method, { callId, to, cseq, ...more }));
    const dialogId = idsOf(app.frame('200 INVITE', 'application')).dialogId;
    return { accepted, say, dialogId };
  }

  /** A call of the application that the peer answered. */
  async function calling(headers: readonly string[] = []) {
    app.request('INVITE', peer.uri);
    await engine.settle();
    const invite = peer.taken('INVITE');
    peer.send(peer.answer(invite, 200, { headers }));
    const { dialogId } = idsOf(app.frame('200 INVITE'));
    return { invite, dialogId };
  }

  const peerInOurs = (invite: PaperMessage, method: string, cseq: number): void => {
    const from = `${invite.header('To')};tag=peer`;
    peer.send(
      peer.request(method, { callId: invite.header('Call-ID'), from, to: invite.header('From'), cseq }),
    );
  };

  async function over(say: (method: string, cseq: number) => void, cseq: number): Promise<void> {
    say('BYE', cseq);
    await engine.settle();
    app.reply(app.frame('BYE'), 200);
    expect(peer.taken('200 BYE').status).to.equal(200);
    expect(engine.dialogs.size).to.equal(0);
  }

  describe('that we answer', () => {
    for (const protocol of ['udp', 'tcp'] as const) {
      it(`the 2xx is repeated over ${protocol} at T1, doubled up to T2, until its ACK (§13.3.1.4)`, async () => {
        peer = engine.peer(5072, protocol);
        const { accepted, say } = called();
        const times: number[] = [];
        for (let at = 500; at <= 20_000; at += 500) {
          await engine.clock.advance(500);
          for (const message of peer.take()) {
            times.push(at);
            expect(message.text).to.equal(accepted.text);
          }
        }
        expect(times).to.deep.equal([500, 1500, 3500, 7500, 11500, 15500, 19500]);
        say('ACK', 1);
        await engine.clock.advance(30_000);
        expect(peer.news()).to.deep.equal([]);
        expect(app.news().filter((name) => name === 'ACK')).to.have.length(1);
        await over(say, 2);
      });
    }

    it('an ACK counts only with the CSeq number and both tags of the 2xx', async () => {
      const { accepted, say } = called();
      say('ACK', 2);
      say('ACK', 1, { to: '<sip:us@example.test>;tag=wrong' });
      say('ACK', 1, { from: '<sip:peer@example.test>;tag=wrong' });
      say('ACK', 1, { callId: 'wrong' });
      await engine.clock.advance(500);
      expect(peer.news()).to.deep.equal(['200 INVITE']);
      expect(app.news()).to.not.include('ACK');
      say('ACK', 1);
      await engine.clock.advance(10_000);
      expect(peer.news()).to.deep.equal([]);
      expect(app.news()).to.deep.equal(['ACK']);
      expect(accepted.tag('To')).to.not.equal('');
      await over(say, 2);
    });

    it('an ACK that comes twice is told once', async () => {
      const { say } = called();
      say('ACK', 1);
      say('ACK', 1);
      expect(app.news().filter((name) => name === 'ACK')).to.have.length(1);
      await over(say, 2);
    });

    it('an INVITE that comes again after the 2xx is absorbed (RFC 6026 §7.1)', async () => {
      const { say } = called('c', { branch: 'z9hG4bKsame' });
      peer.send(peer.request('INVITE', { callId: 'c', branch: 'z9hG4bKsame' }));
      expect(peer.news()).to.deep.equal([]);
      expect(app.news()).to.deep.equal(['INVITE']);
      say('ACK', 1);
      await over(say, 2);
    });

    it('without an ACK for 64*T1 the call is ended by BYE, and the application told unasked', async () => {
      const { dialogId } = called();
      app.frames.length = 0;
      await engine.clock.advance(32_000);
      const bye = peer.taken('BYE');
      expect(bye.header('Reason')).to.equal('SIP;cause=200;text="ACK timeout"');
      expect(bye.header('CSeq')).to.equal('1 BYE');
      const [unsolicited] = app.frames;
      expect(unsolicited?.fields.slice(1, 3)).to.deep.equal(['sip', 'application']);
      expect(unsolicited?.fields.slice(8, 10)).to.deep.equal(['unsolicited', dialogId]);
      peer.send(peer.answer(bye, 200));
      expect(app.frames).to.have.length(1);
    });

    it('our BYE waits for the ACK (§15)', async () => {
      const { say, dialogId } = called();
      app.inDialog('BYE', dialogId);
      await engine.settle();
      expect(peer.news()).to.deep.equal([]);
      app.inDialog('BYE', dialogId);
      expect(app.failures).to.deep.equal(['a BYE is in progress']);
      say('ACK', 1);
      await engine.settle();
      peer.send(peer.answer(peer.taken('BYE'), 200));
      expect(app.news()).to.deep.equal(['INVITE', 'ACK', '200 BYE']);
      expect(engine.dialogs.size).to.equal(0);
    });

    it('our BYE goes out without an ACK after 64*T1, and nothing is told unasked', async () => {
      const { dialogId } = called();
      app.inDialog('BYE', dialogId);
      await engine.clock.advance(32_000);
      peer.send(peer.answer(peer.taken('BYE'), 200));
      expect(app.frames.some(({ fields }) => fields.includes('unsolicited'))).to.equal(false);
      expect(app.news()).to.deep.equal(['INVITE', '200 BYE']);
    });

    it('our BYE that waits crosses the peer’s', async () => {
      const { say, dialogId } = called();
      app.inDialog('BYE', dialogId);
      say('BYE', 2);
      await engine.settle();
      const ours = peer.taken('BYE');
      app.reply(app.frame('BYE'), 200);
      expect(peer.taken('200 BYE').status).to.equal(200);
      peer.send(peer.answer(ours, 481));
      expect(app.news()).to.deep.equal(['INVITE', 'BYE', '481 BYE']);
    });

    it('BYE before the ACK ends the call and the repetition of the 2xx (late ACKs are dropped)', async () => {
      const { say } = called();
      await over(say, 2);
      say('ACK', 1);
      await engine.clock.advance(10_000);
      expect(peer.news()).to.deep.equal([]);
      expect(app.news()).to.deep.equal(['INVITE', 'BYE']);
    });

    it('a re-INVITE that waits as the call ends gets 487 (§15.1.2)', async () => {
      const { say } = called();
      say('ACK', 1);
      say('INVITE', 2, { branch: 'z9hG4bKre' });
      say('BYE', 3);
      await engine.settle();
      app.reply(app.frame('BYE'), 200);
      expect(peer.news()).to.have.members(['200 BYE', '487 INVITE']);
      say('ACK', 2, { branch: 'z9hG4bKre' });
    });

    it('a call that rings rings again each minute, until timer C (§13.3.1.1)', async () => {
      peer.send(peer.request('INVITE', { callId: 'c', branch: 'z9hG4bKr' }));
      app.reply(app.frame('INVITE'), 180);
      await engine.clock.advance(59_999);
      expect(peer.news()).to.deep.equal(['180 INVITE']);
      await engine.clock.advance(240_000);
      expect(peer.news()).to.deep.equal(Array(4).fill('180 INVITE'));
      await engine.clock.advance(1);
      expect(peer.news().at(-1)).to.equal('408 INVITE');
      peer.send(peer.request('ACK', { callId: 'c', branch: 'z9hG4bKr' }));
    });

    it('an INVITE with Expires is over then: 487, and the application is told of a CANCEL (§13.3.1)', async () => {
      const parts = { callId: 'c', branch: 'z9hG4bKx', headers: ['Expires: 30'] };
      peer.send(peer.request('INVITE', parts));
      await engine.clock.advance(29_999);
      expect(peer.news()).to.deep.equal(['100 INVITE']);
      await engine.clock.advance(1);
      expect(peer.news()).to.deep.equal(['487 INVITE']);
      expect(app.frame('CANCEL').message.header('Reason')).to.contain('Expired');
      peer.send(peer.request('ACK', parts));
    });

    it('answered in time, its Expires means nothing any more; nor do 0 and nonsense', async () => {
      for (const expires of ['30', '0', 'soon', '4294967295']) {
        const { say } = called(`e${expires}`, { headers: [`Expires: ${expires}`] });
        say('ACK', 1);
        await engine.clock.advance(40_000);
        expect(peer.news()).to.deep.equal([]);
        await over(say, 2);
      }
    });

    it('a refusal is repeated until its ACK, which the application never sees', async () => {
      const parts = { callId: 'c', branch: 'z9hG4bKr' };
      peer.send(peer.request('INVITE', parts));
      app.reply(app.frame('INVITE'), 486);
      await engine.clock.advance(500);
      const [first, again] = peer.take();
      expect(first?.text).to.equal(again?.text);
      peer.send(peer.request('ACK', { ...parts, to: first?.header('To') ?? '' }));
      await engine.clock.advance(10_000);
      expect(peer.news()).to.deep.equal([]);
      expect(app.news()).to.deep.equal(['INVITE']);
    });
  });

  describe('that we make', () => {
    it('a 2xx that comes again gets the same ACK, without the application', async () => {
      const { invite, dialogId } = await calling();
      peer.send(peer.answer(invite, 200));
      expect(peer.news(), 'there is no ACK yet').to.deep.equal([]);
      app.inDialog('ACK', dialogId);
      await engine.settle();
      const ack = peer.taken('ACK');
      expect(ack.header('CSeq')).to.equal('1 ACK');
      expect(ack.header('Via')).to.not.equal(invite.header('Via'));
      peer.send(peer.answer(invite, 200));
      expect(peer.taken('ACK').text).to.equal(ack.text);
      expect(app.news()).to.deep.equal(['200 INVITE']);
      await over((method, cseq) => peerInOurs(invite, method, cseq), 7);
    });

    it('each callee of a fork is acknowledged every time, and all but the first get one BYE (§13.2.2.4)', async () => {
      const { invite, dialogId } = await calling();
      app.inDialog('ACK', dialogId);
      await engine.settle();
      expect(peer.taken('ACK').tag('To')).to.equal('peer');
      for (let round = 0; round < 3; round++) {
        for (const tag of ['second', 'third']) peer.send(peer.answer(invite, 200, { tag }));
        await engine.settle();
      }
      const came = peer.take();
      for (const tag of ['second', 'third']) {
        const theirs = came.filter((message) => message.tag('To') === tag).map(({ name }) => name);
        expect(theirs).to.have.members(['ACK', 'BYE', 'ACK', 'ACK']);
      }
      for (const bye of came.filter(({ name }) => name === 'BYE')) peer.send(peer.answer(bye, 200));
      expect(app.news()).to.deep.equal(['200 INVITE']);
      await over((method, cseq) => peerInOurs(invite, method, cseq), 7);
    });

    it('flood of callees of one INVITE: no more of them than the limit are answered', async () => {
      const { invite, dialogId } = await calling();
      app.inDialog('ACK', dialogId);
      await engine.settle();
      peer.take();
      for (let index = 0; index < 100; index++) peer.send(peer.answer(invite, 200, { tag: `t${index}` }));
      await engine.settle();
      expect(peer.news().filter((name) => name === 'BYE')).to.have.length(32);
    });

    it('a refusal gets an ACK each time it comes, and is told once', async () => {
      app.request('INVITE', peer.uri);
      await engine.settle();
      const invite = peer.taken('INVITE');
      peer.send(peer.answer(invite, 603));
      peer.send(peer.answer(invite, 603));
      const acks = peer.take();
      expect(acks.map(({ name }) => name)).to.deep.equal(['ACK', 'ACK']);
      expect(acks[0]?.header('Via')).to.equal(invite.header('Via'));
      expect(acks[0]?.tag('To')).to.equal('peer');
      expect(app.news()).to.deep.equal(['603 INVITE']);
    });

    it('a response with two Vias is not ours, and dropped (§8.1.3.3)', async () => {
      app.request('INVITE', peer.uri);
      await engine.settle();
      const invite = peer.taken('INVITE');
      const stray = peer
        .answer(invite, 200)
        .replace('From:', 'Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\nFrom:');
      peer.send(stray);
      expect(app.news()).to.deep.equal([]);
      peer.send(peer.answer(invite, 486));
    });

    it('refuses an INVITE while another is in progress, be it the peer’s (§14.1)', async () => {
      const { invite, dialogId } = await calling();
      app.inDialog('ACK', dialogId);
      app.inDialog('INVITE', dialogId);
      app.inDialog('INVITE', dialogId);
      await engine.settle();
      expect(app.failures).to.deep.equal(['an INVITE is in progress']);
      peer.send(peer.answer(peer.taken('INVITE'), 488));
      peerInOurs(invite, 'INVITE', 8);
      app.inDialog('INVITE', dialogId);
      expect(app.failures).to.have.length(2);
      app.reply(app.frame('INVITE'), 488);
      await over((method, cseq) => peerInOurs(invite, method, cseq), 9);
    });

    it('refuses what needs PRACK: Require: 100rel, and PRACK itself (RFC 3262)', async () => {
      app.request('INVITE', peer.uri, ['Require: timer, 100rel']);
      app.request('PRACK', peer.uri);
      expect(app.failures).to.deep.equal(Array(2).fill('reliable provisional responses are not supported'));
      app.request('INVITE', peer.uri, ['Supported: timer, 100rel']);
      await engine.settle();
      const invite = peer.taken('INVITE');
      expect(invite.header('Supported')).to.equal('timer');
      peer.send(peer.answer(invite, 486));
    });
  });

  describe('re-INVITEs and other requests within them (§12.2, §14.2)', () => {
    it('a second INVITE before the first is answered: 500 with Retry-After of 0 to 10 s', async () => {
      const { say } = called();
      say('ACK', 1);
      say('INVITE', 2, { branch: 'z9hG4bKa' });
      say('INVITE', 3, { branch: 'z9hG4bKb' });
      const refused = peer.taken('500 INVITE');
      expect(Number(refused.header('Retry-After'))).to.be.within(0, 10);
      expect(refused.header('Retry-After')).to.match(/^\d+$/);
      say('ACK', 3, { branch: 'z9hG4bKb' });
      app.reply(app.frame('INVITE'), 200);
      say('ACK', 2);
      await over(say, 4);
    });

    it('an INVITE that crosses ours: 491, and so again when it was under way twice', async () => {
      const { say, dialogId } = called();
      say('ACK', 1);
      app.inDialog('INVITE', dialogId);
      await engine.settle();
      const ours = peer.taken('INVITE');
      say('INVITE', 2, { branch: 'z9hG4bKx' });
      const refused = peer.taken('491 INVITE');
      peer.send(peer.answer(ours, 491));
      say('INVITE', 2, { branch: 'z9hG4bKx' });
      expect(peer.take().find(({ status }) => status > 0)?.text).to.equal(refused.text);
      expect(
        app.news().filter((name) => name === 'INVITE'),
        'the first one only',
      ).to.have.length(1);
      say('ACK', 2, { branch: 'z9hG4bKx' });
      await over(say, 3);
    });

    it('a CSeq number that is not above the last: 500, without Retry-After; gaps are allowed', async () => {
      const { say } = called();
      say('ACK', 1);
      say('INFO', 5);
      app.reply(app.frame('INFO'), 200);
      peer.take();
      for (const cseq of [4, 5]) {
        say('INFO', cseq);
        const refused = peer.taken('500 INFO');
        expect(refused.headers('Retry-After')).to.deep.equal([]);
      }
      await over(say, 9);
    });

    it('a wrong To tag, From tag or Call-ID: 481', async () => {
      const { say } = called();
      say('ACK', 1);
      say('INFO', 2, { to: '<sip:us@example.test>;tag=wrong' });
      say('INFO', 2, { from: '<sip:peer@example.test>;tag=wrong' });
      say('INFO', 2, { callId: 'wrong' });
      expect(peer.news()).to.deep.equal(['481 INFO', '481 INFO', '481 INFO']);
      await over(say, 2);
    });

    it('Max-Forwards 0 does not keep a BYE from the call it is for (RFC 4475 §3.3.11)', async () => {
      const { say } = called();
      say('ACK', 1);
      await over((method, cseq) => say(method, cseq, { maxForwards: 0 }), 2);
    });

    it('Require: 100rel in a re-INVITE: 420; the call stands', async () => {
      const { say } = called();
      say('ACK', 1);
      say('INVITE', 2, { headers: ['Require: 100rel'] });
      expect(peer.taken('420 INVITE').header('Unsupported')).to.equal('100rel');
      await over(say, 3);
    });

    it('a new Contact counts once its request is accepted, and not when it is refused', async () => {
      const { say, dialogId } = called();
      const moved = engine.peer(5079);
      say('ACK', 1);
      const contactThere = { headers: [] as string[] };
      const move = (cseq: number): void => {
        const text = peer.request('INVITE', { callId: 'c', to: toOf(), cseq, ...contactThere });
        peer.send(text.replace(peer.uri, moved.uri));
      };
      const toOf = (): string => app.frame('200 INVITE', 'application').message.header('To');
      const notify = async (): Promise<string> => {
        app.inDialog('INFO', dialogId);
        await engine.settle();
        const came = [...peer.take(), ...moved.take()].filter(({ name }) => name === 'INFO');
        expect(came).to.have.length(1);
        const [info] = came;
        if (info !== undefined) peer.send(peer.answer(info, 200));
        return info?.startLine ?? '';
      };
      move(2);
      app.reply(app.frame('INVITE'), 488);
      expect(await notify()).to.contain(peer.uri);
      move(3);
      app.reply(app.frame('INVITE'), 200);
      say('ACK', 3);
      expect(await notify()).to.contain(moved.uri);
      await over(say, 4);
    });

    it('the route set stays as it began, whatever a later request records (§12.2)', async () => {
      const proxy = engine.peer(5090);
      const { say, dialogId } = called('c', { headers: [`Record-Route: <sip:192.0.2.7:5090;lr>`] });
      say('ACK', 1);
      say('INVITE', 2, { headers: ['Record-Route: <sip:192.0.2.66;lr>'] });
      app.reply(app.frame('INVITE'), 200);
      say('ACK', 2);
      app.inDialog('BYE', dialogId);
      await engine.settle();
      const bye = proxy.taken('BYE');
      expect(bye.headers('Route')).to.deep.equal(['<sip:192.0.2.7:5090;lr>']);
      proxy.send(proxy.answer(bye, 200));
    });
  });

  describe('before they are answered: early dialogs (§12.1)', () => {
    const parts = { callId: 'c', branch: 'z9hG4bKe' };
    let to: string;

    function ring(): void {
      peer.send(peer.request('INVITE', parts));
      app.reply(app.frame('INVITE'), 183);
      to = peer.taken('183 INVITE').header('To');
      app.frames.length = 0;
    }

    it('the caller’s BYE: 200, the INVITE 487; the application is told of a CANCEL with its Reason', () => {
      ring();
      peer.send(peer.request('BYE', { callId: 'c', to, cseq: 2, headers: ['Reason: Q.850;cause=16'] }));
      const [ok, terminated] = peer.take();
      expect([ok?.name, terminated?.name]).to.deep.equal(['200 BYE', '487 INVITE']);
      const cancel = app.frame('CANCEL').message;
      expect(cancel.header('Reason')).to.equal('Q.850;cause=16');
      expect(cancel.header('Call-ID')).to.equal('c');
      peer.send(peer.request('ACK', { ...parts, to }));
      expect(app.news()).to.deep.equal(['CANCEL']);
    });

    for (const method of ['INVITE', 'UPDATE', 'INFO', 'MESSAGE']) {
      it(`${method}: 500 with Retry-After; the call goes on`, async () => {
        ring();
        peer.send(peer.request(method, { callId: 'c', to, cseq: 2, branch: 'z9hG4bKm' }));
        const refused = peer.taken(`500 ${method}`);
        expect(Number(refused.header('Retry-After'))).to.be.within(0, 10);
        expect(app.news()).to.deep.equal([]);
        if (method === 'INVITE')
          peer.send(peer.request('ACK', { callId: 'c', to, cseq: 2, branch: 'z9hG4bKm' }));
        peer.send(peer.request('CANCEL', parts));
        await engine.settle();
      });
    }

    for (const method of ['PRACK', 'NOTIFY', 'SUBSCRIBE']) {
      it(`${method}: 481, for there is nothing of its kind`, () => {
        ring();
        peer.send(peer.request(method, { callId: 'c', to, cseq: 2 }));
        expect(peer.news()).to.deep.equal([`481 ${method}`]);
        peer.send(peer.request('CANCEL', parts));
      });
    }

    it('with another tag than that of the 183: 481', () => {
      ring();
      peer.send(peer.request('BYE', { callId: 'c', to: `${to}x`, cseq: 2 }));
      expect(peer.news()).to.deep.equal(['481 BYE']);
      peer.send(peer.request('CANCEL', parts));
    });

    it('of our own INVITE: what the callee asks is put off, its BYE is none (§15)', async () => {
      app.request('INVITE', peer.uri);
      await engine.settle();
      const invite = peer.taken('INVITE');
      peer.send(peer.answer(invite, 183));
      peerInOurs(invite, 'UPDATE', 1);
      peerInOurs(invite, 'INFO', 2);
      peerInOurs(invite, 'NOTIFY', 3);
      peerInOurs(invite, 'BYE', 4);
      expect(peer.news()).to.deep.equal(['491 UPDATE', '500 INFO', '481 NOTIFY', '481 BYE']);
      peer.send(peer.answer(invite, 486));
      peerInOurs(invite, 'UPDATE', 4);
      expect(peer.news().at(-1)).to.equal('481 UPDATE');
    });
  });
});
