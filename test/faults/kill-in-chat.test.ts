import { expect } from 'chai';
import { MsrpChat, chatOffer, pathOf } from '../doubles/msrp-chat.ts';
import type { ServerProcess } from '../doubles/server-process.ts';
import { startServer } from '../doubles/server-process.ts';
import type { PhoneDialog } from '../doubles/sip-phone.ts';
import { SipPhone } from '../doubles/sip-phone.ts';

const ALICE = 'sip:alice@example.test';
const MAILBOX = 'sip:mailbox@example.test';
const SESSIONS = 20;
const LINES = 20;
/** Texts on their way to a client and not marked read yet, at most: what she has of these when the power goes, nobody can know. */
const IN_FLIGHT = 10;

describe('kill -9 in the middle of chat sessions', function () {
  this.timeout(60_000);

  let server: ServerProcess;
  let bob: SipPhone;
  let alice: SipPhone;
  const chats: MsrpChat[] = [];

  beforeEach(async () => {
    server = await startServer();
    bob = await SipPhone.open({ address: 'sip:bob@example.test', server: server.udp });
    alice = await SipPhone.open({ address: ALICE, server: server.udp });
  });

  afterEach(async () => {
    for (const chat of chats.splice(0)) chat.close();
    await bob.close();
    await alice.close();
    await server.stop();
  });

  async function call(
    from: SipPhone,
    to: string,
    onText: () => void = () => undefined,
  ): Promise<{ dialog: PhoneDialog; chat: MsrpChat }> {
    const path = MsrpChat.localPath();
    const headers = { 'Content-Type': 'application/sdp' };
    const dialog = await from.dialog('INVITE', to, headers, chatOffer(path));
    const chat = await MsrpChat.open(path, pathOf(dialog.answer.body), {
      answerTo: () => {
        onText();
        return '200 OK';
      },
    });
    chats.push(chat);
    return { dialog, chat };
  }

  function wordsOf(chat: MsrpChat): string[] {
    return chat.messages().flatMap(({ body }) => /line \d+\/\d+/.exec(body)?.[0] ?? []);
  }

  async function fetchAll(): Promise<string[]> {
    const { dialog, chat } = await call(alice, MAILBOX);
    await dialog.next('BYE', 30_000);
    return wordsOf(chat);
  }

  async function lampShows(count: string): Promise<void> {
    const lamp = await alice.dialog('SUBSCRIBE', ALICE, { Event: 'message-summary', Expires: '600' });
    for (;;) {
      const { body } = await lamp.next('NOTIFY');
      if (body.includes(`Text-Message: ${count} `)) return;
    }
  }

  for (const killAfter of [1, 60, 250]) {
    it(`after ${killAfter} acknowledged lines keeps each of them, none twice, and the lamp right`, async () => {
      const opened = await Promise.all(Array.from({ length: SESSIONS }, () => call(bob, ALICE)));
      const acknowledged = new Set<string>();
      let killed: Promise<void> | undefined;
      await Promise.all(
        opened.flatMap(({ chat }, session) =>
          Array.from({ length: LINES }, async (_, line) => {
            const words = `line ${session}/${line}`;
            // A line without an answer is not acknowledged: the connection went with the server.
            const answer = await chat.send('text/plain', words).catch(() => ({ status: 0 }));
            if (answer.status !== 200) return;
            acknowledged.add(words);
            if (acknowledged.size === killAfter) killed = server.kill().then(() => server.restart());
          }),
        ),
      );
      await killed;
      expect(acknowledged.size).to.be.within(killAfter, SESSIONS * LINES);
      const fetched = await fetchAll();
      expect(new Set(fetched).size, 'none twice').to.equal(fetched.length);
      expect(fetched).to.include.members([...acknowledged]);
      await lampShows(`0/${fetched.length}`);
    });
  }

  for (const killAfter of [1, 25, 55]) {
    it(`after ${killAfter} fetched texts brings the others, and none again but what was on its way`, async () => {
      const texts = Array.from({ length: 60 }, (_, i) => `line 0/${i}`);
      for (const words of texts) expect((await bob.message(ALICE, words)).startLine).to.include('200');
      let seen = 0;
      let killed: Promise<void> | undefined;
      const { chat } = await call(alice, MAILBOX, () => {
        if (++seen === killAfter) killed = server.kill().then(() => server.restart());
      });
      await chat.waitForClose();
      await killed;
      const first = wordsOf(chat);
      expect(first.length).to.be.within(killAfter, texts.length);
      const again = await fetchAll();
      expect([...new Set([...first, ...again])].sort()).to.deep.equal([...texts].sort());
      expect(first.length + again.length - texts.length, 'brought twice').to.be.within(0, IN_FLIGHT);
      await lampShows('0/60');
    });
  }
});
