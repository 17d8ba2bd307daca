import { expect } from 'chai';
import type { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
import type { Registration } from '../../src/mailbox/push/ports.ts';
import type { Incoming } from '../../src/sip/agent.ts';
import type { HeaderMap } from '../../src/sip/drachtio.ts';
import { SipRefusal } from '../../src/sip/refusal.ts';
import { registerRoute } from '../../src/sip/register-route.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { sipRequest } from '../doubles/sip-request.ts';

interface Answer {
  readonly status: number;
  readonly headers: HeaderMap;
}

describe('a REGISTER that is passed on', () => {
  const clock = new FakeClock();
  let online: Registration[];
  let offline: string[];
  let left: (string | undefined)[];
  let isDown: boolean;

  beforeEach(() => {
    online = [];
    offline = [];
    left = [];
    isDown = false;
  });

  const users = {
    online: (registration: Registration): Promise<void> => {
      if (isDown) return Promise.reject(new StoreUnavailable('keep it'));
      online.push(registration);
      return Promise.resolve();
    },
    offline: (user: AddressOfRecord, name?: string): Promise<void> => {
      offline.push(user.toString());
      left.push(name);
      return Promise.resolve();
    },
  };

  async function register(headers: Record<string, string>, source = '127.0.0.1'): Promise<Answer> {
    const request = sipRequest({
      method: 'REGISTER',
      uri: 'sip:example.test',
      source,
      headers: {
        From: '<sip:alice@example.test>;tag=1',
        To: '<sip:alice@example.test>',
        'Call-ID': 'phone-1',
        ...headers,
      },
    });
    const answers: Answer[] = [];
    const response = {
      send: (status: number, _reason: string, options: { headers?: HeaderMap }) =>
        answers.push({ status, headers: options.headers ?? {} }),
    };
    const route = registerRoute({
      users,
      domains: new Set(['example.test']),
      trustedProxies: { trusts: (address) => address === '127.0.0.1' },
      clock,
    });
    try {
      await route({ request, response } as unknown as Incoming);
    } catch (error) {
      if (!(error instanceof SipRefusal)) throw error;
      answers.push({ status: error.status, headers: error.headers });
    }
    expect(answers).to.have.length(1);
    return answers[0] ?? { status: 0, headers: {} };
  }

  /** What was learnt of the only user who came online. */
  function learnt(): Registration & { readonly seconds: number } {
    const [registration] = online;
    if (registration === undefined || online.length > 1) throw new Error(`${online.length} came online`);
    expect(registration.user.toString()).to.equal('sip:alice@example.test');
    return { ...registration, seconds: (registration.until - clock.now()) / 1000 };
  }

  const PHONE = '<sip:alice@10.0.0.9:5060>';

  it('tells that its user is online, for how long, and by which hop she is reached', async () => {
    const { status, headers } = await register({ Contact: `${PHONE};expires=600` });
    expect(status).to.equal(200);
    expect(headers).to.deep.equal({ Contact: `${PHONE};expires=600`, Expires: '600' });
    expect(learnt()).to.deep.include({
      seconds: 600,
      methods: null,
      hop: 'sip:127.0.0.1:5060;transport=udp',
    });
  });

  it('lasts as Expires says where its Contact does not, and an hour where nothing does', async () => {
    await register({ Contact: PHONE, Expires: '120' });
    expect(learnt().seconds).to.equal(120);
    online = [];
    await register({ Contact: PHONE });
    expect(learnt().seconds).to.equal(3600);
    online = [];
    await register({ Contact: PHONE, Expires: 'soon' });
    expect(learnt().seconds).to.equal(3600);
  });

  it('of several phones lasts as long as the longest', async () => {
    const { headers } = await register({
      Contact: `${PHONE};expires=60, "Alice, at home" <sip:alice@10.0.0.8>;q=0.5;expires=900, <sip:alice@10.0.0.7>;expires=0`,
    });
    expect(learnt().seconds).to.equal(900);
    expect(headers['Contact']).to.equal(`${PHONE};expires=60, <sip:alice@10.0.0.8>;expires=900`);
  });

  it('is answered without its Contacts where they would make an answer that a SIP server chokes on', async () => {
    const many = Array.from({ length: 16 }, (_, i) => `<sip:${'a'.repeat(900)}${i}@10.0.0.9>`).join(', ');
    const { status, headers } = await register({ Contact: many });
    expect(status).to.equal(200);
    expect(Buffer.byteLength(JSON.stringify(headers))).to.be.below(9_000);
    expect(learnt().seconds).to.equal(3600);
  });

  it('has the same name when it is refreshed, and another from another phone', async () => {
    await register({ Contact: PHONE, CSeq: '1 REGISTER' });
    await register({ Contact: PHONE, CSeq: '2 REGISTER', From: '<sip:alice@example.test>;tag=2' });
    await register({ Contact: PHONE, 'Call-ID': 'phone-2' });
    const [first, again, other] = online.map(({ name }) => name);
    expect(first).to.match(/^[0-9a-f]{64}$/);
    expect(again).to.equal(first);
    expect(other).not.to.equal(first);
  });

  describe('tells what her phone takes', () => {
    it('by the methods of its Contact (RFC 3840)', async () => {
      await register({ Contact: `${PHONE};methods="INVITE, message";expires=60`, Allow: 'OPTIONS' });
      expect(learnt()).to.deep.include({ seconds: 60, methods: ['INVITE', 'MESSAGE'] });
    });

    it('else by Allow', async () => {
      await register({ Contact: PHONE, Allow: 'INVITE, ACK, BYE' });
      expect(learnt().methods).to.deep.equal(['INVITE', 'ACK', 'BYE']);
    });

    it('together with her other phones; nothing is known when one does not say', async () => {
      await register({ Contact: `${PHONE};methods="INVITE", <sip:alice@10.0.0.8>;methods="MESSAGE"` });
      expect(learnt().methods).to.deep.equal(['INVITE', 'MESSAGE']);
      online = [];
      await register({ Contact: `${PHONE};methods="INVITE", <sip:alice@10.0.0.8>` });
      expect(learnt().methods).to.equal(null);
    });

    it('in no more words than are kept', async () => {
      const many = Array.from(
        { length: 100 },
        (_, i) => `M${'ABCDEFGHIJ'[i % 10] ?? ''}${'X'.repeat(i / 10)}`,
      );
      await register({ Contact: PHONE, Allow: [...many, 'X'.repeat(5_000), 'a b', '<evil>'].join(', ') });
      expect(learnt().methods?.join(',')).to.have.length.below(400);
    });
  });

  describe('from a registrar in its own name (3GPP TS 24.229 §5.4.1.7)', () => {
    const THIRD_PARTY = {
      From: '<sip:scscf.example.test>;tag=7',
      Contact: '<sip:scscf.example.test:6060>',
      Expires: '600',
      Allow: 'REGISTER, NOTIFY',
      'Content-Type': 'message/sip',
    };

    it('tells that the user in To is online; its Contact and Allow are not her phone’s', async () => {
      expect((await register(THIRD_PARTY)).status).to.equal(200);
      expect(learnt()).to.deep.include({ seconds: 600, methods: null });
    });

    it('with Expires: 0 tells that she is no more', async () => {
      const { status, headers } = await register({ ...THIRD_PARTY, Expires: '0' });
      expect(status).to.equal(200);
      expect(headers).to.deep.equal({ Expires: '0' });
      expect(offline).to.deep.equal(['sip:alice@example.test']);
      // The registrar speaks of all her phones.
      expect(left).to.deep.equal([undefined]);
    });
  });

  it('that removes her contacts tells that she is offline', async () => {
    await register({ Contact: '*', Expires: '0' });
    await register({ Contact: `${PHONE};expires=0` });
    await register({ Contact: PHONE, Expires: '0' });
    expect(offline).to.have.length(3);
    expect(online).to.deep.equal([]);
  });

  it('that removes a phone’s contacts speaks of its registration, not of another phone’s; `*` of all', async () => {
    await register({ Contact: PHONE });
    const { name } = learnt();
    await register({ Contact: PHONE, Expires: '0' });
    await register({ Contact: '*', Expires: '0' });
    expect(left).to.deep.equal([name, undefined]);
  });

  it('that only asks changes nothing', async () => {
    expect((await register({})).status).to.equal(200);
    expect([online, offline]).to.deep.equal([[], []]);
  });

  describe('is refused', () => {
    const nothing = (): void => {
      expect([online, offline]).to.deep.equal([[], []]);
    };

    it('with 403 when anybody sends it: else she could be sent texts for', async () => {
      expect((await register({ Contact: PHONE }, '192.0.2.66')).status).to.equal(403);
      nothing();
    });

    it('with 404 when its user is of another domain, or none', async () => {
      for (const to of ['<sip:alice@elsewhere.test>', '<sip:example.test>', '<tel:+4930123>']) {
        expect((await register({ To: to, Contact: PHONE })).status).to.equal(404);
      }
      nothing();
    });

    it('with 400 when it cannot be read', async () => {
      for (const headers of [
        { To: 'alice', Contact: PHONE },
        { Contact: 'somewhere' },
        { Contact: '*', Expires: '60' },
        { Contact: '*' },
        { Contact: `*, ${PHONE}`, Expires: '0' },
        { Contact: Array.from({ length: 17 }, (_, i) => `<sip:alice@10.0.0.${i}>`).join(', ') },
      ]) {
        expect((await register(headers)).status, JSON.stringify(headers)).to.equal(400);
      }
      nothing();
    });

    it('with 503 when the database is down', async () => {
      isDown = true;
      const { status, headers } = await register({ Contact: PHONE });
      expect(status).to.equal(503);
      expect(headers).to.have.property('Retry-After');
    });
  });
});
