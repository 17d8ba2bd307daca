import { expect } from 'chai';
import type { SubscribeCommand } from '../../src/presence/ports.ts';
import { settle } from '../doubles/fake-clock.ts';
import { ACCOUNT, ALICE, BOB, PresenceFixture, subscribeOf, texts } from './presence-fixture.ts';
import { RecordedDialog } from './recorded-dialog.ts';

describe('the notifier', () => {
  describe('judges a SUBSCRIBE', () => {
    const verdicts: [string, Partial<SubscribeCommand>, number, Record<string, string>][] = [
      ['200 with the lifetime asked for', { expires: 300 }, 200, { Expires: '300' }],
      [
        '200 with the longest lifetime there is when more is asked for',
        { expires: 7200 },
        200,
        { Expires: '3600' },
      ],
      ['200 to a fetch', { expires: 0 }, 200, { Expires: '0' }],
      ['200 with an Event id', { event: 'message-summary;id=7' }, 200, { Expires: '600' }],
      ['489 to another event', { event: 'presence' }, 489, { 'Allow-Events': 'message-summary' }],
      ['489 to no event', { event: '' }, 489, { 'Allow-Events': 'message-summary' }],
      ['423 to too brief a lifetime', { expires: 59 }, 423, { 'Min-Expires': '60' }],
      [
        '406 when Accept leaves the summary out',
        { accept: ['text/plain'] },
        406,
        { Accept: 'application/simple-message-summary' },
      ],
      ['403 to somebody else than the owner', { watcher: BOB }, 403, {}],
      ['403 to somebody unknown', { watcher: null }, 403, {}],
    ];
    for (const [what, command, status, headers] of verdicts) {
      it(what, async () => {
        const answer = await new PresenceFixture().open(subscribeOf(command));
        expect(answer.status).to.equal(status);
        expect(answer.headers).to.deep.equal(headers);
      });
    }

    it('200 with the longest lifetime to a SUBSCRIBE without Expires', async () => {
      const command = { presentity: ALICE, event: 'message-summary', watcher: ALICE, accept: [] };
      expect((await new PresenceFixture().open(command)).headers['Expires']).to.equal('3600');
    });

    it('subscription flood: 503 with Retry-After beyond the bound of a presentity, and beyond that of all', async () => {
      const presence = new PresenceFixture({
        subscriptions: 3,
        subscriptionsPerPresentity: 2,
        retryAfter: 9,
      });
      await presence.subscribed();
      const second = await presence.subscribed();
      const refused = await presence.open(subscribeOf());
      expect(refused.status).to.equal(503);
      expect(refused.headers).to.deep.equal({ 'Retry-After': '9' });
      await presence.subscribed({ presentity: BOB, watcher: BOB });
      const bobs = subscribeOf({ presentity: BOB, watcher: BOB });
      expect((await presence.open(bobs)).status).to.equal(503);
      presence.server.removeSubscription(second.id);
      expect((await presence.open(subscribeOf())).status).to.equal(200);
    });

    it('subscription flood: ends at once those that were judged together and are too many', async () => {
      const presence = new PresenceFixture({ subscriptionsPerPresentity: 1, retryAfter: 9 });
      expect((await presence.open(subscribeOf())).status).to.equal(200);
      expect((await presence.open(subscribeOf())).status).to.equal(200);
      const [one, two] = [new RecordedDialog('one'), new RecordedDialog('two')];
      presence.server.addSubscription(subscribeOf(), one, 600);
      presence.server.addSubscription(subscribeOf(), two, 600);
      await presence.clock.advance(0);
      expect(one.states).to.deep.equal(['active;expires=600']);
      expect(two.states).to.deep.equal(['terminated;reason=giveup;retry-after=9']);
      expect(two.dropped).to.equal(1);
    });
  });

  describe('notifies', () => {
    it('at once, though not before the caller has sent its 200, also when nothing was published', async () => {
      const presence = new PresenceFixture();
      const dialog = await presence.subscribe();
      await settle();
      expect(dialog.notifications).to.deep.equal([]);
      await presence.clock.advance(0);
      expect(dialog.notifications).to.deep.equal([
        {
          subscriptionState: 'active;expires=600',
          event: 'message-summary',
          contentType: 'application/simple-message-summary',
          body: 'Messages-Waiting: no\r\n',
        },
      ]);
    });

    it('with the account where nothing was published and the account is known', async () => {
      const presence = new PresenceFixture({}, { messageAccount: ACCOUNT });
      expect(await presence.fetch()).to.equal(`Messages-Waiting: no\r\nMessage-Account: ${ACCOUNT}\r\n`);
    });

    it('every change, to every subscription of the presentity and to no other', async () => {
      const presence = new PresenceFixture();
      const phones = [await presence.subscribed(), await presence.subscribed()];
      const bobs = await presence.subscribed({ presentity: BOB, watcher: BOB });
      await presence.clock.advance(5_000);
      await presence.published({ body: texts(1) });
      await presence.clock.advance(0);
      for (const phone of phones) {
        expect(phone.last?.body).to.equal(texts(1));
        expect(phone.last?.subscriptionState).to.equal('active;expires=595');
      }
      expect(bobs.notifications).to.have.length(1);
    });

    it('the neutral state in full, never an empty body, when the last publication lapses', async () => {
      const presence = new PresenceFixture();
      const phone = await presence.subscribed();
      await presence.published({ body: texts(2), expires: 60 });
      await presence.clock.advance(60_000);
      expect(phone.bodies).to.deep.equal(['Messages-Waiting: no\r\n', texts(2), texts(0)]);
    });

    it('nothing when a publication is refreshed or published again as it was', async () => {
      const presence = new PresenceFixture();
      const tag = await presence.published({ body: texts(1) });
      const phone = await presence.subscribed();
      const next = await presence.published({ entityTag: tag });
      await presence.published({ entityTag: next, body: texts(1) });
      await presence.clock.advance(10_000);
      expect(phone.notifications).to.have.length(1);
    });

    it('with the id of the SUBSCRIBE in Event', async () => {
      const phone = await new PresenceFixture().subscribed({ event: 'message-summary;id=7' });
      expect(phone.last?.event).to.equal('message-summary;id=7');
    });

    it('changes of one second in one NOTIFY that says the newest', async () => {
      const presence = new PresenceFixture();
      const phone = await presence.subscribed();
      let tag = await presence.published({ body: texts(1) });
      for (let count = 2; count <= 20; count++) {
        await presence.clock.advance(20);
        tag = await presence.published({ entityTag: tag, body: texts(count) });
      }
      await presence.clock.advance(1_000 - 19 * 20 - 1);
      expect(phone.notifications).to.have.length(1);
      await presence.clock.advance(1);
      expect(phone.bodies.slice(1)).to.deep.equal([texts(20)]);
      await presence.clock.advance(10_000);
      expect(phone.notifications).to.have.length(2);
    });

    it('one at a time: what changed while a NOTIFY was in flight follows it', async () => {
      const presence = new PresenceFixture();
      const phone = await presence.subscribe();
      phone.answer = 'held';
      await presence.clock.advance(0);
      const tag = await presence.published({ body: texts(1) });
      await presence.published({ entityTag: tag, body: texts(2) });
      await presence.clock.advance(5_000);
      expect(phone.notifications).to.have.length(1);
      phone.answer = 200;
      phone.release();
      await presence.clock.advance(0);
      expect(phone.bodies.slice(1)).to.deep.equal([texts(2)]);
      expect(phone.mostInFlight).to.equal(1);
    });

    it('nothing more when the state is back to what the phone confirmed', async () => {
      const presence = new PresenceFixture();
      const first = await presence.published({ body: texts(1) });
      const phone = await presence.subscribed();
      const second = await presence.published({ entityTag: first, body: texts(2) });
      await presence.published({ entityTag: second, body: texts(1) });
      await presence.clock.advance(10_000);
      expect(phone.bodies).to.deep.equal([texts(1)]);
    });

    it('again, at growing intervals, what was refused for the moment', async () => {
      const presence = new PresenceFixture({ notifyRetryDelay: { first: 2_000, longest: 5_000 } });
      const phone = await presence.subscribe();
      phone.answer = 500;
      await presence.clock.advance(0);
      expect(phone.notifications).to.have.length(1);
      await presence.clock.advance(1_999);
      expect(phone.notifications).to.have.length(1);
      await presence.clock.advance(1);
      expect(phone.notifications).to.have.length(2);
      await presence.clock.advance(4_000);
      expect(phone.notifications).to.have.length(3);
      await presence.clock.advance(5_000);
      expect(phone.notifications).to.have.length(4);
      phone.answer = 200;
      await presence.published({ body: texts(1) });
      await presence.clock.advance(60_000);
      expect(phone.bodies.slice(4)).to.deep.equal([texts(1)]);
    });

    it('also a state the phone once confirmed, when it refused another since', async () => {
      const presence = new PresenceFixture();
      const first = await presence.published({ body: texts(1) });
      const phone = await presence.subscribed();
      phone.answer = 503;
      const second = await presence.published({ entityTag: first, body: texts(2) });
      await presence.clock.advance(1_000);
      phone.answer = 200;
      await presence.published({ entityTag: second, body: texts(1) });
      await presence.clock.advance(10_000);
      expect(phone.bodies).to.deep.equal([texts(1), texts(2), texts(1)]);
    });
  });

  describe('refreshes', () => {
    it('with the lifetime granted, and a NOTIFY at once after the answer', async () => {
      const presence = new PresenceFixture();
      const phone = await presence.subscribed();
      await presence.clock.advance(500);
      const answer = await presence.refresh(phone.id, { expires: 120 });
      expect(answer).to.deep.equal({ status: 200, reason: 'OK', headers: { Expires: '120' } });
      expect(phone.notifications).to.have.length(1);
      await presence.clock.advance(0);
      expect(phone.states).to.deep.equal(['active;expires=600', 'active;expires=120']);
      expect(phone.bodies[1]).to.equal('Messages-Waiting: no\r\n');
    });

    it('so that the subscription lives on beyond its first lifetime', async () => {
      const presence = new PresenceFixture();
      const phone = await presence.subscribed();
      await presence.clock.advance(599_000);
      await presence.refresh(phone.id);
      await presence.clock.advance(599_000);
      expect(phone.states.at(-1)).to.equal('active;expires=600');
      await presence.clock.advance(1_000);
      expect(phone.states.at(-1)).to.equal('terminated;reason=timeout');
    });

    it('not with another event or id, too brief a lifetime, or in an unknown dialog', async () => {
      const presence = new PresenceFixture();
      const phone = await presence.subscribed({ event: 'message-summary;id=7' });
      const refresh = async (id: string, parts: Partial<SubscribeCommand>): Promise<number> =>
        (await presence.refresh(id, parts)).status;
      expect(await refresh(phone.id, { event: 'presence' })).to.equal(489);
      expect(await refresh(phone.id, { event: 'message-summary' })).to.equal(481);
      expect(await refresh(phone.id, { event: 'message-summary;id=7', expires: 5 })).to.equal(423);
      expect(await refresh('nobody', { event: 'message-summary;id=7' })).to.equal(481);
      expect(await refresh(phone.id, { event: 'message-summary;id=7' })).to.equal(200);
    });
  });

  describe('ends a subscription', () => {
    const nothingLeft = async (presence: PresenceFixture, phone: RecordedDialog): Promise<void> => {
      const sent = phone.notifications.length;
      const answer = await presence.refresh(phone.id);
      expect(answer.status).to.equal(481);
      await presence.publish({ body: texts(9), expires: 60 });
      await presence.clock.advance(60_000);
      expect(phone.notifications).to.have.length(sent);
      expect(presence.clock.pendingTimers).to.equal(0);
    };

    it('of a fetch with one NOTIFY that carries the state', async () => {
      const presence = new PresenceFixture();
      const tag = await presence.published({ body: texts(1) });
      const phone = await presence.subscribed({ expires: 0 });
      expect(phone.states).to.deep.equal(['terminated;reason=timeout']);
      expect(phone.bodies).to.deep.equal([texts(1)]);
      expect(phone.dropped).to.equal(1);
      await presence.published({ entityTag: tag, expires: 0 });
      await nothingLeft(presence, phone);
    });

    it('that is unsubscribed, with a last NOTIFY that carries the state', async () => {
      const presence = new PresenceFixture();
      const phone = await presence.subscribed();
      const answer = await presence.refresh(phone.id, { expires: 0 });
      expect(answer.headers).to.deep.equal({ Expires: '0' });
      await presence.clock.advance(0);
      expect(phone.states.at(-1)).to.equal('terminated;reason=timeout');
      expect(phone.bodies.at(-1)).to.equal('Messages-Waiting: no\r\n');
      expect(phone.dropped).to.equal(1);
      await nothingLeft(presence, phone);
    });

    it('that expires', async () => {
      const presence = new PresenceFixture();
      const phone = await presence.subscribed({ expires: 60 });
      await presence.clock.advance(59_999);
      expect(phone.notifications).to.have.length(1);
      await presence.clock.advance(1);
      expect(phone.states.at(-1)).to.equal('terminated;reason=timeout');
      expect(phone.dropped).to.equal(1);
      await nothingLeft(presence, phone);
    });

    it('that expires while a NOTIFY is in flight, after that was answered', async () => {
      const presence = new PresenceFixture();
      const phone = await presence.subscribe({ expires: 60 });
      phone.answer = 'held';
      await presence.clock.advance(60_000);
      expect(phone.notifications).to.have.length(1);
      phone.answer = 200;
      phone.release();
      await presence.clock.advance(0);
      expect(phone.states).to.deep.equal(['active;expires=60', 'terminated;reason=timeout']);
      await nothingLeft(presence, phone);
    });

    for (const status of [404, 410, 481, 489, 408, 0]) {
      it(`whose NOTIFY was answered ${status === 0 ? 'not at all' : status}`, async () => {
        const presence = new PresenceFixture();
        const phone = await presence.subscribe();
        phone.answer = status;
        await presence.clock.advance(0);
        expect(phone.dropped).to.equal(1);
        await nothingLeft(presence, phone);
      });
    }

    it('whose last NOTIFY is refused all the same, once', async () => {
      const presence = new PresenceFixture();
      const phone = await presence.subscribe({ expires: 0 });
      phone.answer = 500;
      await presence.clock.advance(0);
      expect(phone.dropped).to.equal(1);
      await nothingLeft(presence, phone);
    });

    it('whose dialog is gone, without a word', async () => {
      const presence = new PresenceFixture();
      const phone = await presence.subscribed();
      presence.server.removeSubscription(phone.id);
      presence.server.removeSubscription(phone.id);
      expect(phone.dropped).to.equal(0);
      await nothingLeft(presence, phone);
    });

    it('whose dialog went while a NOTIFY was in flight', async () => {
      const presence = new PresenceFixture();
      const phone = await presence.subscribe();
      phone.answer = 'held';
      await presence.clock.advance(0);
      presence.server.removeSubscription(phone.id);
      phone.release();
      await nothingLeft(presence, phone);
    });

    it('that a new one in the same dialog replaces', async () => {
      const presence = new PresenceFixture();
      const phone = await presence.subscribed();
      presence.server.addSubscription(subscribeOf({ expires: 120 }), phone, 120);
      await presence.clock.advance(0);
      expect(phone.states).to.deep.equal(['active;expires=600', 'active;expires=120']);
      await presence.published({ body: texts(1) });
      await presence.clock.advance(1_000);
      expect(phone.notifications).to.have.length(3);
    });
  });

  describe('stops', () => {
    it('without a word, for its subscriptions go on with the next start, and leaves no timer', async () => {
      const presence = new PresenceFixture();
      const [phone, slow] = [await presence.subscribed(), await presence.subscribe()];
      slow.answer = 'held';
      await presence.clock.advance(0);
      await presence.server.stop();
      slow.release();
      await settle();
      await presence.clock.advance(10_000);
      expect([phone, slow].map(({ states }) => states)).to.deep.equal([
        ['active;expires=600'],
        ['active;expires=600'],
      ]);
      expect([...presence.store.keptSubscriptions.keys()]).to.deep.equal([phone.id, slow.id]);
      expect(presence.clock.pendingTimers).to.equal(0);
    });

    it('and takes no subscription after', async () => {
      const presence = new PresenceFixture();
      await presence.server.stop();
      const refused = await presence.open(subscribeOf());
      expect(refused.status).to.equal(503);
      expect(refused.headers).to.have.property('Retry-After');
      const late = new RecordedDialog();
      presence.server.addSubscription(subscribeOf({ watcher: ALICE }), late, 600);
      await presence.clock.advance(1_000);
      expect(late.notifications).to.deep.equal([]);
      expect(late.dropped).to.equal(1);
    });
  });
});
