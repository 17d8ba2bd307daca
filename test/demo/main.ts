import { MsrpChat, chatOffer, pathOf } from '../doubles/msrp-chat.ts';
import { startServer } from '../doubles/server-process.ts';
import type { PhoneDialog } from '../doubles/sip-phone.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import { Narrator } from './narrator.ts';

/*
 * The whole story on free ports: Alice is offline, Bob types to her, her lamp lights, she fetches, it goes out. Each step
 * is checked; one that fails ends the demo with exit code 1.
 */

const ALICE = 'sip:alice@example.test';
const BOB = 'sip:bob@example.test';
const MAILBOX = 'sip:mailbox@example.test';
const WORDS = ['Are you there?', 'The meeting moved to 4 o’clock 🕓', 'See you!'];

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const narrator = new Narrator(print, process.stdout.isTTY);

function expectThat(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
  narrator.check(what);
}

async function play(bob: SipPhone, alice: SipPhone): Promise<void> {
  const lamp = await subscribe(alice);
  await bobChats(bob);
  await lampSays(lamp, 'yes', '3/0', 'on');
  await bobSendsMessage(bob);
  await lampSays(lamp, 'yes', '4/0', 'still on');
  await aliceFetches(alice);
  await lampSays(lamp, 'no', '0/4', 'off');
}

async function subscribe(alice: SipPhone): Promise<PhoneDialog> {
  narrator.step('Alice’s phone subscribes to its message lamp, then she leaves.');
  const lamp = await alice.dialog('SUBSCRIBE', ALICE, {
    Event: 'message-summary',
    Accept: 'application/simple-message-summary',
    Expires: '3600',
  });
  const first = await lamp.next('NOTIFY');
  expectThat(first.body.startsWith('Messages-Waiting: no\r\n'), 'her lamp is off');
  return lamp;
}

async function bobChats(bob: SipPhone): Promise<void> {
  narrator.step('Bob starts a chat with Alice. She is offline, so the proxy sends him to the mailbox.');
  const path = MsrpChat.localPath();
  const call = await bob.dialog('INVITE', ALICE, { 'Content-Type': 'application/sdp' }, chatOffer(path));
  const chat = await MsrpChat.open(path, pathOf(call.answer.body), { trace: narrator.trace('Bob') });
  try {
    const [greeting] = await chat.waitForMessages(1);
    expectThat(greeting?.body.includes('I am offline') === true, 'the mailbox greets him in her name');
    narrator.step('He types three lines. Each is on disk before it is acknowledged.');
    for (const words of WORDS) {
      const { status } = await chat.send('text/plain;charset=utf-8', words);
      expectThat(status === 200, `“${words}” is kept`);
    }
    const bye = await call.request('BYE');
    expectThat(bye.startLine.includes('200'), 'he hangs up');
  } finally {
    chat.close();
  }
}

async function lampSays(lamp: PhoneDialog, waiting: string, count: string, word: string): Promise<void> {
  narrator.step(`Alice’s lamp is ${word}.`);
  for (;;) {
    const { body } = await lamp.next('NOTIFY');
    if (!body.includes(`Text-Message: ${count}`)) continue;
    expectThat(body.startsWith(`Messages-Waiting: ${waiting}\r\n`), `the lamp says ${count} texts`);
    return;
  }
}

async function bobSendsMessage(bob: SipPhone): Promise<void> {
  narrator.step('Bob adds one more as a single MESSAGE.');
  const answer = await bob.message(ALICE, 'Bring the keys, please.');
  expectThat(answer.startLine === 'SIP/2.0 200 OK', 'kept, and only then answered 200');
}

async function aliceFetches(alice: SipPhone): Promise<void> {
  narrator.step('Alice comes back and calls the mailbox.');
  const path = MsrpChat.localPath();
  const call = await alice.dialog('INVITE', MAILBOX, { 'Content-Type': 'application/sdp' }, chatOffer(path));
  const chat = await MsrpChat.open(path, pathOf(call.answer.body), { trace: narrator.trace('Alice') });
  try {
    const texts = await chat.waitForMessages(4);
    for (const words of [...WORDS, 'Bring the keys, please.']) {
      expectThat(
        texts.filter(({ body }) => body.includes(words) && body.includes(BOB)).length === 1,
        `she has “${words}” once, from Bob`,
      );
    }
    await call.next('BYE');
    narrator.check('after the last acknowledgement the mailbox hangs up');
  } finally {
    chat.close();
  }
}

async function demo(): Promise<void> {
  narrator.line('text-mailbox: one text on its way.');
  const server = await startServer();
  try {
    const bob = await SipPhone.open({
      address: BOB,
      name: 'Bob',
      server: server.udp,
      trace: narrator.trace('Bob'),
    });
    const alice = await SipPhone.open({
      address: ALICE,
      name: 'Alice',
      server: server.udp,
      trace: narrator.trace('Alice'),
    });
    try {
      await play(bob, alice);
    } finally {
      await bob.close();
      await alice.close();
    }
  } finally {
    await server.stop();
  }
  narrator.line('\nThat is the whole story.');
}

demo().catch((error: unknown) => {
  narrator.fail(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
