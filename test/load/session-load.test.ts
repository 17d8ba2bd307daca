import { expect } from 'chai';
import { MsrpChat, chatOffer, pathOf } from '../doubles/msrp-chat.ts';
import { Site } from '../doubles/site.ts';
import { SipPhone } from '../doubles/sip-phone.ts';

const CALLERS = 40;
const CALLS_EACH = 25;
const LINES = 20;
const OWNERS = 100;

interface Kept {
  readonly content: Buffer;
}

describe('1,000 chat sessions at one time, each sending 20 lines without waiting for answers', function () {
  this.timeout(120_000);

  let site: Site;
  const phones: SipPhone[] = [];
  const chats: MsrpChat[] = [];

  before(async () => {
    site = await Site.open();
    for (let i = 0; i < CALLERS; i++) {
      const address = `sip:caller${i}@example.test`;
      phones.push(await SipPhone.open({ address, server: site.server.udp }));
    }
  });

  after(async () => {
    for (const chat of chats) chat.close();
    for (const phone of phones) await phone.close();
    await site.close();
  });

  async function openChats(phone: SipPhone, caller: number): Promise<void> {
    for (let i = 0; i < CALLS_EACH; i++) {
      const path = MsrpChat.localPath();
      const owner = `sip:owner${(caller * CALLS_EACH + i) % OWNERS}@example.test`;
      const headers = { 'Content-Type': 'application/sdp' };
      const dialog = await phone.dialog('INVITE', owner, headers, chatOffer(path));
      chats.push(await MsrpChat.open(path, pathOf(dialog.answer.body)));
    }
  }

  it('are all answered 200, every line is kept once, and in the order it was sent', async () => {
    await Promise.all(phones.map(async (phone, caller) => await openChats(phone, caller)));
    expect(chats.filter(({ closed }) => !closed)).to.have.length(CALLERS * CALLS_EACH);
    const begun = performance.now();
    const answers = await Promise.all(
      chats.flatMap((chat, session) =>
        Array.from({ length: LINES }, (_, line) => chat.send('text/plain', `${session}:${line}`)),
      ),
    );
    const took = (performance.now() - begun) / 1000;
    process.stdout.write(`      ${answers.length} lines kept at ${(answers.length / took).toFixed(0)}/s\n`);
    expect(answers.filter(({ status }) => status !== 200)).to.deep.equal([]);
    const kept = site.database(
      (database) => database.prepare('select content from message order by received_at, id').all() as Kept[],
    );
    const bySession = new Map<number, number[]>();
    for (const { content } of kept) {
      const [session = -1, line = -1] = content.toString().split(':').map(Number);
      bySession.set(session, [...(bySession.get(session) ?? []), line]);
    }
    const inOrder = Array.from({ length: LINES }, (_, line) => line);
    expect(bySession.size).to.equal(chats.length);
    for (const [session, lines] of bySession) expect(lines, `session ${session}`).to.deep.equal(inOrder);
  });
});
