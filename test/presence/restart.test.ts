import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { MsrpChat, chatOffer, pathOf } from '../doubles/msrp-chat.ts';
import { runApp } from '../doubles/running-app.ts';
import type { ServerProcess } from '../doubles/server-process.ts';
import { startServer } from '../doubles/server-process.ts';
import type { PhoneDialog, PhoneMessage } from '../doubles/sip-phone.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import { freePort } from '../peers/ports.ts';
import { until } from '../peers/until.ts';

const ALICE = 'sip:alice@example.test';
const MAILBOX = 'sip:mailbox@example.test';
const EVENT = 'message-summary';
const TYPE = 'application/simple-message-summary';

const SUMMARY = { Event: EVENT, Accept: TYPE, Expires: '3600' };

describe('the built-in presence server over kill -9', function () {
  this.timeout(60_000);

  let server: ServerProcess;
  let phones: SipPhone[];
  let alice: SipPhone;
  let bob: SipPhone;

  const open = async (address: string): Promise<SipPhone> => {
    const phone = await SipPhone.open({ address, server: server.udp });
    phones.push(phone);
    return phone;
  };

  beforeEach(async () => {
    server = await startServer();
    phones = [];
    alice = await open(ALICE);
    bob = await open('sip:bob@example.test');
  });

  afterEach(async () => {
    for (const phone of phones) await phone.close();
    await server.stop();
  });

  async function killAndRestart(): Promise<void> {
    await server.kill();
    await server.restart();
  }

  async function leaveText(): Promise<void> {
    expect((await bob.message(ALICE, 'hello')).startLine).to.equal('SIP/2.0 200 OK');
  }

  /** The next NOTIFY whose body says `wanted`. */
  async function told(lamp: Pick<PhoneDialog, 'next'>, wanted: string): Promise<PhoneMessage> {
    for (;;) {
      const notify = await lamp.next('NOTIFY');
      if (notify.body.includes(wanted)) return notify;
    }
  }

  it('goes on with a subscription: changes, refresh and end in the dialog it began', async () => {
    const lamp = await alice.dialog('SUBSCRIBE', ALICE, SUMMARY);
    expect(lamp.answer.header('Expires')).to.equal('3600');
    await leaveText();
    const before = await told(lamp, 'Text-Message: 1/0');

    await killAndRestart();
    await leaveText();
    const after = await told(lamp, 'Text-Message: 2/0');
    expect(after.body).to.match(/^Messages-Waiting: yes\r\n/);
    expect(after.startLine).to.equal(before.startLine);
    for (const name of ['From', 'To', 'Call-ID', 'Event', 'Contact']) {
      expect(after.header(name), name).to.equal(before.header(name));
    }
    expect(sequenceOf(after)).to.be.greaterThan(sequenceOf(before));
    expect(after.header('Subscription-State')).to.match(/^active;expires=3[56]\d\d$/);

    const refresh = await lamp.request('SUBSCRIBE', { ...SUMMARY, Expires: '600' });
    expect(refresh.startLine).to.match(/^SIP\/2\.0 200 /);
    expect(refresh.header('Expires')).to.equal('600');
    expect(refresh.header('Contact')).to.include(`127.0.0.1:${server.udp}`);
    const told600 = await lamp.next('NOTIFY');
    expect(told600.header('Subscription-State')).to.match(/^active;expires=(600|599)$/);
    expect(told600.body).to.include('Text-Message: 2/0');
    expect(sequenceOf(told600)).to.be.greaterThan(sequenceOf(after));

    await killAndRestart();
    const end = await lamp.request('SUBSCRIBE', { ...SUMMARY, Expires: '0' });
    expect(end.startLine).to.match(/^SIP\/2\.0 200 /);
    const last = await lastOf(lamp);
    expect(last.header('Subscription-State')).to.equal('terminated;reason=timeout');
    expect(last.body).to.include('Text-Message: 2/0');
    expect(sequenceOf(last)).to.be.greaterThan(sequenceOf(told600));
    expect((await lamp.request('SUBSCRIBE', SUMMARY)).startLine).to.match(/^SIP\/2\.0 481 /);
    await killAndRestart();
    expect((await lamp.request('SUBSCRIBE', SUMMARY)).startLine).to.match(/^SIP\/2\.0 481 /);
  });

  async function lastOf(lamp: PhoneDialog): Promise<PhoneMessage> {
    for (;;) {
      const notify = await lamp.next('NOTIFY');
      if (notify.header('Subscription-State')?.startsWith('terminated') === true) return notify;
    }
  }

  it('tells a subscriber the state after a restart of its own accord, and then what is fetched', async () => {
    const lamp = await alice.dialog('SUBSCRIBE', ALICE, SUMMARY);
    await leaveText();
    await told(lamp, 'Text-Message: 1/0');
    await killAndRestart();
    const again = await told(lamp, 'Text-Message: 1/0');
    expect(again.header('Subscription-State')).to.match(/^active/);
    const path = MsrpChat.localPath();
    const call = await alice.dialog(
      'INVITE',
      MAILBOX,
      { 'Content-Type': 'application/sdp' },
      chatOffer(path),
    );
    const chat = await MsrpChat.open(path, pathOf(call.answer.body));
    try {
      await call.next('BYE');
    } finally {
      chat.close();
    }
    expect((await told(lamp, 'Text-Message: 0/1')).body).to.match(/^Messages-Waiting: no\r\n/);
  });

  it('keeps a publication and its tag, so that the publisher goes on with it', async () => {
    const voice = (fresh: number): string =>
      `Messages-Waiting: ${fresh > 0 ? 'yes' : 'no'}\r\nMessage-Account: sip:vm@example.test\r\nVoice-Message: ${fresh}/0\r\n`;
    const headers = { Event: EVENT, Expires: '3600', 'Content-Type': TYPE };
    const first = await bob.request('PUBLISH', ALICE, headers, voice(1));
    const tag = first.header('SIP-ETag') ?? '';
    expect(tag).not.to.equal('');
    await killAndRestart();
    const lamp = await alice.dialog('SUBSCRIBE', ALICE, SUMMARY);
    expect((await lamp.next('NOTIFY')).body).to.include('Voice-Message: 1/0');
    const stale = await bob.request('PUBLISH', ALICE, { ...headers, 'SIP-If-Match': 'other' }, voice(9));
    expect(stale.startLine).to.match(/^SIP\/2\.0 412 /);
    const second = await bob.request('PUBLISH', ALICE, { ...headers, 'SIP-If-Match': tag }, voice(2));
    expect(second.startLine).to.match(/^SIP\/2\.0 200 /);
    expect((await told(lamp, 'Voice-Message: 2/0')).body).not.to.include('1/0');
    await killAndRestart();
    const newest = second.header('SIP-ETag') ?? '';
    const removal = { Event: EVENT, Expires: '0', 'SIP-If-Match': newest };
    expect((await bob.request('PUBLISH', ALICE, removal)).startLine).to.match(/^SIP\/2\.0 200 /);
    await told(lamp, 'Voice-Message: 0/0');
    await killAndRestart();
    expect((await bob.request('PUBLISH', ALICE, removal)).startLine).to.match(/^SIP\/2\.0 412 /);
  });

  it('has its own publisher go on with its publications without a 412', async () => {
    const lamp = await alice.dialog('SUBSCRIBE', ALICE, SUMMARY);
    await leaveText();
    await told(lamp, 'Text-Message: 1/0');
    await killAndRestart();
    await leaveText();
    await told(lamp, 'Text-Message: 2/0');
    expect(server.log()).not.to.match(/"status":412/);
  });

  it('finds a phone behind its proxies: Route in order, to the first of them, and the Contact it moved to', async () => {
    const proxy = await open('sip:proxy@example.test');
    const route = `<sip:127.0.0.1:${proxy.port};lr>`;
    const hidden = { Contact: '<sip:alice@192.0.2.7>', 'Record-Route': `${route}, <sip:192.0.2.1;lr>` };
    const lamp = await alice.dialog('SUBSCRIBE', ALICE, { ...SUMMARY, ...hidden });
    const behind = (body: string, contact: string): Promise<PhoneMessage> =>
      proxy.waitFor(
        `a NOTIFY with ${body} for ${contact}`,
        (message) => message.startLine === `NOTIFY sip:${contact} SIP/2.0` && message.body.includes(body),
      );
    const before = await behind('Messages-Waiting: no', 'alice@192.0.2.7');
    await killAndRestart();
    await leaveText();
    const after = await behind('Text-Message: 1/0', 'alice@192.0.2.7');
    expect(after.headers('Route').join(', ')).to.equal(`${route}, <sip:192.0.2.1;lr>`);
    expect(after.headers('Route').join(', ')).to.equal(before.headers('Route').join(', '));
    const refresh = await lamp.request('SUBSCRIBE', { ...SUMMARY, Contact: '<sip:alice@192.0.2.8:5070>' });
    expect(refresh.startLine).to.match(/^SIP\/2\.0 200 /);
    await behind('Text-Message: 1/0', 'alice@192.0.2.8:5070');
    await killAndRestart();
    await leaveText();
    const moved = await behind('Text-Message: 2/0', 'alice@192.0.2.8:5070');
    expect(moved.headers('Route').join(', ')).to.equal(`${route}, <sip:192.0.2.1;lr>`);
  });

  it('forgets a phone that answers 481, and takes it back when it subscribes anew', async () => {
    const lamp = await alice.dialog('SUBSCRIBE', ALICE, SUMMARY);
    await lamp.next('NOTIFY');
    alice.answerTo = (request) => (request.header('Call-ID') === lamp.callId ? '481 Gone' : '200 OK');
    await killAndRestart();
    await lamp.next('NOTIFY');
    const refused = await lamp.request('SUBSCRIBE', SUMMARY);
    expect(refused.startLine).to.match(/^SIP\/2\.0 481 /);
    const anew = await alice.dialog('SUBSCRIBE', ALICE, SUMMARY);
    await leaveText();
    await told(anew, 'Text-Message: 1/0');
  });

  it('has a phone subscribe anew that was reached only by its own connection', async () => {
    // Nobody listens where its Contact says.
    const away = { ...SUMMARY, Contact: `<sip:alice@127.0.0.1:${await freePort()};transport=tcp>` };
    const lamp = await alice.dialog('SUBSCRIBE', ALICE, away);
    await lamp.next('NOTIFY');
    await killAndRestart();
    await leaveText();
    await until(
      'the NOTIFY fails',
      10_000,
      () => (server.log().includes('NOTIFY not taken') ? true : undefined),
      () => server.log(),
    );
    expect((await lamp.request('SUBSCRIBE', away)).startLine).to.match(/^SIP\/2\.0 481 /);
    const anew = await alice.dialog('SUBSCRIBE', ALICE, away);
    await told(anew, 'Text-Message: 1/0');
  });

  it('knows nothing of a dialog that never was', async () => {
    const headers = { ...SUMMARY, To: `<${ALICE}>;tag=made-up`, Contact: alice.contact };
    const refused = await alice.request('SUBSCRIBE', ALICE, headers);
    expect(refused.startLine).to.match(/^SIP\/2\.0 481 /);
  });
});

describe('the built-in presence server over a clean stop', function () {
  this.timeout(20_000);

  it('goes on with its subscriptions, and says no word of an end', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'text-mailbox-restart-'));
    const port = await freePort();
    const environment = {
      SIP_LISTEN: `udp:127.0.0.1:${port},tcp:127.0.0.1:${port}`,
      DATABASE_URL: `sqlite:${folder}/mailbox.db`,
    };
    let app = await runApp(environment);
    const [alice, bob] = [
      await SipPhone.open({ address: ALICE, server: port }),
      await SipPhone.open({ address: 'sip:bob@example.test', server: port }),
    ];
    try {
      const lamp = await alice.dialog('SUBSCRIBE', ALICE, SUMMARY);
      await bob.message(ALICE, 'hello');
      await app.stop();
      app = await runApp(environment);
      await bob.message(ALICE, 'hello');
      const states: (string | undefined)[] = [];
      for (let body = ''; !body.includes('Text-Message: 2/0');) {
        const notify = await lamp.next('NOTIFY');
        states.push(notify.header('Subscription-State'));
        ({ body } = notify);
      }
      for (const state of states) expect(state).to.match(/^active/);
      const { startLine } = await lamp.request('SUBSCRIBE', { ...SUMMARY, Expires: '0' });
      expect(startLine).to.match(/^SIP\/2\.0 200 /);
    } finally {
      await alice.close();
      await bob.close();
      await app.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

function sequenceOf(message: PhoneMessage): number {
  return Number(/^\d+/.exec(message.header('CSeq') ?? '')?.[0] ?? '0');
}
