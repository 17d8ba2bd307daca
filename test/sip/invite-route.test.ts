import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { systemRandom } from '../../src/core/random.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
import type { Incoming } from '../../src/sip/agent.ts';
import type { DrachtioRequest } from '../../src/sip/drachtio.ts';
import { inviteRoute } from '../../src/sip/invite-route.ts';
import { SipRefusal } from '../../src/sip/refusal.ts';
import { TrustedProxies } from '../../src/sip/trust.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { chatOffer } from '../doubles/msrp-chat.ts';

describe('a call that waits for the database', () => {
  let clock: FakeClock;
  let cancel: () => void;
  let opened: number;
  let ready: () => void;
  let isBlocked: (names: string) => Promise<boolean>;

  beforeEach(() => {
    clock = new FakeClock();
    cancel = () => undefined;
    ready = () => undefined;
    isBlocked = () => Promise.resolve(false);
    opened = 0;
  });

  afterEach(() => expect(clock.pendingTimers).to.equal(0));

  function call(headers: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const all: Readonly<Record<string, string>> = {
      From: '<sip:bob@example.test>;tag=1',
      To: '<sip:alice@example.test>',
      Contact: '<sip:bob@127.0.0.1>',
      'Content-Type': 'application/sdp',
      ...headers,
    };
    const request = {
      method: 'INVITE',
      uri: 'sip:alice@example.test',
      protocol: 'udp',
      source_address: '127.0.0.1',
      source_port: 5060,
      body: chatOffer('msrp://127.0.0.1:9/abc;tcp'),
      get: (name: string) => all[name],
      has: (name: string) => name in all,
      on: (event: string, listener: () => void) => {
        if (event === 'cancel') cancel = listener;
      },
    } as unknown as DrachtioRequest;
    const route = inviteRoute({
      policy: {
        domains: new Set(['example.test']),
        messageAccount: AddressOfRecord.parse('sip:mailbox@example.test'),
        trustedProxies: new TrustedProxies([]),
        depositFrom: 'anyone',
      },
      chats: {
        transports: new Set(['tcp'] as const),
        prepare: () => {
          opened++;
          throw new Error('no chat in this test');
        },
      },
      newSessionId: () => 1,
      maxBytes: 65_536,
      ready: () => new Promise<void>((resolve) => (ready = resolve)),
      isBlocked: (owner, author) => isBlocked(`${owner.toString()} ${author}`),
      clock,
      random: systemRandom,
      logger: silentLogger,
    });
    return route({ request } as Incoming).catch((error: unknown) => error);
  }

  const statusOf = (error: unknown): number => (error instanceof SipRefusal ? error.status : 0);

  it('is refused with 503 after a while', async () => {
    const answer = call();
    await clock.advance(3_000);
    expect(statusOf(await answer)).to.equal(503);
  });

  it('is refused with 487 once it has expired (RFC 3261 §13.3.1)', async () => {
    const answer = call({ Expires: '2' });
    await clock.advance(2_000);
    expect(statusOf(await answer)).to.equal(487);
    const patient = call({ Expires: '60' });
    await clock.advance(3_000);
    expect(statusOf(await patient)).to.equal(503);
  });

  it('is refused with 603 when the owner takes nothing of its caller, and has no place taken for it', async () => {
    isBlocked = (names) => Promise.resolve(names === 'sip:alice@example.test sip:bob@example.test');
    const answer = call();
    await clock.advance(1_000);
    ready();
    const refusal = await answer;
    expect(statusOf(refusal)).to.equal(603);
    expect(refusal).to.include({ reason: 'Decline' });
    expect(opened).to.equal(0);
  });

  it('is refused with 503 when nobody can say whether the owner takes anything of its caller', async () => {
    isBlocked = () => Promise.reject(new StoreUnavailable('look'));
    const answer = call();
    await clock.advance(1_000);
    ready();
    expect(statusOf(await answer)).to.equal(503);
    isBlocked = () => new Promise(() => undefined);
    const silent = call();
    await clock.advance(1_000);
    ready();
    await clock.advance(2_000);
    expect(statusOf(await silent)).to.equal(503);
    expect(opened).to.equal(0);
  });

  it('has no place taken for it when it is cancelled meanwhile', async () => {
    const answer = call();
    await clock.advance(1_000);
    cancel();
    ready();
    expect(await answer).to.equal(undefined);
    expect(opened).to.equal(0);
  });
});
