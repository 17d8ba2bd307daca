import { expect } from 'chai';
import ipaddr from 'ipaddr.js';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { systemClock } from '../../src/core/clock.ts';
import { DeadlineExceeded } from '../../src/core/deadline.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { systemRandom } from '../../src/core/random.ts';
import type { SummaryNotification } from '../../src/mwi/voicemail-ports.ts';
import type { PresenceServer } from '../../src/presence/ports.ts';
import { startPresenceServer } from '../../src/presence/presence-server.ts';
import type { AdmissionPolicy } from '../../src/sip/admission.ts';
import { subscribeRoute } from '../../src/sip/subscribe-route.ts';
import { SubscriberDialogs } from '../../src/sip/subscriber-dialogs.ts';
import { SipSummarySubscriber, SummaryRefused } from '../../src/sip/summary-subscriber.ts';
import { TrustedProxies } from '../../src/sip/trust.ts';
import { voicemailNotifyRoute } from '../../src/sip/voicemail-notify-route.ts';
import type { SipNode } from '../doubles/sip-node.ts';
import { startSipNode } from '../doubles/sip-node.ts';
import type { Subscription } from '../../src/subscription/ports.ts';
import { freePort } from '../peers/ports.ts';
import type { RawMessage } from '../peers/raw-sip.ts';
import { RawSip } from '../peers/raw-sip.ts';
import { until } from '../peers/until.ts';

const ALICE = AddressOfRecord.parse('sip:alice@example.test');
const TYPE = 'application/simple-message-summary';
const LOOPBACK = new TrustedProxies([ipaddr.parseCIDR('127.0.0.0/8')]);
const DOMAINS = new Set(['example.test']);

function body(fresh: number): string {
  return `Messages-Waiting: ${fresh > 0 ? 'yes' : 'no'}\r\nVoice-Message: ${fresh}/0\r\n`;
}

describe('our subscription to a message summary', function () {
  this.timeout(20_000);

  let us: SipNode;
  let subscriber: SipSummarySubscriber;
  let heard: SummaryNotification[];
  const listen = (notification: SummaryNotification): number => heard.push(notification);

  async function open(nextHop: string): Promise<void> {
    heard = [];
    us = await startSipNode((agent) => {
      subscriber = new SipSummarySubscriber({
        requests: agent,
        agent,
        nextHop,
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
      });
      const sink = { report: () => Promise.resolve() };
      const shared = { domains: DOMAINS, senders: LOOPBACK, clock: systemClock, keepSeconds: 60 };
      return { NOTIFY: voicemailNotifyRoute({ ...shared, sink, subscriber }) };
    });
  }

  async function accepted(expires = 600): Promise<Subscription & { readonly granted: number }> {
    const response = await subscriber.subscribe(ALICE, expires, listen);
    if (response.kind !== 'accepted') throw new Error(JSON.stringify(response));
    return { ...response.subscription, granted: response.expires };
  }

  const notified = (count: number): Promise<SummaryNotification> =>
    until(
      `${count} NOTIFYs`,
      5_000,
      () => (heard.length >= count ? heard.at(-1) : undefined),
      () => JSON.stringify(heard),
    );

  describe('to our own presence server', () => {
    let presence: PresenceServer;
    let voicemail: SipNode;
    let port: number;

    async function serve(): Promise<void> {
      presence = startPresenceServer({
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
        metrics: noMetrics,
      });
      const policy: AdmissionPolicy = {
        domains: DOMAINS,
        messageAccount: AddressOfRecord.parse('sip:voicemail@example.test'),
        trustedProxies: LOOPBACK,
        depositFrom: 'trusted',
      };
      voicemail = await startSipNode((agent) => {
        const surroundings = { clock: systemClock, random: systemRandom, logger: silentLogger };
        const dialogs = new SubscriberDialogs({ ...surroundings, requests: agent });
        return { SUBSCRIBE: subscribeRoute({ ...surroundings, presence, dialogs, policy }) };
      }, port);
    }

    async function publish(fresh: number): Promise<void> {
      const command = {
        presentity: ALICE,
        event: 'message-summary',
        contentType: TYPE,
        expires: 600,
      };
      const text = [
        `Messages-Waiting: ${fresh > 0 ? 'yes' : 'no'}`,
        'Message-Account: sip:vm@example.test',
        `Voice-Message: ${fresh}/0`,
        '',
      ].join('\r\n');
      const answer = await presence.publish({ ...command, body: text });
      expect(answer.status).to.equal(200);
    }

    beforeEach(async () => {
      port = await freePort();
      await serve();
      await open(`sip:127.0.0.1:${voicemail.tcp};transport=tcp`);
    });

    afterEach(async () => {
      await us.stop();
      await presence.stop();
      await voicemail.stop();
    });

    it('is told the state at once and every change', async () => {
      await publish(1);
      const { granted } = await accepted(600);
      expect(granted).to.equal(600);
      const first = await notified(1);
      expect(first).to.deep.include({ state: 'active', reason: '', retryAfter: null });
      expect(first.expires).to.be.within(590, 600);
      expect(first.body).to.include('Voice-Message: 1/0');
      await publish(4);
      expect((await notified(2)).body).to.include('Voice-Message: 4/0');
    });

    it('is refreshed in its dialog, and told the state again', async () => {
      const subscription = await accepted(60);
      await notified(1);
      expect(await subscription.refresh(300)).to.deep.equal({ kind: 'accepted', expires: 300 });
      expect((await notified(2)).expires).to.be.within(295, 300);
    });

    it('that was given up is one of nobody: the next NOTIFY gets 481, and it ends there', async () => {
      const subscription = await accepted();
      await notified(1);
      subscription.forget();
      expect(subscriber.size).to.equal(0);
      await publish(2);
      // RFC 6665 §4.2.2: the notifier has dropped it by the time it answers the next refresh.
      await until('the end at the notifier', 5_000, async () => {
        const answer = await subscription.refresh(300);
        return answer.kind === 'rejected' && answer.status === 481 ? answer : undefined;
      });
      expect(heard).to.have.length(1);
    });

    it('hears why it ended', async () => {
      const subscription = await accepted();
      await notified(1);
      expect(await subscription.refresh(0)).to.deep.equal({ kind: 'accepted', expires: 0 });
      const last = await notified(2);
      expect(last.state).to.equal('terminated');
      expect(last.reason).to.equal('timeout');
      expect(subscriber.size).to.equal(0);
    });

    it('gets 481 to its refresh from a voicemail that forgot it', async () => {
      const subscription = await accepted();
      await notified(1);
      await voicemail.stop();
      await presence.stop();
      await serve();
      const answer = await subscription.refresh(300);
      expect(answer).to.deep.include({ kind: 'rejected', status: 481 });
    });

    it('with a life too brief is told what would do', async () => {
      expect(await subscriber.subscribe(ALICE, 5, listen)).to.deep.include({
        kind: 'rejected',
        status: 423,
        minExpires: 60,
      });
      expect(subscriber.size).to.equal(0);
    });

    it('of a user nobody knows is refused', async () => {
      const stranger = AddressOfRecord.parse('sip:alice@elsewhere.test');
      const answer = await subscriber.subscribe(stranger, 600, listen);
      expect(answer).to.deep.include({ kind: 'rejected', status: 404 });
    });

    it('can be for one look only', async () => {
      await publish(3);
      const nextHop = `sip:127.0.0.1:${voicemail.tcp};transport=tcp`;
      expect(await subscriber.fetch(ALICE, nextHop, 5_000)).to.include('Voice-Message: 3/0');
      expect(subscriber.size).to.equal(0);
      const stranger = AddressOfRecord.parse('sip:alice@elsewhere.test');
      const refused = await subscriber.fetch(stranger, nextHop, 5_000).catch((error: unknown) => error);
      expect(refused).to.be.instanceOf(SummaryRefused).and.include({ status: 404 });
    });
  });

  describe('to a voicemail of its own mind', () => {
    let voicemail: RawSip;

    beforeEach(async () => {
      voicemail = await RawSip.open();
      await open(`sip:127.0.0.1:${voicemail.port};transport=udp`);
    });

    afterEach(async () => {
      await us.stop();
      await voicemail.close();
    });

    const subscribed = (): Promise<RawMessage> =>
      voicemail.message('a SUBSCRIBE', ({ startLine }) => startLine.startsWith('SUBSCRIBE'));

    function accept(request: RawMessage, extra: readonly string[] = ['Expires: 600']): void {
      const copied = request.text
        .split('\r\n')
        .filter((line) => /^(via|from|call-id|cseq):/i.test(line))
        .join('\r\n');
      const contact = `Contact: <sip:127.0.0.1:${voicemail.port}>`;
      const to = `To: ${request.header('To') ?? ''};tag=vm`;
      voicemail.send(
        ['SIP/2.0 200 OK', copied, to, contact, ...extra, 'Content-Length: 0', '', ''].join('\r\n'),
        us.udp,
      );
    }

    function notify(
      request: RawMessage,
      parts: { tag?: string; headers?: Record<string, string>; body?: string; sequence?: number } = {},
    ): Promise<RawMessage> {
      return voicemail.request(
        {
          method: 'NOTIFY',
          uri: /<([^>]+)>/.exec(request.header('Contact') ?? '')?.[1] ?? '',
          from: ALICE.toString(),
          headers: {
            From: `<${ALICE.toString()}>;tag=${parts.tag ?? 'vm'}`,
            To: request.header('From') ?? '',
            'Call-ID': request.header('Call-ID') ?? '',
            CSeq: `${parts.sequence ?? 1} NOTIFY`,
            Contact: `<sip:127.0.0.1:${voicemail.port}>`,
            Event: 'message-summary',
            'Subscription-State': 'active;expires=600',
            'Content-Type': TYPE,
            ...parts.headers,
          },
          body: parts.body ?? body(2),
        },
        us.udp,
      );
    }

    it('asks as RFC 3842 has it, for the user herself, by way of the next hop', async () => {
      const answer = subscriber.subscribe(ALICE, 1800, listen);
      const request = await subscribed();
      expect(request.startLine).to.equal('SUBSCRIBE sip:alice@example.test SIP/2.0');
      expect(request.header('From')).to.match(/^<sip:alice@example\.test>;tag=/);
      expect(request.header('To')).to.equal('<sip:alice@example.test>');
      expect(request.header('Event')).to.equal('message-summary');
      expect(request.header('Accept')).to.equal(TYPE);
      expect(request.header('Expires')).to.equal('1800');
      expect(request.header('Contact')).to.include(`127.0.0.1:${us.udp}`);
      accept(request);
      expect(await answer).to.deep.include({ kind: 'accepted', expires: 600 });
    });

    it('takes a NOTIFY that overtakes the 2xx', async () => {
      const answer = subscriber.subscribe(ALICE, 600, listen);
      const request = await subscribed();
      const early = notify(request);
      setTimeout(() => accept(request), 100);
      expect((await answer).kind).to.equal('accepted');
      expect((await early).startLine).to.equal('SIP/2.0 200 OK');
      expect((await notified(1)).body).to.equal(body(2));
    });

    it('reads every way a subscription ends', async () => {
      const answer = subscriber.subscribe(ALICE, 600, listen);
      const request = await subscribed();
      accept(request);
      await answer;
      const headers = { 'Subscription-State': 'Terminated ; Reason=Probation ; retry-after = 77' };
      expect((await notify(request, { headers })).startLine).to.equal('SIP/2.0 200 OK');
      expect(await notified(1)).to.deep.include({ state: 'terminated', reason: 'probation', retryAfter: 77 });
    });

    it('takes a NOTIFY without body, or with another type, for one that says nothing', async () => {
      const answer = subscriber.subscribe(ALICE, 600, listen);
      const request = await subscribed();
      accept(request);
      await answer;
      await notify(request, { body: '' });
      await notify(request, { sequence: 2, headers: { 'Content-Type': 'text/plain' }, body: 'hello' });
      expect((await notified(2)).body).to.equal(null);
      expect(heard.map((each) => each.body)).to.deep.equal([null, null]);
    });

    it('refuses another event, and a second notifier of a SUBSCRIBE that forked', async () => {
      const answer = subscriber.subscribe(ALICE, 600, listen);
      const request = await subscribed();
      accept(request);
      await answer;
      const other = await notify(request, { headers: { Event: 'presence' } });
      expect(other.startLine).to.include('489');
      expect(other.header('Allow-Events')).to.equal('message-summary');
      expect((await notify(request, { tag: 'fork', sequence: 2 })).startLine).to.include('481');
      expect(heard).to.deep.equal([]);
    });

    it('gives a voicemail up that never answers a look', async () => {
      const nextHop = `sip:127.0.0.1:${voicemail.port};transport=udp`;
      const late = await subscriber.fetch(ALICE, nextHop, 300).catch((error: unknown) => error);
      expect(late).to.be.instanceOf(DeadlineExceeded);
      expect(subscriber.size).to.equal(0);
    });

    it('passes on what a refusal says', async () => {
      const answer = subscriber.subscribe(ALICE, 600, listen);
      const request = await subscribed();
      const copied = request.text.split('\r\n').filter((line) => /^(via|from|to|call-id|cseq):/i.test(line));
      const lines = ['SIP/2.0 503 Busy', ...copied, 'Retry-After: 9 (soon)', 'Content-Length: 0', '', ''];
      voicemail.send(lines.join('\r\n'), us.udp);
      expect(await answer).to.deep.equal({ kind: 'rejected', status: 503, reason: 'Busy', retryAfter: 9 });
    });

    it('is unanswered where nobody is', async () => {
      const nobody = await RawSip.open();
      const { port } = nobody;
      await nobody.close();
      await us.stop();
      await open(`sip:127.0.0.1:${port};transport=tcp`);
      const answer = await subscriber.subscribe(ALICE, 600, listen);
      expect(answer.kind === 'unanswered' || (answer.kind === 'rejected' && answer.status === 503)).to.equal(
        true,
      );
      expect(subscriber.size).to.equal(0);
    });
  });
});
