import { expect } from 'chai';
import type { RawMessage, RawProtocol } from '../doubles/raw-sip-client.ts';
import {
  RawSipClient,
  contactOf,
  isRequest,
  isResponse,
  rawInDialog,
  rawRequest,
  rawResponse,
} from '../doubles/raw-sip-client.ts';
import { connectApplication, responseTo } from './application.ts';
import type { Handlers, SrfApplication, SrfDialog, SrfRequest, SrfResponse } from './application.ts';
import { RunningEngine, SDP, SHORT_TIMERS, T1, deferred, delay, tag, until } from './running-engine.ts';

describe('the engine under drachtio-srf', () => {
  let running: RunningEngine;
  let applications: SrfApplication[];

  beforeEach(async () => {
    applications = [];
    running = await RunningEngine.start();
  });

  afterEach(() => running.close());

  async function startHasty(): Promise<void> {
    await running.close();
    running = await RunningEngine.start(undefined, { timers: SHORT_TIMERS });
  }

  const portOf = (protocol: RawProtocol): number => running.port(protocol);

  async function application(handlers: Handlers = {}): Promise<SrfApplication> {
    const connected = await running.application(handlers);
    applications.push(connected);
    return connected;
  }

  const peer = (protocol: RawProtocol = 'udp'): Promise<RawSipClient> => running.peer(protocol);

  const uriOf = (client: RawSipClient): string => `sip:peer@127.0.0.1:${client.port}`;

  it('hands a MESSAGE up and its answer down', async () => {
    const seen: SrfRequest[] = [];
    await application({
      MESSAGE: (request, response) => {
        seen.push(request);
        response.send(202, { headers: { 'X-Seen': 'yes' } });
      },
    });
    const bob = await peer();
    bob.send(
      rawRequest({
        method: 'MESSAGE',
        uri: 'sip:alice@example.test',
        client: bob,
        headers: ['Content-Type: text/plain;charset=UTF-8'],
        body: 'Hello 🙂',
      }),
    );
    const answer = await bob.nextMessage(isResponse(202, 'MESSAGE'));
    expect(answer.header('X-Seen')).to.equal('yes');
    expect(answer.header('To')).to.match(/;tag=\S+$/);
    const [request] = seen;
    expect(request?.body).to.equal('Hello 🙂');
    expect(request?.uri).to.equal('sip:alice@example.test');
    expect(request?.source_address).to.equal('127.0.0.1');
    expect(request?.source_port).to.equal(bob.port);
    expect(request?.protocol).to.equal('udp');
    expect(request?.receivedOn).to.equal(`127.0.0.1:${portOf('udp')}`);
    expect(request?.get('Via')).to.contain(`rport=${bob.port}`);
    expect(request?.get('Content-Length')).to.equal(String(Buffer.byteLength('Hello 🙂')));
  });

  it('disguised headers: names written with escapes, which a proxy lets pass, name nobody to the application', async () => {
    const seen: SrfRequest[] = [];
    await application({
      MESSAGE: (request, response) => {
        seen.push(request);
        response.send(202);
      },
    });
    const bob = await peer();
    const text = rawRequest({ method: 'MESSAGE', uri: 'sip:alice@example.test', client: bob }).toString();
    const disguised = ['%46rom', 'f%72om', '%66', '%50-Asserted-Identity', '%u0052eferred-by', 'X-%46rom'];
    const [startLine = '', ...rest] = text.split('\r\n');
    bob.send(
      [startLine, ...disguised.map((name) => `${name}: <sip:boss@example.test>`), ...rest].join('\r\n'),
    );
    await bob.nextMessage(isResponse(202, 'MESSAGE'));
    expect(seen[0]?.get('From')).to.match(/^<sip:caller@[^,]*;tag=[^,]*$/);
    for (const name of ['P-Asserted-Identity', 'Referred-By']) expect(seen[0]?.get(name)).to.equal(undefined);
  });

  it('disguised methods: a BYE written with an escape ends no call for the application alone', async () => {
    const opened = deferred<SrfDialog>();
    const app = await application({
      INVITE: (request, response) => {
        void app.createUAS(request, response, { localSdp: SDP }).then(opened.resolve);
      },
    });
    const alice = await peer();
    const headers = [contactOf(alice), 'Content-Type: application/sdp'];
    const request = rawRequest({ method: 'INVITE', uri: uriOf(alice), client: alice, headers, body: SDP });
    alice.send(request);
    const response = await alice.nextMessage(isResponse(200, 'INVITE'));
    alice.send(rawInDialog(alice, 'ACK', { request, response }, 1));
    let ended = 0;
    (await opened.promise).on('destroy', () => ended++);
    alice.send(rawInDialog(alice, '%42YE', { request, response }, 2));
    await alice.nextMessage(isResponse(501, '%42YE'));
    expect(ended).to.equal(0);
    alice.send(rawInDialog(alice, 'BYE', { request, response }, 3));
    await alice.nextMessage(isResponse(200, 'BYE'));
    expect(ended).to.equal(1);
  });

  for (const protocol of ['udp', 'tcp'] as const) {
    describe(`over ${protocol}`, () => {
      /** A call that an application has answered, and the peer acknowledged. */
      async function answeredCall(
        answer: (request: SrfRequest, response: SrfResponse) => void,
      ): Promise<{ alice: RawSipClient; invite: Buffer; accepted: RawMessage; app: SrfApplication }> {
        const app = await application({ INVITE: answer });
        const alice = await peer(protocol);
        const invite = rawRequest({
          method: 'INVITE',
          uri: 'sip:bob@example.test',
          client: alice,
          headers: [contactOf(alice), 'Content-Type: application/sdp'],
          body: SDP,
        });
        alice.send(invite);
        const accepted = await alice.nextMessage(isResponse(200, 'INVITE'));
        return { alice, invite, accepted, app };
      }

      it('answers an INVITE by createUAS: the ACK and the caller’s BYE reach the dialog', async () => {
        const acked = deferred<SrfRequest>();
        const destroyed = deferred<SrfRequest>();
        const dialogs: SrfDialog[] = [];
        const { alice, invite, accepted } = await answeredCall((request, response) => {
          const srf = applications[0];
          void srf?.createUAS(request, response, { localSdp: SDP }).then((dialog) => {
            dialogs.push(dialog);
            dialog.on('ack', acked.resolve);
            dialog.on('destroy', destroyed.resolve);
          });
        });
        expect(accepted.header('Contact')).to.contain(`127.0.0.1:${portOf(protocol)}`);
        expect(accepted.header('Content-Type')).to.equal('application/sdp');
        expect(accepted.body.toString()).to.equal(SDP);
        alice.send(rawInDialog(alice, 'ACK', { request: invite, response: accepted }, 1));
        await acked.promise;
        expect(dialogs[0]?.id).to.equal(
          `${accepted.header('Call-ID')};from-tag=${tag(accepted.header('From'))}`,
        );
        expect(dialogs[0]?.sip.localTag).to.equal(tag(accepted.header('To')));
        expect(dialogs[0]?.remote.uri).to.contain(`sip:peer@127.0.0.1:${alice.port}`);
        alice.send(rawInDialog(alice, 'BYE', { request: invite, response: accepted }, 2));
        await alice.nextMessage(isResponse(200, 'BYE'));
        expect((await destroyed.promise).method).to.equal('BYE');
        alice.send(rawInDialog(alice, 'INFO', { request: invite, response: accepted }, 3));
        await alice.nextMessage(isResponse(481, 'INFO'));
      });

      it('sends the BYE of dialog.destroy along the recorded route', async () => {
        const dialog = deferred<SrfDialog>();
        await application({
          INVITE: (request, response) => {
            void applications[0]?.createUAS(request, response, { localSdp: SDP }).then(dialog.resolve);
          },
        });
        const proxy = await peer(protocol);
        const transport = protocol === 'tcp' ? ';transport=tcp' : '';
        const invite = rawRequest({
          method: 'INVITE',
          uri: 'sip:bob@example.test',
          client: proxy,
          headers: [
            'Contact: <sip:alice@192.0.2.1:5062>',
            `Record-Route: <sip:127.0.0.1:${proxy.port};lr${transport}>, <sip:192.0.2.9;lr>`,
          ],
        });
        proxy.send(invite);
        const accepted = await proxy.nextMessage(isResponse(200, 'INVITE'));
        expect(accepted.headers('Record-Route').join(', ')).to.contain('192.0.2.9');
        proxy.send(rawInDialog(proxy, 'ACK', { request: invite, response: accepted }, 1));
        const destroyed = (await dialog.promise).destroy({ headers: { 'X-Why': 'enough' } });
        const bye = await proxy.nextMessage(isRequest('BYE'));
        expect(bye.startLine).to.equal('BYE sip:alice@192.0.2.1:5062 SIP/2.0');
        expect(bye.headers('Route').join(', ')).to.equal(
          `<sip:127.0.0.1:${proxy.port};lr${transport}>, <sip:192.0.2.9;lr>`,
        );
        expect(bye.header('From')).to.equal(accepted.header('To'));
        expect(bye.header('To')).to.equal(accepted.header('From'));
        expect(bye.header('Call-ID')).to.equal(accepted.header('Call-ID'));
        expect(bye.header('Max-Forwards')).to.equal('70');
        expect(bye.header('X-Why')).to.equal('enough');
        proxy.send(rawResponse(bye, 200, 'OK'));
        expect((await destroyed).method).to.equal('BYE');
      });

      it('calls out by createUAC: ACK, the callee’s re-INVITE, the caller’s re-INVITE, BYE of either', async () => {
        const app = await application();
        const bob = await peer(protocol);
        const transport = protocol === 'tcp' ? ';transport=tcp' : '';
        const calling = app.createUAC(`${uriOf(bob)}${transport}`, {
          localSdp: SDP,
          headers: { From: '"Al" <sip:alice@example.test>', To: '<sip:bob@example.test>', 'X-A': 'b' },
        });
        const invite = await bob.nextMessage(isRequest('INVITE'));
        expect(invite.header('From')).to.match(/^"Al" <sip:alice@example\.test>;tag=\S+$/);
        expect(invite.header('To')).to.equal('<sip:bob@example.test>');
        expect(invite.header('Max-Forwards')).to.equal('70');
        expect(invite.header('Contact')).to.contain(`127.0.0.1:${portOf(protocol)}`);
        expect(invite.header('Via')).to.match(
          new RegExp(
            `^SIP/2.0/${protocol.toUpperCase()} 127.0.0.1:${portOf(protocol)};branch=z9hG4bK\\S+;rport$`,
          ),
        );
        bob.send(rawResponse(invite, 180, 'Ringing', { tag: 'bobtag' }));
        const accepted = rawResponse(invite, 200, 'OK', {
          tag: 'bobtag',
          headers: [contactOf(bob), 'Content-Type: application/sdp'],
          body: SDP,
        });
        bob.send(accepted);
        const dialog = await calling;
        const ack = await bob.nextMessage(isRequest('ACK'));
        expect(ack.header('CSeq')).to.equal('1 ACK');
        expect(ack.header('To')).to.contain('tag=bobtag');
        bob.send(accepted);
        const again = await bob.nextMessage(isRequest('ACK'));
        expect(again.bytes.equals(ack.bytes), 'the same ACK for the same 2xx').to.equal(true);

        const modified = dialog.modify(SDP);
        const reinvite = await bob.nextMessage(isRequest('INVITE'));
        expect(reinvite.header('CSeq')).to.equal('2 INVITE');
        bob.send(rawResponse(reinvite, 200, 'OK', { headers: [contactOf(bob)], body: '' }));
        await modified;
        expect((await bob.nextMessage(isRequest('ACK'))).header('CSeq')).to.equal('2 ACK');

        const info = dialog.request({ method: 'INFO', headers: { 'X-N': '1' } });
        const infoSent = await bob.nextMessage(isRequest('INFO'));
        expect(infoSent.header('CSeq')).to.equal('3 INFO');
        expect(infoSent.startLine).to.contain(`127.0.0.1:${bob.port}`);
        bob.send(rawResponse(infoSent, 415, 'No'));
        expect((await info).status).to.equal(415);

        const over = deferred<SrfRequest>();
        dialog.on('destroy', over.resolve);
        bob.send(
          rawRequest({
            method: 'BYE',
            uri: `sip:127.0.0.1:${portOf(protocol)}`,
            client: bob,
            from: `${invite.header('To')};tag=bobtag`,
            to: invite.header('From'),
            callId: invite.header('Call-ID'),
            cseq: 7,
          }),
        );
        await bob.nextMessage(isResponse(200, 'BYE'));
        await over.promise;
      });

      it('repeats the 2xx to an INVITE until its ACK comes', async () => {
        await startHasty();
        const { alice, invite, accepted } = await answeredCall((request, response) => {
          void applications[0]?.createUAS(request, response, { localSdp: SDP });
        });
        const second = await alice.nextMessage(isResponse(200, 'INVITE'));
        expect(second.bytes.equals(accepted.bytes)).to.equal(true);
        alice.send(rawInDialog(alice, 'ACK', { request: invite, response: accepted }, 1));
        await delay(8 * T1);
        const count = alice.received.filter(isResponse(200, 'INVITE')).length;
        await delay(8 * T1);
        expect(alice.received.filter(isResponse(200, 'INVITE')).length).to.equal(count);
      });

      it('ends a call whose ACK never came with BYE, and tells the application', async () => {
        await startHasty();
        const destroyed = deferred<string | undefined>();
        const { alice } = await answeredCall((request, response) => {
          void applications[0]?.createUAS(request, response, { localSdp: SDP }).then((dialog) =>
            dialog.on('destroy', (_bye: SrfRequest, reason?: unknown) => {
              destroyed.resolve(String(reason));
            }),
          );
        });
        const bye = await alice.nextMessage(isRequest('BYE'), 64 * T1 + 2_000);
        expect(bye.header('Reason')).to.equal('SIP;cause=200;text="ACK timeout"');
        alice.send(rawResponse(bye, 200, 'OK'));
        expect(await destroyed.promise).to.equal('ACK timeout');
      });

      for (const [status, challenge, header] of [
        [401, 'WWW-Authenticate', 'Authorization'],
        [407, 'Proxy-Authenticate', 'Proxy-Authorization'],
      ] as const) {
        it(`answers a ${status} with the credentials given`, async () => {
          const app = await application();
          const registrar = await peer(protocol);
          const transport = protocol === 'tcp' ? ';transport=tcp' : '';
          const publish = {
            method: 'PUBLISH',
            headers: { Event: 'message-summary', 'Content-Type': 'text/plain' },
            body: 'zwei: ü',
            auth: { username: 'alice', password: 'secret' },
          };
          // drachtio-srf takes the listeners along to the second request when that one is under way, and none later.
          const answered = app
            .request(`sip:registrar@127.0.0.1:${registrar.port}${transport}`, publish)
            .then(responseTo);
          const first = await registrar.nextMessage(isRequest('PUBLISH'));
          expect(first.header(header)).to.equal('');
          registrar.send(
            rawResponse(first, status, 'Who?', {
              tag: 'r1',
              headers: [`${challenge}: Digest realm="here",nonce="abc",qop="auth",algorithm=MD5`],
            }),
          );
          const second = await registrar.nextMessage(isRequest('PUBLISH'));
          expect(second.header(header)).to.contain('username="alice"');
          expect(second.header('CSeq')).to.equal('2 PUBLISH');
          expect(second.header('Call-ID')).to.equal(first.header('Call-ID'));
          expect(second.header('From')).to.equal(first.header('From'));
          expect(second.body.toString()).to.equal('zwei: ü');
          registrar.send(rawResponse(second, 200, 'OK', { tag: 'r1', headers: ['SIP-ETag: 77'] }));
          const response = await answered;
          expect(response.status).to.equal(200);
          expect(response.get('SIP-ETag')).to.equal('77');
        });
      }

      it('cancels an INVITE at once when it rings, else as soon as it does', async () => {
        const app = await application();
        const bob = await peer(protocol);
        const transport = protocol === 'tcp' ? ';transport=tcp' : '';
        for (const ringFirst of [true, false]) {
          const sent = deferred<SrfRequest>();
          const ringing = deferred<SrfResponse>();
          const calling = app.createUAC(
            `${uriOf(bob)}${transport}`,
            { localSdp: SDP },
            { cbRequest: (_error, request) => sent.resolve(request), cbProvisional: ringing.resolve },
          );
          const failed = calling.then(
            () => 0,
            (error: unknown) => (error as { status: number }).status,
          );
          const invite = await bob.nextMessage(isRequest('INVITE'));
          const request = await sent.promise;
          if (ringFirst) {
            bob.send(rawResponse(invite, 180, 'Ringing', { tag: 'b' }));
            await ringing.promise;
            request.cancel();
          } else {
            request.cancel();
            await delay(2 * T1);
            expect(bob.received.filter(isRequest('CANCEL')), 'no CANCEL before 1xx').to.have.length(1);
            bob.send(rawResponse(invite, 180, 'Ringing', { tag: 'b' }));
          }
          const cancel = await bob.nextMessage(isRequest('CANCEL'));
          expect(cancel.header('Via')).to.equal(invite.header('Via'));
          expect(cancel.header('CSeq')).to.equal('1 CANCEL');
          bob.send(rawResponse(cancel, 200, 'OK', { tag: 'b' }));
          bob.send(rawResponse(invite, 487, 'Request Terminated', { tag: 'b' }));
          const ack = await bob.nextMessage(isRequest('ACK'));
          expect(ack.header('Via')).to.equal(invite.header('Via'));
          expect(await failed).to.equal(487);
        }
      });

      it('answers the caller’s CANCEL 200 and the INVITE 487, and tells the application', async () => {
        const cancelled = deferred<SrfRequest>();
        await application({
          INVITE: (request, response) => {
            request.on('cancel', cancelled.resolve);
            response.send(180);
          },
        });
        const alice = await peer(protocol);
        const parts = {
          uri: 'sip:bob@example.test',
          client: alice,
          branch: 'z9hG4bKcancelme',
          from: '<sip:alice@example.test>;tag=a1',
          callId: 'cancel-me',
        };
        alice.send(rawRequest({ ...parts, method: 'INVITE', headers: [contactOf(alice)] }));
        const ringing = await alice.nextMessage(isResponse(180, 'INVITE'));
        expect(ringing.header('Contact'), 'an early dialog has our Contact').to.contain('127.0.0.1');
        alice.send(rawRequest({ ...parts, method: 'CANCEL' }));
        await alice.nextMessage(isResponse(200, 'CANCEL'));
        const terminated = await alice.nextMessage(isResponse(487, 'INVITE'));
        expect(terminated.header('To')).to.equal(ringing.header('To'));
        alice.send(rawRequest({ ...parts, method: 'ACK', to: terminated.header('To') }));
        expect((await cancelled.promise).method).to.equal('CANCEL');
      });

      it('serves a subscription: SUBSCRIBE, NOTIFYs, refresh, the last NOTIFY', async () => {
        const dialog = deferred<SrfDialog>();
        await application({
          SUBSCRIBE: (request, response) => {
            if (request.get('To').includes(';tag=')) {
              response.send(481);
              return;
            }
            void applications[0]
              ?.createUAS(request, response, { headers: { Expires: '600' } })
              .then(dialog.resolve);
          },
        });
        const phone = await peer(protocol);
        const subscribe = rawRequest({
          method: 'SUBSCRIBE',
          uri: 'sip:alice@example.test',
          client: phone,
          headers: [contactOf(phone), 'Event: message-summary', 'Expires: 600'],
        });
        phone.send(subscribe);
        const accepted = await phone.nextMessage(isResponse(202, 'SUBSCRIBE'));
        expect(accepted.header('Contact')).to.contain(`127.0.0.1:${portOf(protocol)}`);
        const subscription = await dialog.promise;
        const notify = async (state: string): Promise<RawMessage> => {
          const answered = subscription.request({
            method: 'NOTIFY',
            headers: {
              Event: 'message-summary',
              'Subscription-State': state,
              'Content-Type': 'application/simple-message-summary',
            },
            body: 'Messages-Waiting: yes\r\n',
          });
          const sent = await phone.nextMessage(isRequest('NOTIFY'));
          phone.send(rawResponse(sent, 200, 'OK'));
          expect((await answered).status).to.equal(200);
          return sent;
        };
        const first = await notify('active;expires=600');
        expect(first.header('Contact')).to.contain(`127.0.0.1:${portOf(protocol)}`);
        expect(first.startLine).to.contain(`sip:peer@127.0.0.1:${phone.port}`);
        expect(first.header('To')).to.equal(accepted.header('From'));
        const refreshed = deferred<string>();
        subscription.on('subscribe', (request, response) => {
          refreshed.resolve(request.get('Expires'));
          response.send(200, { headers: { Expires: '300' } });
        });
        phone.send(
          rawInDialog(phone, 'SUBSCRIBE', { request: subscribe, response: accepted }, 2, {
            headers: [contactOf(phone), 'Event: message-summary', 'Expires: 300'],
          }),
        );
        const again = await phone.nextMessage(isResponse(200, 'SUBSCRIBE'));
        expect(again.header('Contact')).to.contain('127.0.0.1');
        expect(await refreshed.promise).to.equal('300');
        await notify('terminated;reason=timeout');
        phone.send(
          rawInDialog(phone, 'SUBSCRIBE', { request: subscribe, response: accepted }, 3, {
            headers: [contactOf(phone), 'Event: message-summary'],
          }),
        );
        await phone.nextMessage(isResponse(481, 'SUBSCRIBE'));
      });

      it('goes on with a subscription that only the application knows', async () => {
        const seen: SrfRequest[] = [];
        const app = await application({
          SUBSCRIBE: (request, response) => {
            seen.push(request);
            response.send(200, { headers: { Expires: '300' } });
          },
        });
        const phone = await peer(protocol);
        const [ours, theirs] = ['<sip:a@example.test>;tag=ours', '<sip:a@example.test>;tag=theirs'];
        const refresh = (cseq: number): Buffer =>
          rawRequest({
            method: 'SUBSCRIBE',
            uri: `sip:127.0.0.1:${portOf(protocol)}`,
            client: phone,
            from: theirs,
            to: ours,
            callId: `old-${protocol}`,
            cseq,
            headers: [contactOf(phone), 'Event: message-summary', 'Expires: 300'],
          });
        for (const cseq of [2, 3]) {
          phone.send(refresh(cseq));
          const accepted = await phone.nextMessage(
            (message) => message.status === 200 && message.header('CSeq') === `${cseq} SUBSCRIBE`,
          );
          expect(accepted.header('To')).to.equal(ours);
          expect(accepted.header('Contact')).to.contain(`127.0.0.1:${portOf(protocol)}`);
        }
        expect(seen.map(({ stackDialogId }) => stackDialogId ?? '')).to.deep.equal(['', '']);

        const transport = protocol === 'tcp' ? ';transport=tcp' : '';
        const proxy = `sip:127.0.0.1:${phone.port};lr${transport}`;
        const notify = await app.request('sip:phone@192.0.2.7', {
          method: 'NOTIFY',
          proxy,
          headers: {
            From: ours,
            To: theirs,
            'Call-ID': `old-${protocol}`,
            CSeq: '1700000000 NOTIFY',
            Route: `<${proxy}>, <sip:192.0.2.2;lr>`,
            Event: 'message-summary',
            'Subscription-State': 'active;expires=300',
          },
        });
        const answered = responseTo(notify);
        const got = await phone.nextMessage(isRequest('NOTIFY'));
        expect(got.startLine).to.equal('NOTIFY sip:phone@192.0.2.7 SIP/2.0');
        expect(got.headers('Route').join(', ')).to.equal(`<${proxy}>, <sip:192.0.2.2;lr>`);
        expect(got.header('From')).to.equal(ours);
        expect(got.header('To')).to.equal(theirs);
        expect(got.header('Call-ID')).to.equal(`old-${protocol}`);
        expect(got.header('CSeq')).to.equal('1700000000 NOTIFY');
        expect(got.header('Contact')).to.contain(`127.0.0.1:${portOf(protocol)}`);
        phone.send(rawResponse(got, 200, 'OK'));
        expect((await answered).status).to.equal(200);
      });

      it('keeps a NOTIFY that overtakes the 2xx to our SUBSCRIBE until the application has its dialog', async () => {
        const app = await application();
        const notifier = await peer(protocol);
        const transport = protocol === 'tcp' ? ';transport=tcp' : '';
        const subscribing = app.createUAC(`${uriOf(notifier)}${transport}`, {
          method: 'SUBSCRIBE',
          // The dialog of drachtio-srf knows its end only where both sides go by one address.
          headers: { Event: 'presence', Expires: '60', From: uriOf(notifier), To: uriOf(notifier) },
        });
        const subscribe = await notifier.nextMessage(isRequest('SUBSCRIBE'));
        const notify = (cseq: number, state: string): Buffer =>
          rawRequest({
            method: 'NOTIFY',
            uri: `sip:127.0.0.1:${portOf(protocol)}`,
            client: notifier,
            from: `${subscribe.header('To')};tag=n1`,
            to: subscribe.header('From'),
            callId: subscribe.header('Call-ID'),
            cseq,
            headers: [contactOf(notifier), 'Event: presence', `Subscription-State: ${state}`],
          });
        notifier.send(notify(1, 'active;expires=60'));
        await delay(2 * T1);
        expect(notifier.received.filter(isResponse(481)), 'no 481').to.have.length(0);
        notifier.send(
          rawResponse(subscribe, 200, 'OK', { tag: 'n1', headers: [contactOf(notifier), 'Expires: 60'] }),
        );
        const dialog = await subscribing;
        const states: string[] = [];
        const over = deferred<unknown>();
        dialog.on('notify', (request, response) => {
          states.push(request.get('Subscription-State'));
          response.send(200);
        });
        dialog.on('destroy', over.resolve);
        await notifier.nextMessage(isResponse(200, 'NOTIFY'));
        notifier.send(notify(2, 'terminated;reason=noresource'));
        await notifier.nextMessage(isResponse(200, 'NOTIFY'));
        expect(states).to.deep.equal(['active;expires=60', 'terminated;reason=noresource']);
        await over.promise;
        notifier.send(notify(3, 'active'));
        await notifier.nextMessage(isResponse(481, 'NOTIFY'));
      });
    });
  }

  it('carries emoji both ways with a Content-Length that counts bytes', async () => {
    const text = 'Straße 👩‍👩‍👧‍👦 '.repeat(20);
    await application({
      MESSAGE: (request, response) => {
        response.send(200, { headers: { 'Content-Type': 'text/plain' }, body: request.body ?? '' });
      },
    });
    const bob = await peer();
    const headers = ['Content-Type: text/plain;charset=UTF-8'];
    bob.send(rawRequest({ method: 'MESSAGE', uri: 'sip:a@example.test', client: bob, headers, body: text }));
    const answer = await bob.nextMessage(isResponse(200));
    expect(answer.body.toString()).to.equal(text);
    expect(answer.header('Content-Length')).to.equal(String(Buffer.byteLength(text)));

    const carol = await peer();
    const sent = await applications[0]?.request(uriOf(carol), {
      method: 'MESSAGE',
      headers: { 'Content-Type': 'text/plain;charset=UTF-8' },
      body: text,
    });
    const received = await carol.nextMessage(isRequest('MESSAGE'));
    expect(received.body.toString()).to.equal(text);
    expect(received.header('Content-Length')).to.equal(String(Buffer.byteLength(text)));
    expect(sent?.body).to.equal(text);
  });

  it('hands up a body that is no UTF-8 in base64', async () => {
    const bytes = Buffer.from([0x78, 0x9c, 0x00, 0xff, 0xfe, 0x0d, 0x0a]);
    const seen = deferred<SrfRequest>();
    await application({
      MESSAGE: (request, response) => {
        seen.resolve(request);
        response.send(200);
      },
    });
    const bob = await peer();
    const headers = ['Content-Type: text/plain', 'Content-Encoding: deflate'];
    bob.send(rawRequest({ method: 'MESSAGE', uri: 'sip:a@example.test', client: bob, headers, body: bytes }));
    await bob.nextMessage(isResponse(200));
    const request = await seen.promise;
    expect(request.get('Content-Transfer-Encoding')).to.equal('base64');
    expect(Buffer.from(request.body ?? '', 'base64').equals(bytes)).to.equal(true);
    expect(request.get('Content-Length')).to.equal(String(request.body?.length));
  });

  it('refuses a wrong secret', async () => {
    let refusal: unknown;
    await connectApplication(running.engine.control, 'wrong').catch((error: unknown) => {
      refusal = error;
    });
    expect(refusal).to.be.instanceOf(Error);
    const bob = await peer();
    bob.send(rawRequest({ method: 'MESSAGE', uri: 'sip:a@example.test', client: bob }));
    await bob.nextMessage(isResponse(503));
  });

  it('gives two applications their turns, and each its own dialogs', async () => {
    const counts = [0, 0];
    for (const index of [0, 1]) {
      await application({
        MESSAGE: (_request, response) => {
          counts[index] = (counts[index] ?? 0) + 1;
          response.send(200);
        },
      });
    }
    const bob = await peer();
    for (let index = 0; index < 10; index++) {
      bob.send(rawRequest({ method: 'MESSAGE', uri: 'sip:a@example.test', client: bob }));
      await bob.nextMessage(isResponse(200));
    }
    expect(counts).to.deep.equal([5, 5]);
  });

  it('answers for an application that dies: 503 to what it had, 481 in its dialogs; others go on', async () => {
    let pending = 0;
    const doomed = await application({
      INVITE: (request, response) => {
        void doomed.createUAS(request, response, { localSdp: SDP });
      },
      MESSAGE: () => {
        pending++;
      },
    });
    const alice = await peer();
    const invite = rawRequest({
      method: 'INVITE',
      uri: 'sip:bob@example.test',
      client: alice,
      headers: [contactOf(alice)],
    });
    alice.send(invite);
    const accepted = await alice.nextMessage(isResponse(200, 'INVITE'));
    alice.send(rawInDialog(alice, 'ACK', { request: invite, response: accepted }, 1));
    alice.send(rawRequest({ method: 'MESSAGE', uri: 'sip:bob@example.test', client: alice }));
    await until(() => pending === 1);
    running.disconnect(doomed);
    await alice.nextMessage(isResponse(503, 'MESSAGE'));
    alice.send(rawInDialog(alice, 'BYE', { request: invite, response: accepted }, 2));
    await alice.nextMessage(isResponse(481, 'BYE'));
    alice.send(rawRequest({ method: 'MESSAGE', uri: 'sip:bob@example.test', client: alice }));
    await alice.nextMessage(isResponse(503, 'MESSAGE'));
    await application({ MESSAGE: (_request, response) => response.send(200) });
    alice.send(rawRequest({ method: 'MESSAGE', uri: 'sip:bob@example.test', client: alice }));
    await alice.nextMessage(isResponse(200, 'MESSAGE'));
  });

  it('answers by itself what no application wants', async () => {
    const bob = await peer();
    const ask = async (method: string): Promise<RawMessage> => {
      const headers = [contactOf(bob)];
      bob.send(rawRequest({ method, uri: 'sip:a@example.test', client: bob, headers }));
      return await bob.nextMessage((message) => message.header('CSeq').endsWith(` ${method}`));
    };
    for (const method of [
      'INVITE',
      'OPTIONS',
      'MESSAGE',
      'REGISTER',
      'SUBSCRIBE',
      'PUBLISH',
      'NOTIFY',
      'INFO',
    ]) {
      expect((await ask(method)).status, `${method} without an application`).to.equal(503);
    }
    for (const method of ['BYE', 'UPDATE', 'CANCEL']) {
      expect((await ask(method)).status, `${method} without an application`).to.equal(481);
    }
    await application({ MESSAGE: (_request, response) => response.send(200) });
    expect((await ask('OPTIONS')).status).to.equal(200);
    const refused = await ask('REGISTER');
    expect(refused.status).to.equal(405);
    expect(refused.header('Allow').split(', ')).to.include.members(['MESSAGE', 'ACK', 'BYE', 'CANCEL']);
  });

  it('asks the application about a SUBSCRIBE of an unknown dialog, and about no other request', async () => {
    const handed: string[] = [];
    const note = (request: SrfRequest, response: SrfResponse): void => {
      handed.push(request.method);
      response.send(481, { headers: { 'X-By': 'application' } });
    };
    const bob = await peer();
    const ask = async (method: string): Promise<RawMessage> => {
      const to = '<sip:a@example.test>;tag=unknown';
      bob.send(rawRequest({ method, uri: 'sip:a@example.test', client: bob, to, headers: [contactOf(bob)] }));
      return await bob.nextMessage((message) => message.header('CSeq').endsWith(` ${method}`));
    };
    expect((await ask('SUBSCRIBE')).status, 'while nobody can say that it is gone').to.equal(503);
    const methods = ['SUBSCRIBE', 'NOTIFY', 'MESSAGE', 'INVITE', 'PUBLISH', 'INFO'];
    await application(Object.fromEntries(methods.map((method) => [method, note])));
    for (const method of methods) expect((await ask(method)).status, method).to.equal(481);
    expect(handed).to.deep.equal(['SUBSCRIBE']);
  });

  it('answers 483, 482, 481, 500 and 400 where RFC 3261 says so', async () => {
    let handed = 0;
    await application({
      MESSAGE: () => {
        handed++;
      },
      INVITE: (request, response) => {
        void applications[0]?.createUAS(request, response, { localSdp: SDP });
      },
    });
    const bob = await peer();
    const message = rawRequest({ method: 'MESSAGE', uri: 'sip:a@example.test', client: bob }).toString();
    bob.send(message.replace('Max-Forwards: 70', 'Max-Forwards: 0'));
    await bob.nextMessage(isResponse(483));
    bob.send(message);
    await until(() => handed === 1);
    bob.send(message.replace(/branch=\w+/, 'branch=z9hG4bKotherway'));
    await bob.nextMessage(isResponse(482));
    const to = '<sip:a@example.test>;tag=unknown';
    for (const method of ['MESSAGE', 'SUBSCRIBE', 'NOTIFY', 'INVITE', 'BYE', 'INFO']) {
      bob.send(rawRequest({ method, uri: 'sip:a@example.test', client: bob, to, headers: [contactOf(bob)] }));
      await bob.nextMessage(isResponse(481, method));
    }
    bob.send(rawRequest({ method: 'INVITE', uri: 'sip:a@example.test', client: bob }));
    expect((await bob.nextMessage(isResponse(400))).startLine).to.contain('Missing Contact');
    const headers = [contactOf(bob)];
    const invite = rawRequest({ method: 'INVITE', uri: 'sip:a@example.test', client: bob, headers, cseq: 5 });
    bob.send(invite);
    const accepted = await bob.nextMessage(isResponse(200, 'INVITE'));
    bob.send(rawInDialog(bob, 'ACK', { request: invite, response: accepted }, 5));
    bob.send(rawInDialog(bob, 'INFO', { request: invite, response: accepted }, 4));
    await bob.nextMessage(isResponse(500, 'INFO'));
    bob.send(message.replace('CSeq: 1 MESSAGE', 'CSeq: 1 INVITE'));
    await bob.nextMessage(isResponse(400));
    expect(handed).to.equal(1);
  });

  it('absorbs a retransmission and answers it again', async () => {
    let handed = 0;
    await application({
      MESSAGE: (_request, response) => {
        handed++;
        response.send(200);
      },
    });
    const bob = await peer();
    const message = rawRequest({ method: 'MESSAGE', uri: 'sip:a@example.test', client: bob });
    bob.send(message);
    const first = await bob.nextMessage(isResponse(200));
    bob.send(message);
    const second = await bob.nextMessage(isResponse(200));
    expect(second.bytes.equals(first.bytes)).to.equal(true);
    expect(handed).to.equal(1);
  });

  it('repeats a request over UDP, and says 408 when nobody answers', async () => {
    await startHasty();
    const app = await application();
    const silent = await peer();
    const response = await responseTo(await app.request(uriOf(silent), { method: 'OPTIONS' }));
    expect(response.status).to.equal(408);
    const requests = silent.received.filter(isRequest('OPTIONS'));
    expect(requests.length).to.be.greaterThan(8);
    expect(new Set(requests.map(({ text }) => text)).size, 'always the same bytes').to.equal(1);
  });

  it('says 503 of a host that is not there', async () => {
    const app = await application();
    for (const uri of [
      'sip:a@127.0.0.1:9;transport=tcp',
      'sip:a@no-such-host.invalid',
      'sip:a@[2001:db8::1]',
    ]) {
      const response = await responseTo(await app.request(uri, { method: 'OPTIONS' }));
      expect(response.status, uri).to.equal(503);
    }
  });

  it('sends by the proxy an application names and leaves the Request-URI alone', async () => {
    const app = await application();
    const proxy = await peer('tcp');
    void app.request('sip:bob@example.test', {
      method: 'MESSAGE',
      proxy: `sip:127.0.0.1:${proxy.port};transport=tcp`,
      headers: { 'Content-Type': 'text/plain', Route: '<sip:evil.test>', Via: 'SIP/2.0/UDP evil.test' },
      body: 'hi',
    });
    const message = await proxy.nextMessage(isRequest('MESSAGE'));
    expect(message.startLine).to.equal('MESSAGE sip:bob@example.test SIP/2.0');
    expect(message.header('To')).to.equal('<sip:bob@example.test>');
    expect(message.headers('Route')).to.deep.equal([]);
    expect(message.headers('Via')).to.have.length(1);
    proxy.send(rawResponse(message, 200, 'OK'));
  });

  it('sends a request over 1300 bytes by TCP, and by UDP where that is refused', async () => {
    const app = await application();
    const both = running.adopt(await RawSipClient.listen());
    const headers = { 'Content-Type': 'text/plain' };
    const body = 'x'.repeat(1_400);
    void app.request(`sip:bob@127.0.0.1:${both.port}`, { method: 'MESSAGE', headers, body });
    const overTcp = await both.nextMessage(isRequest('MESSAGE'));
    expect(overTcp.header('Via')).to.contain('SIP/2.0/TCP');
    both.send(rawResponse(overTcp, 200, 'OK'));
    const udpOnly = await peer();
    void app.request(uriOf(udpOnly), { method: 'MESSAGE', headers, body });
    const overUdp = await udpOnly.nextMessage(isRequest('MESSAGE'));
    expect(overUdp.header('Via')).to.contain('SIP/2.0/UDP');
    udpOnly.send(rawResponse(overUdp, 200, 'OK'));
  });

  it('puts down the second callee of a forked INVITE', async () => {
    const app = await application();
    const fork = await peer();
    const calling = app.createUAC(uriOf(fork), { localSdp: SDP });
    const invite = await fork.nextMessage(isRequest('INVITE'));
    fork.send(rawResponse(invite, 200, 'OK', { tag: 'one', headers: [contactOf(fork)] }));
    fork.send(rawResponse(invite, 200, 'OK', { tag: 'two', headers: [contactOf(fork)] }));
    await calling;
    const bye = await fork.nextMessage(isRequest('BYE'));
    expect(bye.header('To')).to.contain('tag=two');
    fork.send(rawResponse(bye, 200, 'OK'));
    for (const callee of ['one', 'two']) {
      await fork.nextMessage((message) => message.method === 'ACK' && tag(message.header('To')) === callee);
    }
  });

  it('lets a request nobody answers go without a late answer', async () => {
    await startHasty();
    await application({ MESSAGE: () => undefined });
    const bob = await peer();
    bob.send(rawRequest({ method: 'MESSAGE', uri: 'sip:a@example.test', client: bob }));
    await delay(64 * T1 + 100);
    expect(bob.received.every(({ status }) => status === 100)).to.equal(true);
  });

  it('takes its own calls: one application calls another through one engine', async () => {
    const destroyed = deferred<unknown>();
    await application({
      INVITE: (request, response) => {
        void applications[0]
          ?.createUAS(request, response, { localSdp: SDP })
          .then((dialog) => dialog.on('destroy', destroyed.resolve));
      },
    });
    const dialog = await applications[0]?.createUAC(`sip:b@127.0.0.1:${portOf('udp')}`, { localSdp: SDP });
    expect(dialog?.remote.sdp).to.equal(SDP);
    await dialog?.destroy();
    await destroyed.promise;
  });
});
