import { expect } from 'chai';
import type { RunningApp } from '../doubles/running-app.ts';
import { runApp } from '../doubles/running-app.ts';
import type { PhoneDialog } from '../doubles/sip-phone.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import type { StreamRelay } from '../doubles/stream-relay.ts';
import { startStreamRelay } from '../doubles/stream-relay.ts';
import { RunningEngine, SECRET } from '../engine/running-engine.ts';
import { until } from '../peers/until.ts';

const ALICE = 'sip:alice@example.test';
const MAILBOX = 'sip:mailbox@example.test';
const SUMMARY = { Event: 'message-summary', Expires: '600' };

describe('the mailbox, when its connection to the SIP server is lost', () => {
  let server: RunningEngine;
  let relay: StreamRelay;
  let app: RunningApp;
  let bob: SipPhone;
  let alice: SipPhone;

  beforeEach(async () => {
    server = await RunningEngine.start();
    relay = await startStreamRelay(server.engine.control.port);
    app = await runApp({ DRACHTIO_SERVERS: `127.0.0.1:${relay.port}`, DRACHTIO_SECRET: SECRET });
    bob = await SipPhone.open({ address: 'sip:bob@example.test', server: server.port('udp') });
    alice = await SipPhone.open({ address: ALICE, server: server.port('udp') });
  });

  afterEach(async () => {
    await bob.close();
    await alice.close();
    await app.stop();
    await relay.close();
    await server.close();
  });

  /** Resolves when requests come up again. */
  async function cut(): Promise<void> {
    const taken = relay.taken;
    relay.cut();
    await until('another connection', 10_000, async () => {
      if (relay.taken === taken) return false;
      return (await alice.request('OPTIONS', MAILBOX)).startLine.includes('200');
    });
  }

  async function told(lamp: PhoneDialog, count: string): Promise<void> {
    for (let body = ''; !body.includes(`Text-Message: ${count} `);) ({ body } = await lamp.next('NOTIFY'));
  }

  it('tells those who subscribed before of what comes after', async () => {
    const lamp = await alice.dialog('SUBSCRIBE', ALICE, SUMMARY);
    await bob.message(ALICE, 'before');
    await told(lamp, '1/0');
    await cut();
    expect((await bob.message(ALICE, 'after')).startLine).to.include('200');
    await told(lamp, '2/0');
  });
});
