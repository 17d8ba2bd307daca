import { expect } from 'chai';
import { silentLogger } from '../../src/core/logger.ts';
import { DIALOG_LIMITS } from '../../src/engine/dialog/limits.ts';
import {
  RawSipClient,
  contactOf,
  isRequest,
  isResponse,
  rawInDialog,
  rawRequest,
  rawResponse,
} from '../doubles/raw-sip-client.ts';
import type { RawMessage } from '../doubles/raw-sip-client.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { seededRandom } from '../doubles/seeded-random.ts';
import type { SrfApplication, SrfDialog, SrfRequest, SrfResponse } from './application.ts';
import { RunningEngine, SDP, deferred, delay, until } from './running-engine.ts';

const URI = 'sip:alice@example.test';

describe('the engine', () => {
  let running: RunningEngine;
  let app: SrfApplication;

  afterEach(() => running.close());

  /** The other side of a dialog that an application answered. */
  interface Peered {
    readonly peer: RawSipClient;
    readonly request: Buffer;
    readonly response: RawMessage;
    readonly dialog: SrfDialog;
  }

  /** An application that opens a dialog for every INVITE and SUBSCRIBE, and one such dialog. */
  async function dialogFor(method: 'INVITE' | 'SUBSCRIBE', peer: RawSipClient): Promise<Peered> {
    const opened = deferred<SrfDialog>();
    const open = (request: SrfRequest, response: SrfResponse): void => {
      if (request.get('To').includes(';tag=')) {
        response.send(481);
        return;
      }
      const options = method === 'INVITE' ? { localSdp: SDP } : { headers: { Expires: '60' } };
      void app.createUAS(request, response, options).then(opened.resolve);
    };
    app = await running.application({ [method]: open });
    const headers = [contactOf(peer), 'Event: presence', 'Expires: 60', 'Content-Type: application/sdp'];
    const request = rawRequest({ method, uri: URI, client: peer, headers, body: SDP });
    peer.send(request);
    const response = await peer.nextMessage(({ status }) => status >= 200);
    const peered = { peer, request, response, dialog: await opened.promise };
    if (method === 'SUBSCRIBE') return peered;
    const acked = deferred<unknown>();
    peered.dialog.on('ack', acked.resolve);
    peer.send(rawInDialog(peer, 'ACK', peered, 1));
    await acked.promise;
    return peered;
  }

  it('log flooding: garbage is logged a few times, not each time it comes', async () => {
    const lines: string[] = [];
    running = await RunningEngine.start(undefined, {
      logger: { ...silentLogger, info: (_fields, text) => void lines.push(text) },
    });
    const peer = await running.peer();
    for (let i = 0; i < 200; i++) peer.send(`garbage ${i}`);
    peer.send(rawRequest({ method: 'OPTIONS', uri: URI, client: peer }));
    await peer.nextMessage(({ status }) => status >= 200);
    expect(lines.filter((line) => line.includes('malformed')).length).to.be.within(1, 20);
  });

  describe('in its own time', () => {
    beforeEach(async () => {
      running = await RunningEngine.start();
    });

    it('answers a UDP peer without rport at the port its Via names (RFC 3261 §18.2.2)', async () => {
      await running.application({ MESSAGE: (_request, response) => response.send(200) });
      const [sender, named] = [await running.peer(), await running.peer()];
      const message = rawRequest({ method: 'MESSAGE', uri: URI, client: named }).toString();
      sender.send(message.replace(';rport', ''));
      await named.nextMessage(isResponse(200));
      expect(sender.received).to.deep.equal([]);
    });

    it('answers over a new connection when the one the request came by is gone', async () => {
      const answer = deferred<SrfResponse>();
      await running.application({ MESSAGE: (_request, response) => answer.resolve(response) });
      const [listener, sender] = [running.adopt(await RawSipClient.listen()), await running.peer('tcp')];
      sender.send(rawRequest({ method: 'MESSAGE', uri: URI, client: listener }));
      const response = await answer.promise;
      await sender.disconnect();
      response.send(200);
      await listener.nextMessage(isResponse(200));
    });

    it('reaches a TCP peer in a dialog by its own connection when its Contact leads nowhere', async () => {
      const phone = await running.peer('tcp');
      const opened = deferred<SrfDialog>();
      app = await running.application({
        INVITE: (request, response) => {
          void app.createUAS(request, response, { localSdp: SDP }).then(opened.resolve);
        },
      });
      const headers = ['Contact: <sip:phone@127.0.0.1:1;transport=tcp>'];
      const invite = rawRequest({ method: 'INVITE', uri: URI, client: phone, headers });
      phone.send(invite);
      const response = await phone.nextMessage(isResponse(200));
      phone.send(rawInDialog(phone, 'ACK', { request: invite, response }, 1));
      const over = (await opened.promise).destroy();
      const bye = await phone.nextMessage(isRequest('BYE'));
      phone.send(rawResponse(bye, 200, 'OK'));
      await over;
    });

    it('takes an ACK to a 2xx that has the branch of its INVITE', async () => {
      const acked = deferred<unknown>();
      app = await running.application({
        INVITE: (request, response) => {
          void app
            .createUAS(request, response, { localSdp: SDP })
            .then((dialog) => dialog.on('ack', acked.resolve));
        },
      });
      const peer = await running.peer();
      const parts = {
        uri: URI,
        client: peer,
        branch: 'z9hG4bKsame',
        from: '<sip:b@x>;tag=1',
        callId: 'same',
      };
      peer.send(rawRequest({ ...parts, method: 'INVITE', headers: [contactOf(peer)] }));
      const accepted = await peer.nextMessage(isResponse(200));
      peer.send(rawRequest({ ...parts, method: 'ACK', to: accepted.header('To') }));
      await acked.promise;
    });

    it('puts off an INVITE that crosses ours in a dialog (RFC 3261 §14.2)', async () => {
      const peered = await dialogFor('INVITE', await running.peer());
      const { peer, dialog } = peered;
      const modifying = dialog.modify(SDP);
      const ours = await peer.nextMessage(isRequest('INVITE'));
      peer.send(rawInDialog(peer, 'INVITE', peered, 2, { headers: [contactOf(peer)] }));
      await peer.nextMessage(isResponse(491, 'INVITE'));
      peer.send(rawResponse(ours, 200, 'OK', { headers: [contactOf(peer)] }));
      await modifying;
    });

    it('tells an application why it cannot do what it asks', async () => {
      const peered = await dialogFor('INVITE', await running.peer());
      const failure = async (work: Promise<unknown>): Promise<string> =>
        await work.then(
          () => 'none',
          (error: unknown) => (error instanceof Error ? error.message : String(error)),
        );
      const untyped = app.request(URI, { method: 'MESSAGE', body: 'hi' });
      expect(await failure(untyped)).to.equal('missing content-type');
      peered.peer.send(rawInDialog(peered.peer, 'BYE', peered, 2));
      await peered.peer.nextMessage(isResponse(200, 'BYE'));
      expect(await failure(peered.dialog.request({ method: 'INFO' }))).to.equal('unable to find dialog');
    });

    it('answers 400 to a request whose Via or Contact cannot be read, and goes on', async () => {
      await running.application({
        INVITE: (_request, response) => response.send(486),
        MESSAGE: (_request, response) => response.send(200),
      });
      const peer = await running.peer();
      peer.send(rawRequest({ method: 'INVITE', uri: URI, client: peer, headers: ['Contact: "<'] }));
      await peer.nextMessage(isResponse(400));
      peer.send(rawRequest({ method: 'MESSAGE', uri: URI, client: peer }));
      await peer.nextMessage(isResponse(200));
    });

    it('garbage: random bytes and broken requests change nothing for others', async () => {
      await running.application({ MESSAGE: (_request, response) => response.send(200) });
      const [udp, tcp] = [await running.peer(), await running.peer('tcp')];
      const random = seededRandom(7);
      const good = rawRequest({ method: 'MESSAGE', uri: URI, client: udp, body: 'hello' });
      for (let round = 0; round < 300; round++) {
        const bytes = Buffer.from(good);
        for (let index = 0; index < 4; index++) {
          bytes[Math.floor(random.fraction() * bytes.length)] = random.bytes(1)[0] ?? 0;
        }
        udp.send(round % 3 === 0 ? random.bytes(200) : bytes);
        if (round % 10 === 0) await delay(1);
      }
      tcp.send(random.bytes(5_000));
      const again = await running.peer();
      again.send(rawRequest({ method: 'MESSAGE', uri: URI, client: again }));
      await again.nextMessage(isResponse(200));
    });

    it('responses nobody asked for are dropped', async () => {
      const peer = await running.peer();
      const asked = await (async () => {
        peer.send(rawRequest({ method: 'OPTIONS', uri: URI, client: peer }));
        return await peer.nextMessage(isResponse(503));
      })();
      peer.send(asked.bytes);
      peer.send(asked.text.replace(/CSeq: .*/, 'CSeq: nonsense'));
      peer.send(rawRequest({ method: 'OPTIONS', uri: URI, client: peer }));
      await peer.nextMessage(isResponse(503));
    });
  });

  describe('when the hands of the clock are turned', () => {
    let clock: FakeClock;

    beforeEach(async () => {
      clock = new FakeClock();
      running = await RunningEngine.start(clock);
    });

    afterEach(async () => {
      await running.close();
      expect(clock.pendingTimers, 'timers left').to.equal(0);
    });

    it('ends a call in which nothing was said for very long, on both sides', async () => {
      const { peer, dialog } = await dialogFor('INVITE', await running.peer());
      const destroyed = deferred<string>();
      dialog.on('destroy', (_bye: SrfRequest, reason?: unknown) => destroyed.resolve(String(reason)));
      await clock.advance(DIALOG_LIMITS.inviteIdle + 1_000);
      const bye = await peer.nextMessage(isRequest('BYE'));
      peer.send(rawResponse(bye, 200, 'OK'));
      expect(await destroyed.promise).to.equal('dialog lapsed');
    });

    it('forgets a subscription that was not refreshed', async () => {
      const peered = await dialogFor('SUBSCRIBE', await running.peer());
      const { peer } = peered;
      await clock.advance(60_000 + DIALOG_LIMITS.subscriptionGrace);
      peer.send(rawInDialog(peer, 'SUBSCRIBE', peered, 2, { headers: [contactOf(peer)] }));
      await peer.nextMessage(isResponse(481));
    });

    it('forgets a subscription 64*T1 after a NOTIFY was answered 481', async () => {
      const peered = await dialogFor('SUBSCRIBE', await running.peer());
      const { peer, dialog } = peered;
      const notified = dialog.request({ method: 'NOTIFY', headers: { 'Subscription-State': 'active' } });
      const notify = await peer.nextMessage(isRequest('NOTIFY'));
      peer.send(rawResponse(notify, 481, 'Gone'));
      expect((await notified).status).to.equal(481);
      await clock.advance(32_000);
      peer.send(rawInDialog(peer, 'SUBSCRIBE', peered, 2, { headers: [contactOf(peer)] }));
      await peer.nextMessage(isResponse(481, 'SUBSCRIBE'));
    });

    it('gives up a callee that rings for five minutes, and tells it', async () => {
      app = await running.application();
      const peer = await running.peer();
      const ringing = deferred<unknown>();
      const calling = app.createUAC(
        `sip:b@127.0.0.1:${peer.port}`,
        { localSdp: SDP },
        { cbProvisional: ringing.resolve },
      );
      const failed = calling.then(
        () => 0,
        (error: unknown) => (error as { status: number }).status,
      );
      const invite = await peer.nextMessage(isRequest('INVITE'));
      peer.send(rawResponse(invite, 180, 'Ringing', { tag: 'b' }));
      await ringing.promise;
      await clock.advance(300_000);
      const cancel = await peer.nextMessage(isRequest('CANCEL'));
      expect(cancel.header('Via')).to.equal(invite.header('Via'));
      expect(await failed).to.equal(408);
    });

    it('leaves no timer behind whatever is in progress as it closes', async () => {
      let seen = 0;
      app = await running.application({
        MESSAGE: () => {
          seen++;
        },
        INVITE: (_request, response) => {
          response.send(180);
        },
      });
      const peer = await running.peer();
      peer.send(rawRequest({ method: 'MESSAGE', uri: URI, client: peer }));
      peer.send(rawRequest({ method: 'INVITE', uri: URI, client: peer, headers: [contactOf(peer)] }));
      await peer.nextMessage(isResponse(180));
      await until(() => seen === 1);
      void app.createUAC(`sip:b@127.0.0.1:${peer.port}`, { localSdp: SDP }).catch(() => undefined);
      void app.request(`sip:b@127.0.0.1:${peer.port}`, { method: 'OPTIONS' });
      await peer.nextMessage(isRequest('OPTIONS'));
    });
  });
});
