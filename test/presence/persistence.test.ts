import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { Answer } from '../../src/presence/ports.ts';
import { settle } from '../doubles/fake-clock.ts';
import { MemoryPresenceStore } from '../doubles/memory-presence-store.ts';
import { ACCOUNT, ALICE, BOB, PresenceFixture, publishOf, subscribeOf, texts } from './presence-fixture.ts';
import type { RecordedDialog } from './recorded-dialog.ts';

const REPLIED = 2_000;

describe('what the presence server keeps', () => {
  let presence: PresenceFixture;
  let store: MemoryPresenceStore;

  beforeEach(() => {
    presence = new PresenceFixture({ retryAfter: 9 }, { messageAccount: ACCOUNT });
    ({ store } = presence);
  });

  afterEach(async () => {
    await presence.server.stop();
    expect(presence.clock.pendingTimers).to.equal(0);
  });

  /** Whether it is answered before what is being kept is kept. */
  async function answeredWhileHeld(answer: Promise<Answer>): Promise<boolean> {
    let answered = false;
    void answer.then(() => (answered = true));
    await settle();
    return answered;
  }

  describe('of a publication', () => {
    it('is committed before its 200 leaves, and before anybody is told', async () => {
      const phone = await presence.subscribed();
      store.hold();
      const answer = presence.publish({ body: texts(1) });
      expect(await answeredWhileHeld(answer)).to.equal(false);
      await presence.clock.advance(5_000);
      expect(phone.bodies).to.have.length(1);
      store.release();
      expect((await answer).status).to.equal(200);
      await presence.clock.advance(0);
      expect(phone.last?.body).to.equal(texts(1));
    });

    it('is there after a restart with its tag, its state and its end', async () => {
      const tag = await presence.published({ body: texts(1), expires: 120 });
      await presence.restart(60_000);
      expect(await presence.fetch()).to.equal(texts(1));
      await presence.clock.advance(59_000);
      expect((await presence.publish({ entityTag: tag, expires: 120 })).status).to.equal(200);
      await presence.restart();
      expect((await presence.publish({ entityTag: tag })).status, 'a tag is good once').to.equal(412);
      await presence.clock.advance(120_000);
      expect(await presence.fetch()).to.equal(texts(0));
      expect(store.keptPublications.size).to.equal(0);
    });

    it('is the newest body of a modify, and the order of bodies among several', async () => {
      const old = await presence.published({ body: texts(1) });
      await presence.published({ body: texts(2) });
      await presence.published({ entityTag: old, body: texts(3) });
      await presence.restart();
      expect(await presence.fetch()).to.equal(texts(3));
      const refreshed = [...store.keptPublications.values()].find(({ body }) => body === texts(2));
      await presence.published({ entityTag: refreshed?.entityTag ?? '' });
      await presence.restart();
      expect(await presence.fetch(), 'a refresh is no newer body').to.equal(texts(3));
    });

    it('is nothing once it was removed', async () => {
      const tag = await presence.published({ body: texts(1) });
      await presence.published({ entityTag: tag, expires: 0 });
      await presence.restart();
      expect((await presence.publish({ entityTag: tag })).status).to.equal(412);
      expect(store.keptPublications.size).to.equal(0);
    });

    it('reads as cleared, class by class, when it lapsed while nobody served', async () => {
      await presence.published({ body: texts(2), expires: 60 });
      const phone = await presence.subscribed();
      await presence.restart(61_000);
      expect(store.keptPublications.size).to.equal(0);
      await presence.clock.advance(REPLIED);
      expect(phone.last?.body).to.equal(texts(0));
    });

    it('counts for the bounds', async () => {
      presence = new PresenceFixture({ publications: 2, publicationsPerPresentity: 1 }, { store });
      await presence.published({ body: texts(1) });
      await presence.restart();
      expect((await presence.publish({ body: texts(1) })).status).to.equal(503);
      await presence.published({ presentity: BOB, body: texts(1) });
      await presence.restart();
      const carol = AddressOfRecord.parse('sip:carol@example.test');
      expect((await presence.publish({ presentity: carol, body: texts(1) })).status).to.equal(503);
    });

    it('does not let more in than the bound while they are being kept', async () => {
      presence = new PresenceFixture({ publications: 1 }, { store });
      store.hold();
      const both = [
        presence.publish({ body: texts(1) }),
        presence.publish({ presentity: BOB, body: texts(1) }),
      ];
      await settle();
      store.release();
      expect((await Promise.all(both)).map(({ status }) => status)).to.deep.equal([200, 503]);
    });

    it('that is not readable any more, or of a package not served, is left alone', async () => {
      await presence.published({ body: texts(1) });
      const [kept] = store.keptPublications.values();
      if (kept === undefined) throw new Error('nothing was kept');
      store.keptPublications.set('odd', { ...kept, id: 'odd', entityTag: 'odd', body: 'hello' });
      store.keptPublications.set('other', { ...kept, id: 'other', entityTag: 'other', event: 'dialog' });
      await presence.restart();
      expect(await presence.fetch()).to.equal(texts(1));
    });
  });

  describe('while it cannot be kept', () => {
    it('a PUBLISH gets 503 with Retry-After and changes nothing', async () => {
      const tag = await presence.published({ body: texts(1) });
      const phone = await presence.subscribed();
      store.state = 'down';
      for (const parts of [
        { body: texts(9, 0, 'sip:vm@example.test') },
        { entityTag: tag, body: texts(9) },
        { entityTag: tag },
        { entityTag: tag, expires: 0 },
      ]) {
        const refused = await presence.publish(parts);
        expect(refused.status).to.equal(503);
        expect(refused.headers).to.deep.equal({ 'Retry-After': '9' });
      }
      await presence.clock.advance(5_000);
      expect(phone.bodies).to.deep.equal([texts(1)]);
      store.state = 'up';
      expect((await presence.publish({ entityTag: tag, body: texts(2) })).status).to.equal(200);
    });

    it('a publication whose fate is unknown is what it was, after a restart too', async () => {
      const tag = await presence.published({ body: texts(1) });
      store.state = 'lost';
      const lost = presence.publish({ entityTag: tag, body: texts(9) });
      const first = presence.publish({ presentity: BOB, body: texts(9) });
      expect([(await lost).status, (await first).status]).to.deep.equal([503, 503]);
      await settle();
      store.state = 'up';
      await presence.restart();
      expect(await presence.fetch()).to.equal(texts(1));
      expect((await presence.publish({ entityTag: tag, body: texts(2) })).status).to.equal(200);
      expect(store.keptPublications.size).to.equal(1);
    });

    it('a publication lapses all the same', async () => {
      await presence.published({ body: texts(1), expires: 60 });
      store.state = 'down';
      await presence.clock.advance(60_000);
      expect(await presence.fetch()).to.equal(texts(0));
      store.state = 'up';
      await presence.restart();
      expect(await presence.fetch()).to.equal(texts(0));
    });

    it('a SUBSCRIBE gets 503 with Retry-After, and so does a refresh, which changes nothing', async () => {
      const phone = await presence.subscribed({ expires: 120 });
      store.state = 'down';
      for (const refused of [await presence.open(subscribeOf()), await presence.refresh(phone.id)]) {
        expect(refused.status).to.equal(503);
        expect(refused.headers).to.deep.equal({ 'Retry-After': '9' });
      }
      store.state = 'up';
      await presence.clock.advance(119_000);
      expect(phone.states).to.deep.equal(['active;expires=120']);
      await presence.clock.advance(1_000);
      expect(phone.states.at(-1)).to.equal('terminated;reason=timeout');
    });

    it('a fetch and the end of a subscription are served: nothing of them is kept', async () => {
      const phone = await presence.subscribed();
      store.state = 'down';
      expect(await presence.fetch()).to.equal(`Messages-Waiting: no\r\nMessage-Account: ${ACCOUNT}\r\n`);
      expect((await presence.refresh(phone.id, { expires: 0 })).status).to.equal(200);
      await presence.clock.advance(0);
      expect(phone.states.at(-1)).to.equal('terminated;reason=timeout');
    });
  });

  describe('of one presentity is done in order', () => {
    it('two PUBLISHes with one tag: the first counts, the second gets 412', async () => {
      const tag = await presence.published({ body: texts(1) });
      store.hold();
      const both = [2, 3].map((fresh) => presence.publish({ entityTag: tag, body: texts(fresh) }));
      await settle();
      store.release();
      expect((await Promise.all(both)).map(({ status }) => status)).to.deep.equal([200, 412]);
      expect(await presence.fetch()).to.equal(texts(2));
    });

    it('a PUBLISH of another presentity does not wait', async () => {
      const order: string[] = [];
      const asked = [ALICE, ALICE, BOB].map(async (presentity, index) => {
        await presence.publish({ presentity, body: texts(index + 1) });
        order.push(`${presentity.user} ${index}`);
      });
      await Promise.all(asked);
      expect(order.indexOf('bob 2')).to.be.lessThan(order.indexOf('alice 1'));
    });

    it('a lapse that comes while a refresh is being kept does not undo it', async () => {
      const tag = await presence.published({ body: texts(1), expires: 60 });
      await presence.clock.advance(59_000);
      store.hold();
      const refresh = presence.publish({ entityTag: tag, expires: 60 });
      await presence.clock.advance(5_000);
      store.release();
      expect((await refresh).status).to.equal(200);
      await settle();
      expect(await presence.fetch()).to.equal(texts(1));
    });

    it('a lapse that comes while a refresh fails to be kept counts', async () => {
      const tag = await presence.published({ body: texts(1), expires: 60 });
      await presence.clock.advance(59_000);
      store.state = 'down';
      store.hold();
      const refresh = presence.publish({ entityTag: tag, expires: 60 });
      await presence.clock.advance(5_000);
      store.release();
      expect((await refresh).status).to.equal(503);
      await settle();
      expect(await presence.fetch()).to.equal(texts(0));
    });

    it('a PUBLISH that is being kept as the server stops is there at the next start', async () => {
      store.hold();
      const answer = presence.publish({ body: texts(1) });
      await settle();
      const restarted = presence.restart();
      store.release();
      expect((await answer).status).to.equal(200);
      await restarted;
      await presence.restart();
      expect(await presence.fetch()).to.equal(texts(1));
    });
  });

  describe('of a subscription', () => {
    it('is committed before its 200 leaves', async () => {
      store.hold();
      const opening = presence.open(subscribeOf(), 'one');
      expect(await answeredWhileHeld(opening)).to.equal(false);
      store.release();
      expect((await opening).status).to.equal(200);
      presence.server.removeSubscription('one');
      await settle();
      expect(store.keptSubscriptions.size, 'its 2xx could not be sent').to.equal(0);
    });

    it('lets it go on: told once, then of every change, refreshed, and ended in time', async () => {
      const phone = await presence.subscribed({ event: 'message-summary;id=7', expires: 600 });
      await presence.restart(60_000);
      await presence.clock.advance(0);
      expect(phone.notifications).to.have.length(1);
      await presence.clock.advance(REPLIED);
      expect(phone.states).to.have.length(2);
      expect(phone.states[1]).to.match(/^active;expires=53[89]$/);
      expect(phone.last?.event).to.equal('message-summary;id=7');
      await presence.published({ body: texts(1) });
      await presence.clock.advance(1_000);
      expect(phone.last?.body).to.equal(texts(1));
      const refresh = { event: 'message-summary;id=7', expires: 120 };
      expect((await presence.refresh(phone.id, refresh)).status).to.equal(200);
      await presence.clock.advance(0);
      expect(phone.states.at(-1)).to.equal('active;expires=120');
      await presence.restart(119_000);
      await presence.clock.advance(REPLIED);
      expect(phone.states.at(-1)).to.equal('terminated;reason=timeout');
      expect(phone.dropped).to.equal(1);
      expect(store.keptSubscriptions.size).to.equal(0);
    });

    it('tells a change at once after a restart, and not twice', async () => {
      const phone = await presence.subscribed();
      await presence.restart();
      await presence.published({ body: texts(1) });
      await presence.clock.advance(0);
      expect(phone.last?.body).to.equal(texts(1));
      await presence.clock.advance(10_000);
      expect(phone.notifications).to.have.length(2);
    });

    it('is nothing once it ended: unsubscribed, refused by the phone, expired, or dialog gone', async () => {
      const [unsubscribed, refusing, gone] = [
        await presence.subscribed(),
        await presence.subscribed(),
        await presence.subscribed(),
      ];
      const expiring = await presence.subscribed({ expires: 60 });
      expect((await presence.refresh(unsubscribed.id, { expires: 0 })).status).to.equal(200);
      refusing.answer = 481;
      await presence.published({ body: texts(1) });
      presence.server.removeSubscription(gone.id);
      await presence.clock.advance(1_000);
      expect([...store.keptSubscriptions.keys()]).to.deep.equal([expiring.id]);
      const sent = [unsubscribed, refusing, gone, expiring].map(({ notifications }) => notifications.length);
      await presence.restart(60_000);
      expect(store.keptSubscriptions.size).to.equal(0);
      await presence.clock.advance(REPLIED);
      expect(
        [unsubscribed, refusing, gone, expiring].map(({ notifications }) => notifications.length),
      ).to.deep.equal(sent);
      expect((await presence.refresh(expiring.id)).status).to.equal(481);
    });

    it('is nothing of a fetch', async () => {
      await presence.fetch();
      expect(store.writes).to.equal(0);
      expect(store.keptSubscriptions.size).to.equal(0);
    });

    it('is what the refresh said last of the dialog', async () => {
      const phone = await presence.subscribed();
      const moved = { event: 'message-summary', expires: 600, dialog: 'elsewhere' };
      await presence.server.refreshSubscription(phone.id, moved);
      expect(store.keptSubscriptions.get(phone.id)?.dialog).to.equal('elsewhere');
    });

    it('is forgotten again when it ended while the refresh was being kept', async () => {
      const phone = await presence.subscribed({ expires: 60 });
      await presence.clock.advance(59_000);
      store.hold();
      const refresh = presence.refresh(phone.id);
      await presence.clock.advance(2_000);
      expect(phone.states.at(-1)).to.equal('terminated;reason=timeout');
      store.release();
      expect((await refresh).status).to.equal(481);
      await settle();
      expect(store.keptSubscriptions.size).to.equal(0);
    });

    it('is what a refresh made of it that was being kept as the server stopped', async () => {
      const phone = await presence.subscribed({ expires: 60 });
      store.hold();
      const refresh = presence.refresh(phone.id, { expires: 600 });
      await settle();
      await presence.server.stop();
      store.release();
      expect((await refresh).status).to.equal(200);
      await presence.restart(61_000);
      await presence.clock.advance(REPLIED);
      expect(phone.states.at(-1)).to.match(/^active;expires=53\d$/);
    });

    it('counts for the bounds', async () => {
      presence = new PresenceFixture({ subscriptionsPerPresentity: 1 }, { store });
      await presence.subscribed();
      await presence.restart();
      expect((await presence.open(subscribeOf())).status).to.equal(503);
    });

    it('that cannot be read any more is left out', async () => {
      const [lost, well] = [await presence.subscribed(), await presence.subscribed()];
      presence.dialogs.delete(lost.id);
      await presence.restart();
      await presence.clock.advance(REPLIED);
      expect([lost, well].map(({ notifications }) => notifications.length)).to.deep.equal([1, 2]);
    });
  });

  it('thundering herd: after a restart subscribers are told little by little', async () => {
    presence = new PresenceFixture({ catchUp: { delay: 1_000, batch: 10, pause: 100 } }, { store });
    const phones: RecordedDialog[] = [];
    for (let count = 0; count < 15; count++) phones.push(await presence.subscribed());
    await presence.restart();
    const told = (): number => phones.filter(({ notifications }) => notifications.length === 2).length;
    await presence.clock.advance(999);
    expect(told()).to.equal(0);
    await presence.clock.advance(1);
    expect(told()).to.equal(10);
    await presence.clock.advance(100);
    expect(told()).to.equal(15);
  });

  it('and nothing else is what another server finds', async () => {
    await presence.server.publish(publishOf({ body: texts(1) }));
    await presence.subscribed();
    const other = new PresenceFixture({}, { store: new MemoryPresenceStore() });
    await other.restart();
    expect(await other.fetch()).to.equal('Messages-Waiting: no\r\n');
    await other.server.stop();
  });
});
