import { expect } from 'chai';
import type { RawMessage, RawSipClient } from '../doubles/raw-sip-client.ts';
import { contactOf, isResponse, rawInDialog, rawRequest, rawResponse } from '../doubles/raw-sip-client.ts';
import type { RecordingMetrics } from '../doubles/recording-metrics.ts';
import { recordingMetrics } from '../doubles/recording-metrics.ts';
import type { SrfApplication } from './application.ts';
import { RunningEngine, SDP, deferred, delay, until } from './running-engine.ts';

const URI = 'sip:us@example.test';

interface Call {
  readonly request: Buffer;
  readonly response: RawMessage;
  /** The application that answered it. */
  readonly by: string;
}

describe('two drachtio-srf applications on one engine', () => {
  let running: RunningEngine;
  let metrics: RecordingMetrics;
  let peer: RawSipClient;
  let sent: Map<string, Buffer>;

  beforeEach(async () => {
    sent = new Map();
    metrics = recordingMetrics();
    running = await RunningEngine.start(undefined, { metrics });
    peer = await running.peer();
  });

  afterEach(() => running.close());

  /** Answers calls and texts, and says who did. */
  async function application(name: string, pace = 0): Promise<SrfApplication> {
    const headers = { 'X-By': name };
    const application = await running.application({
      INVITE: (request, response) => {
        void application.createUAS(request, response, { localSdp: SDP, headers }).catch(() => undefined);
      },
      MESSAGE: (_request, response) => {
        void delay(pace).then(() => response.send(200, { headers }));
      },
    });
    return application;
  }

  async function call(): Promise<Call> {
    const request = rawRequest({
      method: 'INVITE',
      uri: URI,
      client: peer,
      headers: [contactOf(peer)],
      body: SDP,
    });
    const callId = /Call-ID: (\S+)/.exec(request.toString())?.[1];
    peer.send(request);
    const response = await peer.nextMessage(
      (message) => message.status >= 200 && message.header('Call-ID') === callId,
    );
    const call = { request, response, by: response.header('X-By') };
    if (response.status === 200) peer.send(rawInDialog(peer, 'ACK', call, 1));
    return call;
  }

  /** Sends a text, which is sent again as often as it takes; its Call-ID. */
  const text = (): string => {
    const bytes = rawRequest({ method: 'MESSAGE', uri: URI, client: peer, body: 'hi' });
    const callId = /Call-ID: (\S+)/.exec(bytes.toString())?.[1] ?? '';
    sent.set(callId, bytes);
    peer.send(bytes);
    return callId;
  };

  it('one is killed in the middle of calls under load: its calls end, the other’s go on, no text is left hanging', async () => {
    const [doomed] = [await application('doomed', 5), await application('other', 5)];
    const calls: Call[] = [];
    for (let index = 0; index < 60; index++) calls.push(await call());
    const [ends, stays] = ['doomed', 'other'].map((name) => calls.filter(({ by }) => by === name));
    expect(ends, 'turns are even').to.have.length(30);
    expect(stays).to.have.length(30);

    const texts: string[] = [];
    for (let round = 0; round < 100; round++) {
      texts.push(text(), text());
      if (round === 50) running.disconnect(doomed);
      await delay(1);
    }
    // What a phone would do: take each message once, answer BYEs, repeat what has no answer.
    const ended = new Set<string>();
    const statuses = new Map<string, number>();
    let read = 0;
    let tries = 0;
    await until(() => {
      for (; read < peer.received.length; read++) {
        const message = peer.received[read];
        if (message === undefined) continue;
        const callId = message.header('Call-ID');
        if (message.method === 'BYE') {
          ended.add(callId);
          peer.send(rawResponse(message, 200, 'OK'));
        } else if (message.status >= 200 && sent.has(callId)) {
          statuses.set(callId, message.status);
        }
      }
      const open = texts.filter((callId) => !statuses.has(callId));
      if (++tries % 10 === 0) for (const callId of open) peer.send(sent.get(callId) ?? '');
      return ended.size >= 30 && open.length === 0;
    });
    expect([...ended].sort(), 'the calls of the one that died, and no other').to.deep.equal(
      ends?.map(({ response }) => response.header('Call-ID')).sort(),
    );
    const seen = texts.map((callId) => statuses.get(callId) ?? 0);
    expect([...new Set(seen)].filter((status) => status !== 200 && status !== 503)).to.deep.equal([]);
    expect(seen.filter((status) => status === 503).length, 'only what it had in hand').to.be.lessThan(40);
    expect(seen.slice(-80), 'all of the last ones').to.deep.equal(Array(80).fill(200));

    for (const each of ends ?? []) peer.send(rawInDialog(peer, 'INFO', each, 2));
    for (const each of stays ?? []) peer.send(rawInDialog(peer, 'BYE', each, 2));
    await until(() => peer.received.filter(isResponse(481, 'INFO')).length >= 30);
    await until(() => peer.received.filter(isResponse(200, 'BYE')).length >= 30);
    expect((await call()).by, 'new calls').to.equal('other');
  });

  it('turns stay even while others come and go', async () => {
    const names: string[] = [];
    const ask = async (times: number): Promise<void> => {
      for (let index = 0; index < times; index++) {
        text();
        names.push((await peer.nextMessage(isResponse(200, 'MESSAGE'))).header('X-By'));
      }
    };
    const count = (name: string): number => names.filter((each) => each === name).length;
    await application('a');
    await application('b');
    for (let round = 0; round < 6; round++) {
      const guest = await application(`guest${round}`);
      await ask(3);
      running.disconnect(guest);
      // What it is given before the engine sees that it left is answered 503, and that is another matter.
      await until(() => metrics.count('engine_applications') === 2);
      await ask(2);
    }
    expect(count('a') + count('b')).to.be.greaterThan(20);
    expect(Math.abs(count('a') - count('b'))).to.be.lessThan(3);
    expect(names.filter((name) => name.startsWith('guest'))).to.have.length(6);
  });

  it('a request goes only to one that wants its method, and is refused 503 when that one leaves', async () => {
    await application('texts');
    const shown = deferred<unknown>();
    const calls = await running.application({ INVITE: () => undefined, INFO: shown.resolve });
    for (let index = 0; index < 4; index++) {
      text();
      expect((await peer.nextMessage(isResponse(200, 'MESSAGE'))).header('X-By')).to.equal('texts');
    }
    peer.send(rawRequest({ method: 'INFO', uri: URI, client: peer }));
    await shown.promise;
    running.disconnect(calls);
    await peer.nextMessage(isResponse(503, 'INFO'));
    peer.send(rawRequest({ method: 'INFO', uri: URI, client: peer }));
    await peer.nextMessage(isResponse(405, 'INFO'));
  });
});
