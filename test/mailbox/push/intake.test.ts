import { expect } from 'chai';
import { AddressOfRecord } from '../../../src/core/address-of-record.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { PushIntake } from '../../../src/mailbox/push/intake.ts';
import { PUSH_LIMITS } from '../../../src/mailbox/push/limits.ts';
import type { Registration } from '../../../src/mailbox/push/ports.ts';
import { FakeClock, settle } from '../../doubles/fake-clock.ts';

const user = (index: number): AddressOfRecord => AddressOfRecord.parse(`sip:user${index}@example.test`);
const NOBODY = { methods: null, hop: null };

describe('a user who is online and has no mailbox yet', () => {
  let clock: FakeClock;
  let told: string[];
  let mailboxes: Set<string>;
  let intake: PushIntake;

  /** What the store does before it answers. */
  let meanwhile: () => void;

  beforeEach(() => {
    clock = new FakeClock();
    told = [];
    mailboxes = new Set();
    meanwhile = () => undefined;
    const store = {
      registered: async ({ user: who }: Registration): Promise<boolean> => {
        const isKept = mailboxes.has(who.toString());
        meanwhile();
        await Promise.resolve();
        if (isKept) told.push(who.toString());
        return isKept;
      },
      unregistered: () => Promise.resolve(),
    };
    intake = new PushIntake({ store, wake: () => undefined, clock, logger: silentLogger });
  });

  const online = (index: number): Promise<void> =>
    intake.online({ user: user(index), name: 'phone', until: clock.now() + 60_000, ...NOBODY });

  const firstText = async (index: number): Promise<void> => {
    mailboxes.add(user(index).toString());
    intake.textCame(user(index));
    await settle();
  };

  it('is known to be online when her first text comes', async () => {
    await online(1);
    await firstText(1);
    expect(told).to.deep.equal([user(1).toString()]);
    await firstText(1);
    expect(told).to.have.length(1);
  });

  it('is known when that comes while she registers', async () => {
    meanwhile = () => {
      meanwhile = () => undefined;
      mailboxes.add(user(1).toString());
      intake.textCame(user(1));
    };
    await online(1);
    await settle();
    expect(told).to.deep.equal([user(1).toString()]);
  });

  it('is not when she has left, or her time is over', async () => {
    await online(1);
    await intake.offline(user(1));
    await firstText(1);
    await online(2);
    await clock.advance(60_001);
    await firstText(2);
    expect(told).to.deep.equal([]);
  });

  it('is one of a bounded number: who registered longest ago is forgotten', async () => {
    for (let index = 0; index <= PUSH_LIMITS.withoutMailbox; index++) await online(index);
    await firstText(0);
    await firstText(1);
    expect(told).to.deep.equal([user(1).toString()]);
  });
});
