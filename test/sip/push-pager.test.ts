import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { PagerDeliveryFailed } from '../../src/mailbox/ports.ts';
import type { PushTarget } from '../../src/mailbox/push/delivery-ports.ts';
import { NothingSent } from '../../src/mailbox/push/delivery-ports.ts';
import { NoSipServer } from '../../src/sip/server-errors.ts';
import { SipPushPager } from '../../src/sip/push-pager.ts';
import { ScriptedRequests } from './scripted-requests.ts';

const target: PushTarget = {
  to: AddressOfRecord.parse('sip:alice@example.test'),
  from: 'sip:mailbox@example.test',
  fromName: '',
  hop: 'sip:10.0.0.1:5060;transport=udp',
};

const body = {
  contentType: 'text/plain;charset=utf-8',
  content: 'hello',
  writtenAt: Date.UTC(2026, 10, 21, 14, 3, 0),
  subject: '',
};

describe('a text that is brought by MESSAGE', () => {
  const pager = (requests: ScriptedRequests, over: { proxy?: string; assertsIdentity?: boolean } = {}) =>
    new SipPushPager({ requests, proxy: over.proxy, vouchesFor: () => over.assertsIdentity ?? false });

  it('goes to one phone only, is marked as ours, and says when it was written', async () => {
    const requests = ScriptedRequests.inTurn([200]);
    await pager(requests).send(target, body);
    expect(requests.sent).to.deep.equal([
      {
        uri: 'sip:alice@example.test',
        options: {
          method: 'MESSAGE',
          proxy: 'sip:10.0.0.1:5060;transport=udp',
          headers: {
            From: '<sip:mailbox@example.test>',
            To: '<sip:alice@example.test>',
            'Content-Type': 'text/plain;charset=utf-8',
            Date: 'Sat, 21 Nov 2026 14:03:00 GMT',
            'Request-Disposition': 'no-fork',
            'X-Text-Mailbox-Delivery': 'yes',
          },
          body: 'hello',
        },
      },
    ]);
  });

  it('takes the operator’s proxy, else the hop that told that she is online, else her own domain', async () => {
    const requests = new ScriptedRequests(() => [200]);
    await pager(requests, { proxy: 'sip:proxy.test' }).send(target, body);
    await pager(requests).send(target, body);
    await pager(requests).send({ ...target, hop: null }, body);
    expect(requests.sent.map(({ options }) => options.proxy)).to.deep.equal([
      'sip:proxy.test',
      'sip:10.0.0.1:5060;transport=udp',
      undefined,
    ]);
  });

  it('in its author’s name is vouched for (RFC 3325), and carries its subject', async () => {
    const requests = ScriptedRequests.inTurn([200]);
    const fromBob = { ...target, from: 'sip:bob@example.test', fromName: 'Bob' };
    await pager(requests, { assertsIdentity: true }).send(fromBob, { ...body, subject: 'greetings' });
    expect(requests.sent[0]?.options.headers).to.deep.include({
      From: '"Bob" <sip:bob@example.test>',
      'P-Asserted-Identity': '"Bob" <sip:bob@example.test>',
      Subject: 'greetings',
    });
  });

  it('cannot smuggle headers in by a name or a subject', async () => {
    const requests = ScriptedRequests.inTurn([200]);
    const evil = { ...target, from: 'sip:bob@example.test', fromName: 'B" <sip:x@y>\r\nEvil: yes' };
    await pager(requests).send(evil, { ...body, subject: 'a\r\nEvil: yes' });
    const headers = requests.sent[0]?.options.headers;
    for (const value of Object.values(headers ?? {})) expect(value).not.to.match(/[\r\n]/);
    expect(headers?.['From']).to.equal('"B\\" <sip:x@y>  Evil: yes" <sip:bob@example.test>');
  });

  it('cannot be made so long by what is kept with it that a SIP server chokes on it', async () => {
    const requests = ScriptedRequests.inTurn([200]);
    const headers = Array.from({ length: 16 }, (_, i) => ({ name: `X-Kept-${i}`, value: '€'.repeat(2_000) }));
    await pager(requests).send(target, { ...body, subject: '€'.repeat(5_000), headers });
    const sent = requests.sent[0]?.options.headers ?? {};
    expect(Buffer.byteLength(JSON.stringify(sent))).to.be.below(9_000);
    // What comes first is there.
    expect(sent).to.have.property('X-Kept-0');
  });

  it('has no Date that SIP cannot say', async () => {
    const requests = ScriptedRequests.inTurn([200]);
    await pager(requests).send(target, { ...body, writtenAt: 8e15 });
    expect(requests.headers('Date')).to.deep.equal([undefined]);
  });

  for (const [answer, status] of [
    [[480], 480],
    [[302], 302],
    [new Error('no SIP server'), 0],
  ] as const) {
    it(`fails with ${status} when ${status === 0 ? 'nobody answers' : 'that is the answer'}`, async () => {
      const failure: unknown = await pager(ScriptedRequests.inTurn(answer))
        .send(target, body)
        .catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(PagerDeliveryFailed);
      expect(failure).to.have.property('status', status);
    });
  }

  it('says when it was not even sent: that says nothing of the phone', async () => {
    const failure: unknown = await pager(ScriptedRequests.inTurn(new NoSipServer()))
      .send(target, body)
      .catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(NothingSent);
  });
});
