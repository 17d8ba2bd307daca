import { once } from 'node:events';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { expect } from 'chai';
import { JumpingClock } from './doubles/jumping-clock.ts';
import { ALICE, BOB, MAILBOX, SendingSite, messagesTo } from './doubles/sending-site.ts';
import type { SipPhone } from './doubles/sip-phone.ts';
import { startMariadb } from './peers/mariadb.ts';
import type { Mariadb } from './peers/mariadb.ts';
import { requirePeer } from './peers/require-peer.ts';

const NOTICE = { SENDER_NOTICE: '{to} is offline; your text was kept', SENDER_NOTICE_SECONDS: '3600' };
const WINDOW = 3_600_000;

/** Whatever was on its way to `phone` is there once an answer of the program's is. */
async function nothingMoreFor(site: SendingSite, phone: SipPhone, count: number): Promise<void> {
  // A text of another author is told of by the same way, and after.
  const other = await site.phone(`sip:other${Math.random().toString(36).slice(2)}@example.test`);
  await other.message(ALICE, 'x');
  await other.waitFor('the notice', ({ startLine }) => startLine.startsWith('MESSAGE '));
  expect(messagesTo(phone)).to.have.length(count);
}

describe('the sender of a MESSAGE to an offline user', function () {
  this.timeout(30_000);

  const sites: SendingSite[] = [];
  afterEach(async () => {
    for (const site of sites.splice(0)) await site.close();
  });

  async function open(
    environment: Readonly<Record<string, string>> = NOTICE,
    clock = new JumpingClock(),
  ): Promise<SendingSite> {
    const site = await SendingSite.open(environment, clock);
    sites.push(site);
    return site;
  }

  const notice = async (phone: SipPhone): Promise<ReturnType<typeof messagesTo>[number]> =>
    await phone.waitFor('the notice', ({ startLine }) => startLine.startsWith('MESSAGE '));

  it('is told that it was kept, in the user’s name, once in the window', async () => {
    const site = await open();
    const bob = await site.phone();
    expect((await bob.message(ALICE, 'one')).startLine).to.include('200');
    const told = await notice(bob);
    expect(told.startLine).to.equal(`MESSAGE ${BOB} SIP/2.0`);
    expect(told.body).to.equal('alice is offline; your text was kept');
    expect(told.header('From')).to.match(/^<sip:alice@example\.test>;tag=/);
    expect(told.header('Auto-Submitted')).to.equal('auto-replied');
    expect(told.header('Priority')).to.equal('non-urgent');
    expect(told.header('Content-Type')).to.equal('text/plain;charset=utf-8');
    await bob.message(ALICE, 'two');
    await nothingMoreFor(site, bob, 1);
    await site.jump(WINDOW + 1000);
    await bob.message(ALICE, 'three');
    await bob.waitFor('the second notice', () => messagesTo(bob).length === 2);
  });

  it('is told of each user she writes to', async () => {
    const site = await open();
    const bob = await site.phone();
    for (const owner of [ALICE, 'sip:dave@example.test']) {
      await bob.message(owner, 'hi');
      await bob.waitFor(owner, (message) => message.header('From')?.includes(owner) === true);
    }
  });

  it('is not told when the operator says nothing', async () => {
    const site = await open({});
    const bob = await site.phone();
    await bob.message(ALICE, 'one');
    await site.fetch();
    expect(messagesTo(bob)).to.have.length(0);
  });

  it('is not told of what was scheduled or sent again, nor when a receipt tells her', async () => {
    const site = await open();
    const [bob, carol] = [await site.phone(), await site.phone('sip:carol@example.test')];
    const due = new Date(site.clock.now() + WINDOW).toISOString();
    await bob.message(ALICE, 'later', { 'X-Deliver-At': due });
    const cpim = [
      'From: <sip:carol@example.test>',
      'NS: imdn <urn:ietf:params:imdn>',
      'imdn.Message-ID: m1',
      'imdn.Disposition-Notification: processing',
      '',
      'Content-Type: text/plain',
      '',
      'hi',
    ].join('\r\n');
    await carol.message(ALICE, cpim, { 'Content-Type': 'message/cpim' });
    expect((await notice(carol)).header('Content-Type')).to.equal('message/cpim');
    await nothingMoreFor(site, bob, 0);
    expect(messagesTo(carol)).to.have.length(1);
  });

  it('that is a program is not told, and its text is kept', async () => {
    const site = await open();
    const bots: SipPhone[] = [];
    for (const headers of [
      { 'Auto-Submitted': 'auto-replied' },
      { 'Auto-Submitted': 'auto-generated' },
      { Precedence: 'bulk' },
      { 'X-Auto-Response-Suppress': 'All' },
      { Contact: '<sip:bot@127.0.0.1>;automata' },
    ]) {
      const bot = await site.phone(`sip:bot${bots.length}@example.test`);
      bots.push(bot);
      expect((await bot.message(ALICE, 'beep', headers)).startLine).to.include('200');
    }
    const daemon = await site.phone('sip:no-reply@example.test');
    await daemon.message(ALICE, 'beep');
    for (const bot of [...bots, daemon]) await nothingMoreFor(site, bot, 0);
    expect(await site.fetch()).to.have.length(6 + 6);
  });

  it('whom no trusted proxy vouches for is not told: her name may be anybody’s (reflection)', async () => {
    const site = await open({ ...NOTICE, TRUSTED_PROXIES: '192.0.2.0/24', DEPOSIT_FROM: 'anyone' });
    const bob = await site.phone();
    for (const words of ['one', 'two']) {
      expect((await bob.message(ALICE, words)).startLine).to.include('200');
    }
    // The program answers in turn: what it had to send has left.
    await bob.request('OPTIONS', MAILBOX);
    await site.app.stop();
    expect(messagesTo(bob)).to.have.length(0);
  });

  it('gets the 200 whether the notice can be sent or not, and no notice twice', async () => {
    const site = await open({ ...NOTICE, OUTBOUND_PROXY: 'sip:127.0.0.1:9;transport=udp' });
    const bob = await site.phone();
    for (const words of ['one', 'two', 'three']) {
      expect((await bob.message(ALICE, words)).startLine).to.include('200');
    }
    expect(await site.fetch()).to.have.length(3);
    expect(messagesTo(bob)).to.have.length(0);
  });

  it('is told nothing in a chat but the greeting', async () => {
    const site = await open();
    const bob = await site.phone();
    const chat = await site.chat(bob);
    await chat.waitForMessages(1);
    expect((await chat.send('text/plain', 'one')).status).to.equal(200);
    await nothingMoreFor(site, bob, 0);
    expect(chat.messages()).to.have.length(1);
  });

  it('whose own mailbox gets the notice, as she is offline too, sets no ball rolling (ping-pong)', async () => {
    const proxy = await RelayingProxy.open();
    try {
      const environment = { ...NOTICE, OUTBOUND_PROXY: proxy.uri };
      const here = await open({ ...environment, DOMAINS: 'example.test' });
      const there = await open({ ...environment, DOMAINS: 'there.test' });
      proxy.serve({ 'example.test': here.app.udp, 'there.test': there.app.udp });
      const bob = await there.phone(BOB);
      // Bob of example.test, who has gone since, wrote to Eve of there.test.
      expect((await bob.message('sip:eve@there.test', 'hi')).startLine).to.include('200');
      await proxy.answered('480');
      expect(proxy.requests(), 'the notice, and nothing after it').to.deep.equal([
        'MESSAGE sip:bob@example.test SIP/2.0',
      ]);
      expect((await here.fetch(BOB))[0]).to.include('You have no new texts.');
      await new Promise((resolve) => setImmediate(resolve));
      expect(proxy.requests()).to.have.length(1);
    } finally {
      await proxy.close();
    }
  });
});

describe('two nodes on one MariaDB', function () {
  this.timeout(90_000);
  requirePeer('mariadb');

  let mariadb: Mariadb;
  before(async () => {
    mariadb = await startMariadb();
  });
  after(async () => {
    await mariadb.stop();
  });

  it('tell a sender once', async () => {
    const url = await mariadb.createDatabase('notices');
    const clock = new JumpingClock();
    const nodes: SendingSite[] = [];
    try {
      for (const name of ['one', 'two']) {
        nodes.push(await SendingSite.open({ ...NOTICE, DATABASE_URL: url, NODE_NAME: name }, clock));
      }
      const phones: SipPhone[] = [];
      for (const node of nodes) phones.push(await node.phone());
      for (let round = 0; round < 3; round++) {
        await Promise.all(phones.map((phone) => phone.message(ALICE, `round ${round}`)));
      }
      for (const [index, node] of nodes.entries()) {
        const phone = phones[index];
        if (phone !== undefined) await nothingMoreFor(node, phone, messagesTo(phone).length);
      }
      expect(phones.flatMap(messagesTo)).to.have.length(1);
    } finally {
      for (const node of nodes) await node.close();
    }
  });
});

/** A proxy in a few lines: passes each request to whoever serves the domain of its Request-URI, and the answers back. */
class RelayingProxy {
  readonly #socket: Socket;
  readonly #answers: string[] = [];
  /** First line and sender, by the branch of the Via on top: a request that is sent again is there once. */
  readonly #passed = new Map<string, { readonly first: string; readonly from: number }>();
  #ports: Readonly<Record<string, number>> = {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (datagram, from) => this.#relay(datagram.toString('utf8'), from.port));
  }

  static async open(): Promise<RelayingProxy> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new RelayingProxy(socket);
  }

  get uri(): string {
    return `sip:127.0.0.1:${this.#socket.address().port};transport=udp`;
  }

  serve(ports: Readonly<Record<string, number>>): void {
    this.#ports = ports;
  }

  requests(): string[] {
    return [...this.#passed.values()].map(({ first }) => first);
  }

  async answered(status: string): Promise<void> {
    while (!this.#answers.some((first) => first.includes(` ${status} `))) await once(this.#socket, 'message');
  }

  async close(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  #relay(text: string, from: number): void {
    const [first = ''] = text.split('\r\n');
    const branch = /^Via:[^\r]*;branch=([^;\s]+)/m.exec(text)?.[1] ?? '';
    if (first.startsWith('SIP/2.0 ')) {
      this.#answers.push(first);
      const sender = this.#passed.get(branch.replace(/-passed$/, ''));
      const answer = text.replace(/^Via: [^\r]*\r\n/m, '');
      if (sender !== undefined) this.#socket.send(answer, sender.from, '127.0.0.1');
      return;
    }
    const port = this.#ports[/@([^\s;>]+)/.exec(first)?.[1] ?? ''];
    if (port === undefined) return;
    this.#passed.set(branch, { first, from });
    const own = `Via: SIP/2.0/UDP 127.0.0.1:${this.#socket.address().port};branch=${branch}-passed`;
    this.#socket.send(text.replace('\r\n', `\r\n${own}\r\n`), port, '127.0.0.1');
  }
}
