import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { systemRandom } from '../../src/core/random.ts';
import type { RegInfo } from '../../src/im/reg-info.ts';
import { notifyRoute } from '../../src/sip/notify-route.ts';
import { SipRegistrationSubscriber } from '../../src/sip/registration-subscriber.ts';
import type { EventSubscriberOptions } from '../../src/sip/event-subscriber.ts';
import { SipSummarySubscriber } from '../../src/sip/summary-subscriber.ts';
import type { Notification, Subscription } from '../../src/subscription/ports.ts';
import type { SipNode } from '../doubles/sip-node.ts';
import { startSipNode } from '../doubles/sip-node.ts';
import { fixture } from '../im/fixtures.ts';
import type { RawMessage } from '../peers/raw-sip.ts';
import { RawSip } from '../peers/raw-sip.ts';
import { until } from '../peers/until.ts';

const ALICE = AddressOfRecord.parse('sip:alice@example.test');
const WATCHER = AddressOfRecord.parse('sip:mailbox@example.test');
const TYPE = 'application/reginfo+xml';
const BODY = fixture('reg-info/valid', 'two-contacts').toString('utf8');

describe('our subscription to registrations (RFC 3680)', function () {
  this.timeout(20_000);

  let us: SipNode;
  let server: RawSip;
  let registrations: SipRegistrationSubscriber;
  let summaries: SipSummarySubscriber;
  let otherwise: string[];
  let heard: Notification<RegInfo>[];
  let sequence: number;

  beforeEach(async () => {
    heard = [];
    otherwise = [];
    sequence = 1;
    server = await RawSip.open();
    us = await startSipNode((agent) => {
      const options: EventSubscriberOptions = {
        requests: agent,
        agent,
        nextHop: `sip:127.0.0.1:${server.port};transport=udp`,
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
      };
      registrations = new SipRegistrationSubscriber({ ...options, watcher: WATCHER });
      summaries = new SipSummarySubscriber(options);
      return { NOTIFY: notifyRoute([summaries, registrations]) };
    });
  });

  afterEach(async () => {
    await us.stop();
    await server.close();
  });

  function accept(request: RawMessage, expires = 600): void {
    const copied = request.text.split('\r\n').filter((line) => /^(via|from|call-id|cseq):/i.test(line));
    const to = request.header('To') ?? '';
    const lines = [
      'SIP/2.0 200 OK',
      ...copied,
      `To: ${to.includes('tag=') ? to : `${to};tag=reg`}`,
      `Contact: <sip:127.0.0.1:${server.port}>`,
      `Expires: ${expires}`,
      'Content-Length: 0',
    ];
    server.send([...lines, '', ''].join('\r\n'), us.udp);
  }

  async function subscribed(): Promise<{ request: RawMessage; subscription: Subscription }> {
    const answer = registrations.subscribe(ALICE, 600, (notification) => heard.push(notification));
    const request = await server.message('a SUBSCRIBE', ({ startLine }) => startLine.startsWith('SUBSCRIBE'));
    accept(request);
    const response = await answer;
    if (response.kind !== 'accepted') throw new Error(JSON.stringify(response));
    return { request, subscription: response.subscription };
  }

  async function notify(
    request: RawMessage,
    parts: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string } = {},
  ): Promise<RawMessage> {
    const headers = {
      From: `<${ALICE.toString()}>;tag=reg`,
      To: request.header('From') ?? '',
      'Call-ID': request.header('Call-ID') ?? '',
      CSeq: `${sequence++} NOTIFY`,
      Contact: `<sip:127.0.0.1:${server.port}>`,
      Event: 'reg',
      'Subscription-State': 'active;expires=600',
      'Content-Type': TYPE,
      ...parts.headers,
    };
    const uri = /<([^>]+)>/.exec(request.header('Contact') ?? '')?.[1] ?? '';
    const sent = { method: 'NOTIFY', uri, from: ALICE.toString(), headers, body: parts.body ?? BODY };
    return await server.request(sent, us.udp);
  }

  it('asks as our message account, for the user, by way of the next hop', async () => {
    const { request } = await subscribed();
    expect(request.startLine).to.equal('SUBSCRIBE sip:alice@example.test SIP/2.0');
    expect(request.header('From')).to.match(/^<sip:mailbox@example\.test>;tag=/);
    expect(request.header('To')).to.equal('<sip:alice@example.test>');
    expect(request.header('Event')).to.equal('reg');
    expect(request.header('Accept')).to.equal(TYPE);
  });

  it('is told who is registered', async () => {
    const { request } = await subscribed();
    expect((await notify(request)).startLine).to.equal('SIP/2.0 200 OK');
    expect(heard).to.have.length(1);
    expect(heard[0]?.body?.registrations[0]?.contacts[0]?.methods).to.include('MESSAGE');
  });

  for (const [what, status, parts] of [
    ['a body that is no registration information', 400, { body: '<reginfo' }],
    ['a body of another type', 415, { headers: { 'Content-Type': 'text/plain' }, body: 'hello' }],
  ] as const) {
    it(`refuses ${what}, and believes what is said of the subscription`, async () => {
      const { request } = await subscribed();
      const headers = { 'Subscription-State': 'terminated;reason=probation;retry-after=9' };
      const answer = await notify(request, {
        ...parts,
        headers: { ...headers, ...('headers' in parts ? parts.headers : {}) },
      });
      expect(answer.startLine).to.include(` ${status} `);
      expect(heard).to.deep.equal([
        { state: 'terminated', expires: null, reason: 'probation', retryAfter: 9, body: null },
      ]);
      expect(registrations.size).to.equal(0);
    });
  }

  it('takes an empty NOTIFY for one that says nothing', async () => {
    const { request } = await subscribed();
    expect((await notify(request, { body: '' })).startLine).to.equal('SIP/2.0 200 OK');
    expect(heard[0]?.body).to.equal(null);
  });

  it('is ended by Expires: 0, and its last NOTIFY taken', async () => {
    const { request, subscription } = await subscribed();
    const ended = subscription.refresh(0);
    const last = await server.message('the last SUBSCRIBE', (message) => {
      return message.startLine.startsWith('SUBSCRIBE') && message.header('Expires') === '0';
    });
    accept(last, 0);
    expect(await ended).to.deep.equal({ kind: 'accepted', expires: 0 });
    const headers = { 'Subscription-State': 'terminated;reason=timeout' };
    expect((await notify(request, { headers })).startLine).to.equal('SIP/2.0 200 OK');
    expect((await notify(request)).startLine).to.include('481');
  });

  it('stands beside one to another event: each NOTIFY goes where it belongs', async () => {
    const bodies: unknown[] = [];
    const answer = summaries.subscribe(ALICE, 600, ({ body }) => bodies.push(body));
    const first = await server.message(
      'a SUBSCRIBE',
      (message) => message.header('Event') === 'message-summary',
    );
    accept(first);
    await answer;
    const before = server.received().length;
    const second = registrations.subscribe(ALICE, 600, (notification) => heard.push(notification));
    const request = await until('another SUBSCRIBE', 5_000, () =>
      server
        .received()
        .slice(before)
        .find((message) => message.header('Event') === 'reg'),
    );
    accept(request);
    await second;
    const summary = 'Messages-Waiting: no\r\n';
    const headers = { Event: 'message-summary', 'Content-Type': 'application/simple-message-summary' };
    expect((await notify(first, { headers, body: summary })).startLine).to.equal('SIP/2.0 200 OK');
    expect((await notify(request)).startLine).to.equal('SIP/2.0 200 OK');
    expect(bodies).to.deep.equal([summary]);
    expect(heard).to.have.length(1);
  });

  it('that was given up is one of nobody: its NOTIFYs get 481', async () => {
    const { request, subscription } = await subscribed();
    subscription.forget();
    expect((await notify(request)).startLine).to.include('481');
  });

  it('leaves NOTIFYs that nobody asked for to whoever takes those', async () => {
    await us.stop();
    us = await startSipNode(() => ({
      NOTIFY: notifyRoute([registrations, summaries], ({ request, response }) => {
        otherwise.push(request.get('Call-ID') ?? '');
        response.send(200, 'OK', {});
        return Promise.resolve();
      }),
    }));
    const sent = {
      method: 'NOTIFY',
      uri: ALICE.toString(),
      from: ALICE.toString(),
      headers: {
        'Call-ID': 'unasked',
        Event: 'reg',
        'Subscription-State': 'active',
        Contact: '<sip:127.0.0.1>',
      },
    };
    expect((await server.request(sent, us.udp)).startLine).to.equal('SIP/2.0 200 OK');
    expect(otherwise).to.deep.equal(['unasked']);
  });
});
