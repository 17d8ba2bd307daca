import { expect } from 'chai';
import type { HostResolver } from '../../../src/engine/engine.ts';
import {
  RawSipClient,
  contactOf,
  isRequest,
  isResponse,
  rawInDialog,
  rawRequest,
  rawResponse,
} from '../../doubles/raw-sip-client.ts';
import type { RawMessage, RawProtocol } from '../../doubles/raw-sip-client.ts';
import { responseTo } from '../application.ts';
import type { SrfApplication, SrfDialog, SrfRequest, SrfResponse } from '../application.ts';
import { RunningEngine, SDP, SHORT_TIMERS, T1, deferred, delay, tag, until } from '../running-engine.ts';

/** Servers of `p.test` that a test sets, in the order they are to be tried. */
class Servers implements HostResolver {
  readonly #ports: Record<'udp' | 'tcp', number[]> = { udp: [], tcp: [] };

  set(protocol: 'udp' | 'tcp', ...servers: readonly { readonly port: number }[]): void {
    this.#ports[protocol] = servers.map(({ port }) => port);
  }

  addresses(): Promise<string[]> {
    return Promise.resolve(['127.0.0.1']);
  }

  services(name: string): ReturnType<HostResolver['services']> {
    const ports = this.#ports[name.startsWith('_sip._tcp.') ? 'tcp' : 'udp'];
    return Promise.resolve(ports.map((port, priority) => ({ name: 'h.test', port, priority, weight: 0 })));
  }

  pointers(): Promise<never[]> {
    return Promise.resolve([]);
  }
}

const URI = 'sip:bob@p.test';
const TEXT = { method: 'MESSAGE', headers: { 'Content-Type': 'text/plain' }, body: 'hi' };

/** How long one of several targets may be silent. */
const SILENCE = 16 * T1;

describe('a request that the first target does not take (RFC 3263 §4.3)', () => {
  let running: RunningEngine;
  let servers: Servers;
  let app: SrfApplication;

  beforeEach(async () => {
    servers = new Servers();
    running = await RunningEngine.start(undefined, { resolver: servers, timers: SHORT_TIMERS });
    app = await running.application();
  });

  afterEach(() => running.close());

  async function peers<const N extends RawProtocol[]>(
    ...protocols: N
  ): Promise<{ [K in keyof N]: RawSipClient }> {
    return (await Promise.all(protocols.map((protocol) => running.peer(protocol)))) as {
      [K in keyof N]: RawSipClient;
    };
  }

  const listener = async (): Promise<RawSipClient> => running.adopt(await RawSipClient.listen());
  const send = async (): Promise<SrfRequest> => await app.request(URI, TEXT);
  const branch = (message: RawMessage): string => /branch=([^;]+)/.exec(message.header('Via'))?.[1] ?? '';

  it('silent over UDP: the same request goes to the next, by another branch, and is not repeated to the first', async () => {
    const [silent, next] = await peers('udp', 'udp');
    servers.set('udp', silent, next);
    const sent = await send();
    const begun = Date.now();
    const first = await silent.nextMessage(isRequest('MESSAGE'));
    const second = await next.nextMessage(isRequest('MESSAGE'));
    expect(Date.now() - begun).to.be.within(SILENCE - 30, SILENCE + 200);
    for (const name of ['Call-ID', 'CSeq', 'From', 'To']) {
      expect(second.header(name), name).to.equal(first.header(name));
    }
    expect(branch(second)).to.not.equal(branch(first));
    const repeated = silent.received.length;
    await delay(10 * T1);
    expect(silent.received).to.have.lengthOf(repeated);
    next.send(rawResponse(second, 200, 'OK'));
    expect((await responseTo(sent)).status).to.equal(200);
  });

  it('nobody there over UDP: the next is tried as soon as the host says so by ICMP', async () => {
    const [next] = await peers('udp');
    const gone = await RawSipClient.connect('udp', next.port);
    servers.set('udp', gone, next);
    await gone.close();
    const sent = await send();
    next.send(rawResponse(await next.nextMessage(isRequest('MESSAGE'), SILENCE / 2), 200, 'OK'));
    expect((await responseTo(sent)).status).to.equal(200);
  });

  it('silent: those that follow begin with the next', async () => {
    const [silent, next] = await peers('udp', 'udp');
    servers.set('udp', silent, next);
    const sent = await send();
    next.send(rawResponse(await next.nextMessage(isRequest('MESSAGE')), 200, 'OK'));
    await responseTo(sent);
    const before = silent.received.length;
    const again = await send();
    next.send(rawResponse(await next.nextMessage(isRequest('MESSAGE'), SILENCE - 50), 200, 'OK'));
    expect((await responseTo(again)).status).to.equal(200);
    expect(silent.received).to.have.lengthOf(before);
  });

  it('silent, and answers after all: what it says counts', async () => {
    const [late, silent] = await peers('udp', 'udp');
    servers.set('udp', late, silent);
    const sent = await send();
    const first = await late.nextMessage(isRequest('MESSAGE'));
    await silent.nextMessage(isRequest('MESSAGE'));
    late.send(rawResponse(first, 202, 'Accepted'));
    expect((await responseTo(sent)).status).to.equal(202);
    await delay(2);
    const before = silent.received.length;
    await delay(10 * T1);
    expect(silent.received, 'repeated after the end').to.have.lengthOf(before);
  });

  it('delivered twice: 482 from the next says that the first copy has arrived, whose answer is waited for', async () => {
    const [late, merging] = await peers('udp', 'udp');
    servers.set('udp', late, merging);
    const sent = await send();
    const answer = responseTo(sent);
    const first = await late.nextMessage(isRequest('MESSAGE'));
    merging.send(rawResponse(await merging.nextMessage(isRequest('MESSAGE')), 482, 'Request Merged'));
    await delay(3 * T1);
    late.send(rawResponse(first, 200, 'OK'));
    expect((await answer).status).to.equal(200);
  });

  it('the next is full: the silent one is what is left, and hears the request again', async () => {
    const [silent, full] = await peers('udp', 'udp');
    servers.set('udp', silent, full);
    const sent = await send();
    const answer = responseTo(sent);
    full.send(rawResponse(await full.nextMessage(isRequest('MESSAGE')), 503, 'Full'));
    const before = silent.received.length;
    await until(() => silent.received.length > before);
    silent.send(rawResponse(await silent.nextMessage(isRequest('MESSAGE')), 200, 'OK'));
    expect((await answer).status).to.equal(200);
  });

  it('all silent: it is over after 64*T1 however many there are', async () => {
    const all = await peers('udp', 'udp', 'udp');
    servers.set('udp', ...all);
    const begun = Date.now();
    const sent = await send();
    expect((await responseTo(sent)).status).to.equal(408);
    expect(Date.now() - begun).to.be.within(64 * T1 - 30, 64 * T1 + 300);
    for (const peer of all) expect(peer.received.filter(isRequest('MESSAGE'))).to.not.have.lengthOf(0);
  });

  it('503: the next is tried at once, and what the last one says is shown', async () => {
    const [full, next] = await peers('udp', 'udp');
    servers.set('udp', full, next);
    const sent = await send();
    full.send(rawResponse(await full.nextMessage(isRequest('MESSAGE')), 503, 'Full'));
    next.send(rawResponse(await next.nextMessage(isRequest('MESSAGE'), SILENCE - 50), 404, 'Not Found'));
    expect((await responseTo(sent)).status).to.equal(404);
    const again = await send();
    next.send(rawResponse(await next.nextMessage(isRequest('MESSAGE')), 503, 'Full Too'));
    full.send(rawResponse(await full.nextMessage(isRequest('MESSAGE')), 503, 'Full'));
    expect((await responseTo(again)).status).to.equal(503);
  });

  it('503 with Retry-After: it is sent nothing new for so long while there is another', async () => {
    const [full, other] = await peers('udp', 'udp');
    servers.set('udp', full, other);
    const sent = await send();
    const busy = rawResponse(await full.nextMessage(isRequest('MESSAGE')), 503, 'Full', {
      headers: ['Retry-After: 100 (maintenance);duration=9'],
    });
    full.send(busy);
    other.send(rawResponse(await other.nextMessage(isRequest('MESSAGE')), 200, 'OK'));
    expect((await responseTo(sent)).status).to.equal(200);
    const second = await send();
    other.send(rawResponse(await other.nextMessage(isRequest('MESSAGE')), 404, 'Not Found'));
    expect((await responseTo(second)).status).to.equal(404);
    expect(full.received).to.have.lengthOf(1);
  });

  it('503 with Retry-After of one phone, passed on by the only proxy: texts to others go all the same', async () => {
    const [proxy] = await peers('udp');
    servers.set('udp', proxy);
    const sent = await send();
    const busy = { headers: ['Retry-After: 100'] };
    proxy.send(rawResponse(await proxy.nextMessage(isRequest('MESSAGE')), 503, 'Full', busy));
    expect((await responseTo(sent)).get('Retry-After')).to.equal('100');
    const other = await send();
    proxy.send(rawResponse(await proxy.nextMessage(isRequest('MESSAGE')), 200, 'OK'));
    expect((await responseTo(other)).status).to.equal(200);
  });

  it('refused over TCP: the next is tried at once', async () => {
    const gone = await listener();
    const next = await listener();
    await gone.close();
    servers.set('tcp', gone, next);
    const sent = await app.request(`${URI};transport=tcp`, TEXT);
    next.send(rawResponse(await next.nextMessage(isRequest('MESSAGE'), SILENCE), 200, 'OK'));
    expect((await responseTo(sent)).status).to.equal(200);
  });

  it('hung up on over TCP before an answer: the next is tried', async () => {
    const [rude, next] = [await listener(), await listener()];
    servers.set('tcp', rude, next);
    const sent = await app.request(`${URI};transport=tcp`, TEXT);
    const first = await rude.nextMessage(isRequest('MESSAGE'));
    await rude.disconnect();
    const second = await next.nextMessage(isRequest('MESSAGE'));
    expect(second.header('Call-ID')).to.equal(first.header('Call-ID'));
    next.send(rawResponse(second, 200, 'OK'));
    expect((await responseTo(sent)).status).to.equal(200);
  });

  it('100 ends the search; a 503 after it goes on with it', async () => {
    const [slow, next] = await peers('udp', 'udp');
    servers.set('udp', slow, next);
    const calling = app.createUAC(URI, { localSdp: SDP }).then(
      () => 200,
      (error: unknown) => (error as { status: number }).status,
    );
    const invite = await slow.nextMessage(isRequest('INVITE'));
    slow.send(rawResponse(invite, 100, 'Trying'));
    await delay(SILENCE + 5 * T1);
    expect(next.received).to.deep.equal([]);
    slow.send(rawResponse(invite, 503, 'Full', { tag: 'full' }));
    await slow.nextMessage(isRequest('ACK'));
    next.send(rawResponse(await next.nextMessage(isRequest('INVITE')), 486, 'Busy', { tag: 'busy' }));
    expect(await calling).to.equal(486);
  });

  it('a CANCEL goes where the INVITE went, with its branch', async () => {
    const [silent, next] = await peers('udp', 'udp');
    servers.set('udp', silent, next);
    const sent = deferred<SrfRequest>();
    const ringing = deferred<SrfResponse>();
    const calling = app
      .createUAC(
        URI,
        { localSdp: SDP },
        { cbRequest: (_error, request) => sent.resolve(request), cbProvisional: ringing.resolve },
      )
      .then(
        () => 200,
        (error: unknown) => (error as { status: number }).status,
      );
    const invite = await next.nextMessage(isRequest('INVITE'));
    next.send(rawResponse(invite, 180, 'Ringing', { tag: 'n' }));
    await ringing.promise;
    (await sent.promise).cancel();
    const cancel = await next.nextMessage(isRequest('CANCEL'));
    expect(branch(cancel)).to.equal(branch(invite));
    next.send(rawResponse(cancel, 200, 'OK'));
    next.send(rawResponse(invite, 487, 'Terminated', { tag: 'n' }));
    expect(await calling).to.equal(487);
    expect(silent.received.filter(isRequest('CANCEL'))).to.deep.equal([]);
  });

  it('a call taken by the next is not taken by the first as well: CANCEL when it rings, BYE when it is late', async () => {
    const [late, next] = await peers('udp', 'udp');
    servers.set('udp', late, next);
    const opened = app.createUAC(URI, { localSdp: SDP });
    const first = await late.nextMessage(isRequest('INVITE'));
    const second = await next.nextMessage(isRequest('INVITE'));
    next.send(rawResponse(second, 200, 'OK', { tag: 'n', headers: [contactOf(next)], body: SDP }));
    const dialog: SrfDialog = await opened;
    await next.nextMessage(isRequest('ACK'));
    late.send(rawResponse(first, 180, 'Ringing', { tag: 'l', headers: [contactOf(late)] }));
    const cancel = await late.nextMessage(isRequest('CANCEL'));
    expect(branch(cancel)).to.equal(branch(first));
    late.send(rawResponse(first, 200, 'OK', { tag: 'l', headers: [contactOf(late)] }));
    await late.nextMessage(isRequest('ACK'));
    const bye = await late.nextMessage(isRequest('BYE'));
    expect(tag(bye.header('To'))).to.equal('l');
    late.send(rawResponse(bye, 200, 'OK'));
    const over = dialog.destroy();
    next.send(rawResponse(await next.nextMessage(isRequest('BYE')), 200, 'OK'));
    await over;
  });

  it('in a dialog a 503 does not keep anything from the peer', async () => {
    const opened = deferred<SrfDialog>();
    const called = await running.application({
      INVITE: (request, response) => {
        void called.createUAS(request, response, { localSdp: SDP }).then(opened.resolve);
      },
    });
    const [phone] = await peers('udp');
    const invite = rawRequest({ method: 'INVITE', uri: URI, client: phone, headers: [contactOf(phone)] });
    phone.send(invite);
    const response = await phone.nextMessage(isResponse(200));
    phone.send(rawInDialog(phone, 'ACK', { request: invite, response }, 1));
    const dialog = await opened.promise;
    const busy = { headers: ['Retry-After: 60'] };
    const asked = dialog.request({ method: 'INFO' });
    phone.send(rawResponse(await phone.nextMessage(isRequest('INFO')), 503, 'Busy', busy));
    expect((await asked).status).to.equal(503);
    const over = dialog.destroy();
    phone.send(rawResponse(await phone.nextMessage(isRequest('BYE')), 200, 'OK'));
    await over;
  });

  it('leaves nothing behind', async () => {
    const [silent, next] = await peers('udp', 'udp');
    servers.set('udp', silent, next);
    void send();
    await until(() => next.received.length > 0);
  });
});
