import { expect } from 'chai';
import ipaddr from 'ipaddr.js';
import type { LogFields } from '../../src/core/logger.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
import { VoicemailIntake } from '../../src/mwi/voicemail-intake.ts';
import { VOICEMAIL_LIMITS } from '../../src/mwi/voicemail-limits.ts';
import type { DrachtioResponse } from '../../src/sip/drachtio.ts';
import { SipRefusal } from '../../src/sip/refusal.ts';
import type { IpRange } from '../../src/sip/trust.ts';
import { voicemailNotifyRoute } from '../../src/sip/voicemail-notify-route.ts';
import { voicemailSenders } from '../../src/sip/voicemail-senders.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { sipRequest } from '../doubles/sip-request.ts';

const BODY = 'Messages-Waiting: yes\r\nVoice-Message: 3/1 (1/0)\r\n';
const TYPE = 'application/simple-message-summary';
const PROXIES: readonly IpRange[] = [ipaddr.parseCIDR('10.0.0.0/24')];

describe('a NOTIFY that nobody subscribed to', () => {
  const clock = new FakeClock();
  let kept: { user: string; body: string | null; until: number | null }[];
  let fault: Error | undefined;
  let isCommitted: boolean;

  beforeEach(() => {
    kept = [];
    fault = undefined;
    isCommitted = false;
  });

  interface Parts {
    readonly uri?: string;
    readonly headers?: Record<string, string>;
    readonly body?: string;
    readonly source?: string;
  }

  /** The status of the answer. */
  async function notify(parts: Parts = {}): Promise<number> {
    const store = {
      reportVoicemail: async (user: unknown, report: { body: string; until: number } | null) => {
        await Promise.resolve();
        if (fault !== undefined) throw fault;
        kept.push({ user: String(user), body: report?.body ?? null, until: report?.until ?? null });
        isCommitted = true;
      },
    };
    const route = voicemailNotifyRoute({
      sink: new VoicemailIntake(store, { clock, metrics: noMetrics }),
      domains: new Set(['example.test']),
      senders: await voicemailSenders(PROXIES, 'sip:192.0.2.9:5080;transport=tcp', silentLogger),
      keepSeconds: 3600,
      clock,
    });
    let status = 0;
    const response = {
      send: (code: number) => {
        expect(isCommitted).to.equal(true);
        status = code;
      },
    } as unknown as DrachtioResponse;
    const request = sipRequest({
      method: 'NOTIFY',
      uri: 'sip:alice@example.test',
      source: '192.0.2.9',
      body: BODY,
      ...parts,
      headers: { Event: 'message-summary', 'Content-Type': TYPE, ...parts.headers },
    });
    try {
      await route({ request, response, openDialog: () => Promise.reject(new Error('no dialog')) });
    } catch (error) {
      if (!(error instanceof SipRefusal)) throw error;
      return error.status;
    }
    return status;
  }

  it('is kept for the user of the Request-URI, 200 after the commit', async () => {
    expect(await notify()).to.equal(200);
    const until = clock.now() + 3_600_000;
    expect(kept).to.deep.equal([{ user: 'sip:alice@example.test', body: BODY, until }]);
  });

  it('is for the user in To when the Request-URI is the address of a device', async () => {
    const headers = { To: '"Alice" <sip:alice@example.test>' };
    expect(await notify({ uri: 'sip:alice@10.0.0.7:5060', headers })).to.equal(200);
    expect(kept[0]?.user).to.equal('sip:alice@example.test');
  });

  it('is read leniently and kept canonical, without headers of single messages', async () => {
    const body =
      'messages-waiting: YES\nvoice-message: 3/1 (1/0)\n\nFrom: <sip:bob@example.test>\nSubject: Hi\n';
    const headers = { 'Content-Type': 'application/Simple-Message-Summary; charset=us-ascii' };
    expect(await notify({ body, headers })).to.equal(200);
    expect(kept[0]?.body).to.equal(BODY);
  });

  it('from a trusted proxy counts, from anybody else it gets 403', async () => {
    expect(await notify({ source: '10.0.0.4' })).to.equal(200);
    expect(await notify({ source: '::ffff:192.0.2.9' })).to.equal(200);
    expect(await notify({ source: '192.0.2.10' })).to.equal(403);
    expect(kept).to.have.length(2);
  });

  it('of another event gets 489', async () => {
    expect(await notify({ headers: { Event: 'dialog' } })).to.equal(489);
    expect(await notify({ headers: { Event: 'message-summary;id=7' } })).to.equal(200);
  });

  it('with a bad body, or none, gets 400; of another type 415', async () => {
    for (const body of ['', ' \r\n', 'hello', 'Messages-Waiting: maybe\r\n', 'Voice-Message: 1/0\r\n']) {
      expect(await notify({ body }), body).to.equal(400);
    }
    const twice = 'Messages-Waiting: yes\r\nVoice-Message: 1/0\r\nVoice-Message: 2/0\r\n';
    expect(await notify({ body: twice })).to.equal(400);
    expect(await notify({ headers: { 'Content-Type': 'text/plain' } })).to.equal(415);
    expect(kept).to.deep.equal([]);
  });

  it('that would fill the database with classes gets 400', async () => {
    const lines = Array.from({ length: 100 }, (_, i) => `x${i}-${'y'.repeat(30)}-message: 1/1\r\n`);
    const body = `Messages-Waiting: yes\r\n${lines.join('')}`;
    expect(body.length).to.be.greaterThan(VOICEMAIL_LIMITS.bodyBytes);
    expect(await notify({ body })).to.equal(400);
  });

  it('for a user of no domain served here gets 404', async () => {
    const headers = { To: '<sip:alice@elsewhere.test>' };
    expect(await notify({ uri: 'sip:alice@elsewhere.test', headers })).to.equal(404);
  });

  it('of a subscription we know nothing of gets 481', async () => {
    expect(await notify({ headers: { To: '<sip:alice@example.test>;tag=x' } })).to.equal(481);
  });

  it('gets 503 while the store is down', async () => {
    fault = new StoreUnavailable('keep');
    expect(await notify()).to.equal(503);
  });

  describe('is let in by address', () => {
    it('of the voicemail, also where it goes by name', async () => {
      const senders = await voicemailSenders([], 'sip:vm.example.test', silentLogger, () =>
        Promise.resolve(['192.0.2.1', '2001:db8::1']),
      );
      expect(senders.trusts('192.0.2.1')).to.equal(true);
      expect(senders.trusts('2001:db8:0::1')).to.equal(true);
      expect(senders.trusts('192.0.2.2')).to.equal(false);
    });

    it('of proxies alone when the name leads nowhere', async () => {
      const warnings: LogFields[] = [];
      const logger = { ...silentLogger, warn: (fields: LogFields) => warnings.push(fields) };
      const senders = await voicemailSenders(PROXIES, 'sip:nowhere.example.test', logger, () =>
        Promise.reject(new Error('ENOTFOUND')),
      );
      expect(senders.trusts('10.0.0.1')).to.equal(true);
      expect(warnings).to.have.length(1);
    });

    it('of an IPv6 voicemail', async () => {
      const senders = await voicemailSenders([], 'sip:[2001:db8::9]:5070', silentLogger);
      expect(senders.trusts('2001:db8::9')).to.equal(true);
    });
  });
});
