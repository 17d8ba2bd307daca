import { expect } from 'chai';
import { MsrpChat, chatOffer, pathOf } from '../doubles/msrp-chat.ts';
import type { Registrar } from '../doubles/registrar.ts';
import { startRegistrar } from '../doubles/registrar.ts';
import type { ServerProcess } from '../doubles/server-process.ts';
import { startServer } from '../doubles/server-process.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import type { Baresip } from './baresip.ts';
import { startBaresip } from './baresip.ts';
import { requirePeer } from './require-peer.ts';

const ALICE = 'sip:alice@example.test';
const MAILBOX = 'sip:mailbox@example.test';

describe('a real baresip on the built-in presence server alone', function () {
  this.timeout(60_000);
  requirePeer('baresip');

  let server: ServerProcess;
  let registrar: Registrar;
  let phone: Baresip;
  let bob: SipPhone;
  let alice: SipPhone;

  beforeEach(async () => {
    server = await startServer();
    registrar = await startRegistrar(server.udp);
    phone = await startBaresip({ proxyPort: registrar.port, user: 'alice' });
    bob = await SipPhone.open({ address: 'sip:bob@example.test', server: server.udp });
    alice = await SipPhone.open({ address: ALICE, server: server.udp });
  });

  afterEach(async () => {
    await phone.stop();
    await alice.close();
    await bob.close();
    await registrar.close();
    await server.stop();
  });

  async function leaveText(): Promise<void> {
    expect((await bob.message(ALICE, 'hello')).startLine).to.equal('SIP/2.0 200 OK');
  }

  const says = (waiting: 'yes' | 'no', counts: string) => (body: string) =>
    body.includes(`Messages-Waiting: ${waiting}`) && body.includes(`Text-Message: ${counts}`);

  it('lights its lamp, keeps it right over kill -9, and clears it', async () => {
    expect(await phone.nextMwi(() => true)).to.include('Messages-Waiting: no');
    await leaveText();
    await phone.nextMwi(says('yes', '1/0'));

    await server.kill();
    await server.restart();
    await leaveText();
    await phone.nextMwi(says('yes', '2/0'));
    const subscriptions = phone.transcript().split('mwi: subscribing to messages').length - 1;
    expect(subscriptions, 'it never had to subscribe anew').to.equal(1);

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
      expect(chat.messages()).to.have.length(2);
    } finally {
      chat.close();
    }
    await phone.nextMwi(says('no', '0/2'));
    expect(phone.mwiBodies().at(-1)).to.include('Messages-Waiting: no');
  });

  it('shows voice and text together when a voicemail publishes too', async () => {
    const voice = 'Messages-Waiting: yes\r\nMessage-Account: sip:vm@example.test\r\nVoice-Message: 3/1\r\n';
    const headers = { Event: 'message-summary', 'Content-Type': 'application/simple-message-summary' };
    await leaveText();
    await phone.nextMwi(says('yes', '1/0'));
    expect((await bob.request('PUBLISH', ALICE, headers, voice)).startLine).to.equal('SIP/2.0 200 OK');
    const both = await phone.nextMwi((body) => body.includes('Voice-Message: 3/1'));
    expect(both).to.include('Text-Message: 1/0');
    expect(both).to.include(`Message-Account: ${MAILBOX}`);
    await server.kill();
    await server.restart();
    await leaveText();
    const after = await phone.nextMwi(says('yes', '2/0'));
    expect(after).to.include('Voice-Message: 3/1');
  });
});
