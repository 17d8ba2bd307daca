import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { ReceiptMessage } from '../../src/mailbox/receipts/receipts.ts';
import { SipReceiptSender } from '../../src/sip/receipt-sender.ts';
import { ScriptedRequests } from './scripted-requests.ts';

const message: ReceiptMessage = {
  from: AddressOfRecord.parse('sip:alice@example.test'),
  to: AddressOfRecord.parse('sip:bob@elsewhere.test'),
  returnHop: 'sip:10.0.0.1:5060;transport=tcp',
  contentType: 'message/cpim',
  content: Buffer.from('From: <sip:alice@example.test>\r\n\r\n'),
};

describe('a receipt by MESSAGE', () => {
  const sender = (requests: ScriptedRequests, proxy?: string): SipReceiptSender =>
    new SipReceiptSender({ requests, proxy, logger: silentLogger });

  it('goes to the author in the owner’s own name, without a display name (Linphone takes no other)', async () => {
    const requests = ScriptedRequests.inTurn([200]);
    expect(await sender(requests).send(message)).to.include({ status: 200 });
    const [sent] = requests.sent;
    expect(sent?.uri).to.equal('sip:bob@elsewhere.test');
    expect(sent?.options).to.deep.include({ method: 'MESSAGE', body: message.content.toString() });
    expect(sent?.options.headers).to.deep.equal({
      From: '<sip:alice@example.test>',
      To: '<sip:bob@elsewhere.test>',
      'Content-Type': 'message/cpim',
      Priority: 'non-urgent',
      'X-Text-Mailbox-Delivery': 'yes',
    });
  });

  it('takes the operator’s proxy, else the hop the text came from, else the author’s own domain', async () => {
    const requests = new ScriptedRequests(() => [200]);
    await sender(requests, 'sip:proxy.test').send(message);
    await sender(requests).send(message);
    await sender(requests).send({ ...message, returnHop: null });
    expect(requests.sent.map(({ options }) => options.proxy)).to.deep.equal([
      'sip:proxy.test',
      'sip:10.0.0.1:5060;transport=tcp',
      undefined,
    ]);
  });

  it('tells what was answered', async () => {
    expect(await sender(ScriptedRequests.inTurn([415])).send(message)).to.include({ status: 415 });
  });

  it('that nobody answers has status 0', async () => {
    const requests = ScriptedRequests.inTurn(new Error('no SIP server'));
    expect(await sender(requests).send(message)).to.include({ status: 0 });
  });
});
