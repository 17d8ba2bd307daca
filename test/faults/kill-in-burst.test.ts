import { expect } from 'chai';
import { MsrpChat, chatOffer, pathOf } from '../doubles/msrp-chat.ts';
import type { ServerProcess } from '../doubles/server-process.ts';
import { startServer } from '../doubles/server-process.ts';
import { SipPhone } from '../doubles/sip-phone.ts';

const ALICE = 'sip:alice@example.test';
const MAILBOX = 'sip:mailbox@example.test';

/** How many texts the sender wants to leave, and after how many acknowledgements the power goes. */
const TEXTS = 400;
const SENDERS = 20;
const KILL_AFTER = [1, 37, 150];

describe('kill -9 in the middle of a burst of deposits', function () {
  this.timeout(60_000);

  let server: ServerProcess;

  beforeEach(async () => {
    server = await startServer();
  });

  afterEach(async () => {
    await server.stop();
  });

  for (const killAfter of KILL_AFTER) {
    it(`after ${killAfter} acknowledged texts loses none, doubles none, and leaves the lamp right`, async () => {
      const bob = await SipPhone.open({ address: 'sip:bob@example.test', server: server.udp });
      const alice = await SipPhone.open({ address: ALICE, server: server.udp });
      try {
        const acknowledged = new Set<string>();
        let killed: Promise<void> | undefined;
        const send = async (sender: number): Promise<void> => {
          for (let i = sender; i < TEXTS; i += SENDERS) {
            const words = `text ${String(i).padStart(3, '0')}`;
            const answer = await bob.message(ALICE, words);
            if (answer.startLine !== 'SIP/2.0 200 OK') return;
            acknowledged.add(words);
            if (acknowledged.size === killAfter) killed = server.kill().then(() => server.restart());
          }
        };
        const sent = Array.from({ length: SENDERS }, (_, sender) => send(sender));
        // Senders repeat what was not answered, so the rest gets through to the restarted server.
        await Promise.all(sent);
        await killed;
        expect(killed, 'the server was killed').not.to.equal(undefined);
        expect(acknowledged.size).to.equal(TEXTS);

        const lamp = await alice.dialog('SUBSCRIBE', ALICE, { Event: 'message-summary', Expires: '600' });
        const full = await nextWith(lamp, `Text-Message: ${TEXTS}/0 `);
        expect(full).to.match(/^Messages-Waiting: yes\r\n/);

        const fetched = await fetchAll(alice);
        expect([...fetched].sort()).to.deep.equal([...acknowledged].sort());
        const cleared = await nextWith(lamp, `Text-Message: 0/${TEXTS} `);
        expect(cleared).to.match(/^Messages-Waiting: no\r\n/);
      } finally {
        await bob.close();
        await alice.close();
      }
    });
  }
});

async function nextWith(
  lamp: { next(method: string): Promise<{ body: string }> },
  wanted: string,
): Promise<string> {
  for (;;) {
    const { body } = await lamp.next('NOTIFY');
    if (body.includes(wanted)) return body;
  }
}

async function fetchAll(alice: SipPhone): Promise<string[]> {
  const path = MsrpChat.localPath();
  const headers = { 'Content-Type': 'application/sdp' };
  const call = await alice.dialog('INVITE', MAILBOX, headers, chatOffer(path));
  const chat = await MsrpChat.open(path, pathOf(call.answer.body));
  try {
    await call.next('BYE', 30_000);
    return chat.messages().flatMap(({ body }) => /text \d{3}/.exec(body)?.[0] ?? []);
  } finally {
    chat.close();
  }
}
