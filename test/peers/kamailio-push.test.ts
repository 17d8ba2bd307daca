import { expect } from 'chai';
import type { RunningApp } from '../doubles/running-app.ts';
import { runApp } from '../doubles/running-app.ts';
import type { PhoneMessage } from '../doubles/sip-phone.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import type { Kamailio } from './kamailio.ts';
import { startKamailio } from './kamailio.ts';
import { requirePeer } from './require-peer.ts';
import { until } from './until.ts';

const ALICE = 'sip:alice@example.test';

describe('texts brought through a real Kamailio that passes each REGISTER on', function () {
  this.timeout(40_000);
  requirePeer('kamailio');

  let running: RunningApp;
  let kamailio: Kamailio;
  let phones: SipPhone[];

  async function open(environment: Readonly<Record<string, string>> = {}): Promise<void> {
    running = await runApp({ DELIVERY: 'both', ...environment });
    kamailio = await startKamailio({
      mailbox: `sip:127.0.0.1:${running.udp}`,
      forwardRegister: true,
      sanity: true,
    });
  }

  beforeEach(() => {
    phones = [];
  });

  afterEach(async () => {
    for (const phone of phones) await phone.close();
    await running.stop();
    await kamailio.stop();
    expect(kamailio.log()).not.to.include('SANITY');
  });

  async function phone(address: string): Promise<SipPhone> {
    const opened = await SipPhone.open({ address, server: kamailio.port });
    phones.push(opened);
    return opened;
  }

  const register = (each: SipPhone): Promise<PhoneMessage> =>
    each.request('REGISTER', 'sip:example.test', {
      To: `<${ALICE}>`,
      Contact: `${each.contact};expires=600`,
      Allow: 'MESSAGE',
    });

  const texts = (each: SipPhone): string[] =>
    each.received
      .filter(({ startLine }) => startLine.startsWith('MESSAGE'))
      .map(({ body }) => body.replace(/^.*UTC: /s, ''));

  async function leave(...words: string[]): Promise<void> {
    const bob = await phone('sip:bob@example.test');
    for (const each of words) expect((await bob.message(ALICE, each)).startLine).to.contain(' 200 ');
  }

  it('come to the phone that registers, once and in order', async () => {
    await open();
    await leave('one', 'two', 'three');
    const alice = await phone(ALICE);
    expect((await register(alice)).startLine).to.contain(' 200 ');
    await until('three texts', 10_000, () => texts(alice).length >= 3);
    expect(texts(alice)).to.deep.equal(['one', 'two', 'three']);
    const answers = alice.received.filter(
      (message) => message.startLine.startsWith('SIP/2.0') && message.header('CSeq')?.endsWith('REGISTER'),
    );
    // What the mailbox said of the REGISTER stays between it and Kamailio.
    expect(answers).to.have.length(1);
  });

  it('come to one of her phones, the one that registered last', async () => {
    await open();
    const desk = await phone(ALICE);
    await register(desk);
    await leave('seen live');
    await until('the live text', 10_000, () => texts(desk).length === 1);
    // Nobody answers at the desk: the mailbox keeps the next one.
    desk.answerTo = () => '480 Temporarily Unavailable';
    await leave('one', 'two');
    const mobile = await phone(ALICE);
    const before = texts(desk).length;
    await register(mobile);
    await until('both texts', 10_000, () => texts(mobile).length >= 2);
    expect(texts(mobile)).to.deep.equal(['one', 'two']);
    expect(texts(desk).slice(before)).to.deep.equal([]);
  });

  it('that reach no phone are not kept a second time when Kamailio sends them back', async () => {
    await open();
    await leave('one');
    const alice = await phone(ALICE);
    let tries = 0;
    alice.answerTo = () => (++tries < 3 ? '480 Temporarily Unavailable' : '200 OK');
    await register(alice);
    await until('a text', 20_000, () => tries >= 3);
    expect(texts(alice)).to.deep.equal(['one', 'one', 'one']);
    await leave('two');
    await until('the next text', 10_000, () => texts(alice).includes('two'));
    expect(texts(alice)).to.deep.equal(['one', 'one', 'one', 'two']);
  });

  it('come from their authors where the operator wants that', async () => {
    await open({ PUSH_FROM: 'author' });
    await leave('hello');
    const alice = await phone(ALICE);
    await register(alice);
    const text = await alice.waitFor('a text', ({ startLine }) => startLine.startsWith('MESSAGE'));
    expect(text.header('From')).to.contain('<sip:bob@example.test>');
    expect(text.body).to.equal('hello');
  });
});
