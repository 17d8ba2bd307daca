import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { DrachtioRequestOptions, DrachtioResponse } from '../../src/sip/drachtio.ts';
import { SipReplySender } from '../../src/sip/reply-sender.ts';
import { seededRandom } from '../doubles/seeded-random.ts';

describe('a reply', () => {
  const from = AddressOfRecord.parse('sip:alice@example.test');
  const to = AddressOfRecord.parse('sip:bob@example.test');

  /** Sends one; what was asked of the SIP server, and what came of it. */
  async function send(
    parts: { proxy?: string; hop?: string | null; name?: string; cseq?: string; fails?: boolean } = {},
  ): Promise<{ uri: string; options: DrachtioRequestOptions; answer: unknown }> {
    let sent: { uri: string; options: DrachtioRequestOptions } | undefined;
    const sender = new SipReplySender({
      requests: {
        request: (uri, options) => {
          sent = { uri, options };
          if (parts.fails === true) return Promise.reject(new Error('no SIP server'));
          const get = (name: string): string | undefined => (name === 'CSeq' ? parts.cseq : undefined);
          return Promise.resolve({ status: 480, reason: 'Away', get } as DrachtioResponse);
        },
      },
      proxy: parts.proxy,
      random: seededRandom(),
      logger: silentLogger,
    });
    const { hop = 'sip:127.0.0.1:5070', name: fromName = 'Alice' } = parts;
    const answer = await sender.send({ from, fromName, to, text: 'Sí', hop });
    if (sent === undefined) throw new Error('nothing was sent');
    return { ...sent, answer };
  }

  it('is a text of the owner, vouched for, and has no mark of ours', async () => {
    const { uri, options } = await send();
    expect(uri).to.equal('sip:bob@example.test');
    expect(options.body).to.equal('Sí');
    expect(options.headers).to.include({
      From: '"Alice" <sip:alice@example.test>',
      To: '<sip:bob@example.test>',
      'P-Asserted-Identity': '<sip:alice@example.test>',
      CSeq: '1 MESSAGE',
    });
    expect(Object.keys(options.headers)).to.not.include('X-Text-Mailbox-Delivery');
  });

  it('goes by the operator’s proxy, else by the hop her request came from, else where its author is', async () => {
    expect((await send({ proxy: 'sip:proxy.test' })).options.proxy).to.equal('sip:proxy.test');
    expect((await send()).options.proxy).to.equal('sip:127.0.0.1:5070');
    expect((await send({ hop: null })).options).to.not.have.property('proxy');
  });

  it('is named as whoever receives it names it, sent again for a challenge or not', async () => {
    const plain = await send();
    const callId = plain.options.headers['Call-ID'] ?? '';
    expect(plain.answer).to.deep.include({ status: 480, transportId: `sip:${callId} 1 MESSAGE` });
    const challenged = await send({ cseq: '2 MESSAGE' });
    expect(challenged.answer).to.deep.include({ transportId: `sip:${callId} 2 MESSAGE` });
  });

  it('that gets no answer is status 0', async () => {
    expect((await send({ fails: true })).answer).to.deep.include({ status: 0 });
  });

  it('cannot be made to carry other headers by a name (header injection)', async () => {
    const { options } = await send({ name: 'A"\r\nEvil: yes' });
    expect(options.headers['From']).to.equal('"A\\"  Evil: yes" <sip:alice@example.test>');
  });
});
