import { expect } from 'chai';
import { MsrpChat } from '../../doubles/msrp-chat.ts';
import { ALICE, CallerSite, MAILBOX, offerWith } from './caller-site.ts';

describe('a client that takes messages up to a size (a=max-size)', () => {
  let site: CallerSite;

  beforeEach(async () => {
    site = await CallerSite.open();
  });

  afterEach(async () => await site.close());

  async function fetch(maxSize: number): Promise<string[]> {
    const own = MsrpChat.localPath();
    const phone = await site.phone(ALICE);
    const call = await phone.call(MAILBOX, { body: offerWith(own, `a=max-size:${maxSize}`) });
    const chat = await site.chat(own, call.sdp);
    call.respond(await call.next('BYE'), 200);
    for (const { body } of chat.messages()) expect(Buffer.byteLength(body)).to.be.at.most(maxSize);
    return chat.messages().map(({ body }) => body);
  }

  it('is handed a longer text in several, in order among the others, and once', async () => {
    for (const words of ['first', 'x'.repeat(2_000), 'last']) await site.leaveText(words);
    const bodies = await fetch(700);
    expect(bodies[0]).to.match(/first$/);
    expect(bodies.at(-1)).to.match(/last$/);
    expect(bodies.slice(1, -1).join('').match(/x{5,}/g)?.join('')).to.have.length(2_000);
    expect((await fetch(700))[0]).to.include('no new texts');
  });

  it('that takes next to nothing is told so, and the text stays new', async () => {
    await site.leaveText('x'.repeat(5_000));
    expect(await fetch(100)).to.deep.equal([
      'A text is longer than this client takes, and waits for another one.',
    ]);
    expect((await site.texts(1))[0]).to.include('xxxxx');
  });
});
