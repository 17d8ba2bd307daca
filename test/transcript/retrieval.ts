import { startForwardingProxy } from '../doubles/forwarding-proxy.ts';
import { JumpingClock } from '../doubles/jumping-clock.ts';
import { MenuSession } from '../doubles/menu-session.ts';
import { runApp } from '../doubles/running-app.ts';
import type { PhoneDialog } from '../doubles/sip-phone.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import { until } from '../peers/until.ts';
import { Script } from './script.ts';

const ALICE = 'sip:alice@example.com';
const MAILBOX = 'sip:mailbox@example.com';
const CPIM = 'message/cpim text/plain';
const MINUTE = 60_000;

/** Thursday, 6 March 2036, 20:30:05 in Madrid. */
const BEGINNING = Date.UTC(2036, 2, 6, 19, 30, 5);

/** Plays a whole retrieval with commands against the program, over SIP and MSRP, and writes down what everybody sees. */
export async function playRetrieval(): Promise<string> {
  const clock = new JumpingClock();
  clock.jump(BEGINNING - clock.now());
  const ports = { mailbox: 0 };
  const proxy = await startForwardingProxy(() => ports.mailbox, 'refuses');
  const app = await runApp(
    {
      DOMAINS: 'example.com',
      RETRIEVAL_MODE: 'menu',
      TIME_ZONE: 'Europe/Madrid',
      SESSION_IDLE_SECONDS: '3600',
      OUTBOUND_PROXY: `sip:127.0.0.1:${proxy.port};transport=udp`,
    },
    clock,
  );
  ports.mailbox = app.udp;
  const phones: SipPhone[] = [];
  const phone = async (name: string, address: string): Promise<SipPhone> => {
    const opened = await SipPhone.open({ name, address, server: app.udp });
    phones.push(opened);
    return opened;
  };
  try {
    const alice = await phone('Alice', ALICE);
    const bob = await phone('Bob', 'sip:bob@example.com');
    const carol = await phone('Carol', 'sip:carol@example.com');
    const dave = await phone('Dave', 'sip:dave@example.com');
    const stranger = await phone('Lucky You', 'sip:prize@example.net');
    const script = new Script(() => clock.now());
    // What is on its way has arrived before the clock is put forward.
    const pass = async (minutes: number): Promise<void> => {
      for (const each of phones) await each.request('OPTIONS', MAILBOX);
      await until('every lamp published', 20_000, async () => {
        const { behind, due } = await app.app.totals();
        return behind + due === 0 ? true : undefined;
      });
      clock.jump(minutes * MINUTE);
    };

    await dave.message(ALICE, 'I left your umbrella at the office.');
    const yesterday = await MenuSession.open(alice, MAILBOX, {}, CPIM);
    await yesterday.hear(2);
    await yesterday.ask('bye');
    await yesterday.call.next('BYE');
    yesterday.close();

    await pass(21 * 60 + 42);
    const leave = async (from: SipPhone, name: string, words: string): Promise<void> => {
      const { startLine } = await from.message(ALICE, words);
      if (!startLine.endsWith(' 200 OK')) throw new Error(`${name}: ${startLine}`);
      script.scene(`${name} writes to Alice, who is offline: “${words}”`);
    };
    await leave(bob, 'Bob', 'Are we still on for lunch tomorrow? I can book the place by the river.');
    await pass(8);
    await leave(carol, 'Carol', 'The report is ready. The numbers you asked for are on page 4.');
    await pass(11);
    await leave(stranger, 'Somebody', 'Answer YES and the phone is yours!');

    await pass(49);
    const light = await lampOf(alice);
    script.scene(`Alice is back. The lamp of her phone is on: ${await light('3/1')}. She calls her mailbox.`);
    const session = await MenuSession.open(alice, MAILBOX, {}, CPIM);
    const ask = async (words: string, count = 1): Promise<void> => {
      script.line('Alice', words);
      for (const heard of await session.ask(words, count)) script.message(heard);
    };
    for (const heard of await session.hear(4)) script.message(heard);
    script.scene(`The lamp goes off: ${await light('0/4')}.`);
    await ask('help');
    await ask('hello??');
    await ask('reply 1 Yes, gladly! One o’clock, and please book.');
    await ask('keep 2');
    await ask('block 3');
    await ask('delete 3');
    await ask('from dave', 2);
    await ask('old 2', 3);
    await ask('remind tomorrow 12:15 lunch with Bob');
    await ask('remind me to call Carol on Monday at 9');
    await ask('reminders');
    await ask('delete 7');
    await ask('greeting In bed with a cold. Write to me, I will answer tonight.');
    await ask('bye');
    await session.call.next('BYE');
    session.close();
    script.scene(`The mailbox hangs up. Of the lamp’s four old texts three are left: ${await light('0/3')}.`);

    await pass(6);
    script.scene('Bob is back online. He calls his mailbox.');
    const his = await MenuSession.open(bob, MAILBOX, {}, CPIM);
    for (const heard of await his.hear(2)) script.message(heard);
    his.close();
    script.scene('He calls Alice, who is offline again.');
    const call = await MenuSession.open(bob, ALICE);
    for (const heard of await call.hear(1)) script.line('Alice’s mailbox', heard);
    call.close();
    const { startLine } = await stranger.message(ALICE, 'Last chance! Answer YES!');
    script.scene(`Somebody writes to Alice again, and is refused: ${startLine.replace(/^SIP\/2\.0 /, '')}.`);
    return script.toString();
  } finally {
    await app.stop();
    for (const each of phones) await each.close();
    await proxy.close();
  }
}

/** Waits till the lamp of a phone says so many texts, new and old, and puts it into words. */
async function lampOf(phone: SipPhone): Promise<(counts: string) => Promise<string>> {
  const headers = { Event: 'message-summary', Expires: '3600' };
  const dialog: PhoneDialog = await phone.dialog('SUBSCRIBE', ALICE, headers);
  return async (counts) => {
    for (;;) {
      const { body } = await dialog.next('NOTIFY');
      const [, fresh, old] = /^Text-Message: (\d+)\/(\d+)/m.exec(body) ?? [];
      if (`${fresh}/${old}` === counts) return `${fresh} new, ${old} old`;
    }
  };
}
