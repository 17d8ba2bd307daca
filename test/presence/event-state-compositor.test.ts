import { expect } from 'chai';
import type { PublishCommand } from '../../src/presence/ports.ts';
import { ACCOUNT, BOB, PresenceFixture, texts } from './presence-fixture.ts';

describe('the event state compositor', () => {
  describe('accepts', () => {
    it('an initial PUBLISH with 200, an entity tag and the lifetime granted', async () => {
      const answer = await new PresenceFixture().publish({ body: texts(1), expires: 120 });
      expect(answer.status).to.equal(200);
      expect(answer.headers['SIP-ETag']).to.match(/^[0-9a-f]{24}$/);
      expect(answer.headers['Expires']).to.equal('120');
    });

    it('a PUBLISH without Expires for an hour, and shortens one that asks for more than a day', async () => {
      const presence = new PresenceFixture();
      expect((await presence.server.publish(unhurried(1))).headers['Expires']).to.equal('3600');
      expect((await presence.publish({ ...unhurried(1), expires: 2 ** 31 - 1 })).headers['Expires']).to.equal(
        '86400',
      );
    });

    it('a refresh without body: a new tag and the same state', async () => {
      const presence = new PresenceFixture();
      const tag = await presence.published({ body: texts(1), expires: 60 });
      await presence.clock.advance(59_000);
      const next = await presence.published({ entityTag: tag, expires: 60 });
      expect(next).not.to.equal(tag);
      await presence.clock.advance(59_000);
      expect(await presence.fetch()).to.equal(texts(1));
    });

    it('a modify: a new tag and the new state', async () => {
      const presence = new PresenceFixture();
      const tag = await presence.published({ body: texts(1) });
      expect(await presence.published({ entityTag: tag, body: texts(2) })).not.to.equal(tag);
      expect(await presence.fetch()).to.equal(texts(2));
    });

    it('a removal with Expires: 0, after which the state is neutral and in full', async () => {
      const presence = new PresenceFixture();
      const tag = await presence.published({ body: texts(1) });
      const answer = await presence.publish({ entityTag: tag, expires: 0 });
      expect(answer.status).to.equal(200);
      expect(answer.headers['Expires']).to.equal('0');
      expect(answer.headers['SIP-ETag']).to.be.a('string');
      expect(await presence.fetch()).to.equal(texts(0));
    });

    it('an initial PUBLISH with Expires: 0, which leaves nothing behind', async () => {
      const presence = new PresenceFixture();
      expect((await presence.publish({ body: texts(1), expires: 0 })).status).to.equal(200);
      expect(await presence.fetch()).to.equal('Messages-Waiting: no\r\n');
      await presence.clock.advance(0);
      expect(presence.clock.pendingTimers).to.equal(0);
    });

    it('a Content-Type in any case and with parameters', async () => {
      const contentType = 'Application/Simple-Message-Summary;charset=us-ascii';
      expect((await new PresenceFixture().publish({ body: texts(1), contentType })).status).to.equal(200);
    });

    it('never gives one tag twice', async () => {
      const presence = new PresenceFixture();
      const tags = [await presence.published({ body: texts(1) })];
      for (let count = 0; count < 50; count++) {
        tags.push(
          await presence.published({
            entityTag: tags.at(-1) ?? '',
            ...(count % 2 ? { body: texts(count) } : {}),
          }),
        );
      }
      expect(new Set(tags).size).to.equal(tags.length);
    });
  });

  describe('refuses', () => {
    const refusals: [string, Partial<PublishCommand>, number, Record<string, string>][] = [
      [
        'another event with 489',
        { event: 'presence', body: texts(1) },
        489,
        { 'Allow-Events': 'message-summary' },
      ],
      [
        'a PUBLISH without Event with 489',
        { event: '', body: texts(1) },
        489,
        { 'Allow-Events': 'message-summary' },
      ],
      ['an unknown tag with 412', { entityTag: 'never-given', body: texts(1) }, 412, {}],
      ['an empty tag with 412', { entityTag: '', body: texts(1) }, 412, {}],
      ['any tag (*) with 412', { entityTag: '*', body: texts(1) }, 412, {}],
      ['too brief a lifetime with 423', { body: texts(1), expires: 59 }, 423, { 'Min-Expires': '60' }],
      ['an initial PUBLISH without body with 400', {}, 400, {}],
      ['an initial PUBLISH with an empty body with 400', { body: '' }, 400, {}],
      ['a body that is no summary with 400', { body: 'Messages-Waiting: maybe\r\n' }, 400, {}],
      [
        'another body type with 415',
        { body: '<presence/>', contentType: 'application/pidf+xml' },
        415,
        { Accept: 'application/simple-message-summary' },
      ],
    ];
    for (const [what, command, status, headers] of refusals) {
      it(what, async () => {
        const answer = await new PresenceFixture().publish(command);
        expect(answer.status).to.equal(status);
        expect(answer.headers).to.deep.equal(headers);
      });
    }

    it('a body without Content-Type with 415', async () => {
      const untyped = { presentity: BOB, event: 'message-summary', body: texts(1) };
      expect((await new PresenceFixture().server.publish(untyped)).status).to.equal(415);
    });

    it('a tag that a later 200 replaced, that was removed, or that lapsed, with 412', async () => {
      const presence = new PresenceFixture();
      const replaced = await presence.published({ body: texts(1), expires: 60 });
      const current = await presence.published({ entityTag: replaced, expires: 60 });
      expect((await presence.publish({ entityTag: replaced })).status).to.equal(412);
      await presence.clock.advance(60_000);
      expect((await presence.publish({ entityTag: current })).status).to.equal(412);
      const removed = await presence.published({ body: texts(1) });
      const last = await presence.published({ entityTag: removed, expires: 0 });
      expect((await presence.publish({ entityTag: removed })).status).to.equal(412);
      expect((await presence.publish({ entityTag: last })).status).to.equal(412);
    });

    it('foreign state: the tag of another presentity with 412', async () => {
      const presence = new PresenceFixture();
      const tag = await presence.published({ body: texts(1) });
      expect((await presence.publish({ presentity: BOB, entityTag: tag, expires: 0 })).status).to.equal(412);
      expect((await presence.publish({ entityTag: tag })).status).to.equal(200);
    });

    it('a faulty modify and keeps the state and the tag that were', async () => {
      const presence = new PresenceFixture();
      const tag = await presence.published({ body: texts(1), expires: 60 });
      expect((await presence.publish({ entityTag: tag, body: 'nonsense', expires: 60 })).status).to.equal(
        400,
      );
      expect((await presence.publish({ entityTag: tag, body: texts(2), expires: 1 })).status).to.equal(423);
      expect(await presence.fetch()).to.equal(texts(1));
      expect((await presence.publish({ entityTag: tag, body: texts(2) })).status).to.equal(200);
    });

    it('memory exhaustion: a body over the limit with 413, and takes one at the limit', async () => {
      const presence = new PresenceFixture({ bodyBytes: 200 });
      const padded = (bytes: number): string => {
        const start = `${texts(1)}\r\nSubject: `;
        return `${start}${'x'.repeat(bytes - start.length - 2)}\r\n`;
      };
      expect((await presence.publish({ body: padded(201) })).status).to.equal(413);
      expect((await presence.publish({ body: padded(200) })).status).to.equal(200);
    });

    it('with 413 a publication that would make the merged body too long', async () => {
      const presence = new PresenceFixture({ bodyBytes: 200 });
      const block = `\r\nSubject: ${'x'.repeat(80)}\r\n`;
      const body = (name: string): string => texts(1, 0, `sip:${name}@example.test`) + block;
      await presence.published({ body: body('one') });
      expect((await presence.publish({ body: body('two') })).status).to.equal(413);
      expect((await presence.publish({ body: texts(1, 0, 'sip:two@example.test') })).status).to.equal(200);
    });

    it('memory exhaustion: one publication too many of a presentity, and one too many in all, with 503', async () => {
      const presence = new PresenceFixture({ publications: 3, publicationsPerPresentity: 2, retryAfter: 7 });
      await presence.published({ body: texts(1) });
      const tag = await presence.published({ body: texts(1) });
      const refused = await presence.publish({ body: texts(1) });
      expect(refused.status).to.equal(503);
      expect(refused.headers).to.deep.equal({ 'Retry-After': '7' });
      await presence.published({ presentity: BOB, body: texts(1) });
      expect((await presence.publish({ presentity: BOB, body: texts(1) })).status).to.equal(503);
      expect((await presence.publish({ entityTag: tag, body: texts(2) })).status, 'a modify').to.equal(200);
    });

    it('nothing any longer once a publication made room', async () => {
      const presence = new PresenceFixture({ publications: 1 });
      const tag = await presence.published({ body: texts(1), expires: 60 });
      await presence.published({ entityTag: tag, expires: 0 });
      await presence.published({ body: texts(1), expires: 60 });
      expect((await presence.publish({ presentity: BOB, body: texts(1) })).status).to.equal(503);
      await presence.clock.advance(60_000);
      expect((await presence.publish({ presentity: BOB, body: texts(1) })).status).to.equal(200);
    });
  });

  it('lets a publication lapse to the second, and says the neutral state in full', async () => {
    const presence = new PresenceFixture();
    await presence.published({ body: texts(2), expires: 60 });
    await presence.clock.advance(59_999);
    expect(await presence.fetch()).to.equal(texts(2));
    await presence.clock.advance(1);
    expect(await presence.fetch()).to.equal(texts(0));
  });

  it('says what the other publications say after one lapsed', async () => {
    const presence = new PresenceFixture();
    const voice = 'Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n';
    await presence.published({ body: texts(2), expires: 60 });
    await presence.published({ body: voice, expires: 600 });
    await presence.clock.advance(60_000);
    expect(await presence.fetch()).to.equal(voice);
  });

  it('lights no lamp from a publication whose publisher lost the tag and published anew', async () => {
    const presence = new PresenceFixture();
    await presence.published({ body: texts(2) });
    const tag = await presence.published({ body: texts(2) });
    await presence.published({ entityTag: tag, body: texts(0, 2) });
    expect(await presence.fetch()).to.equal(texts(0, 2));
  });

  it('does not let a refresh of an old publication outdo a newer one', async () => {
    const presence = new PresenceFixture();
    const old = await presence.published({ body: texts(2) });
    await presence.published({ body: texts(0, 2) });
    await presence.published({ entityTag: old });
    expect(await presence.fetch()).to.equal(texts(0, 2));
  });

  it('keeps presentities apart', async () => {
    const presence = new PresenceFixture();
    await presence.published({ presentity: BOB, body: texts(5) });
    expect(await presence.fetch()).to.equal('Messages-Waiting: no\r\n');
  });

  it('forgets the oldest cleared state beyond the limit, and then still says that nothing waits', async () => {
    const presence = new PresenceFixture({ rememberedStates: 1 }, { messageAccount: ACCOUNT });
    for (const presentity of [undefined, BOB]) {
      const whose = presentity === undefined ? {} : { presentity };
      const tag = await presence.published({ ...whose, body: texts(1) });
      await presence.published({ ...whose, entityTag: tag, expires: 0 });
    }
    expect(await presence.fetch()).to.equal(`Messages-Waiting: no\r\nMessage-Account: ${ACCOUNT}\r\n`);
  });

  it('leaves no timer behind when it stops, and takes nothing after', async () => {
    const presence = new PresenceFixture();
    const tag = await presence.published({ body: texts(1) });
    await presence.published({ entityTag: tag });
    await presence.server.stop();
    expect(presence.clock.pendingTimers).to.equal(0);
    const refused = await presence.publish({ body: texts(1) });
    expect(refused.status).to.equal(503);
    expect(refused.headers).to.have.property('Retry-After');
  });
});

/** A PUBLISH that names no lifetime. */
function unhurried(fresh: number): PublishCommand {
  return {
    presentity: BOB,
    event: 'message-summary',
    contentType: 'application/simple-message-summary',
    body: texts(fresh),
  };
}
