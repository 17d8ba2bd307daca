import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { SenderNotice } from '../../src/mailbox/sender-notice.ts';
import { SipNoticeSender } from '../../src/sip/notice-sender.ts';
import { ScriptedRequests } from './scripted-requests.ts';

const notice: SenderNotice = {
  owner: AddressOfRecord.parse('sip:alice@example.test'),
  author: AddressOfRecord.parse('sip:bob@elsewhere.test'),
  returnHop: 'sip:10.0.0.1:5060;transport=tcp',
  text: 'alice is offline; your text was kept',
};

describe('a notice by MESSAGE', () => {
  const sender = (requests: ScriptedRequests, proxy?: string): SipNoticeSender =>
    new SipNoticeSender({ requests, proxy, logger: silentLogger });

  it('goes to the author in the owner’s name and says that a program wrote it', async () => {
    const requests = ScriptedRequests.inTurn([200]);
    expect(await sender(requests).send(notice)).to.equal(200);
    const [sent] = requests.sent;
    expect(sent?.uri).to.equal('sip:bob@elsewhere.test');
    expect(sent?.options).to.deep.include({ method: 'MESSAGE', body: notice.text });
    expect(sent?.options.headers).to.deep.equal({
      From: '<sip:alice@example.test>',
      To: '<sip:bob@elsewhere.test>',
      'Content-Type': 'text/plain;charset=utf-8',
      'Auto-Submitted': 'auto-replied',
      Priority: 'non-urgent',
      'X-Text-Mailbox-Delivery': 'yes',
    });
  });

  it('takes the operator’s proxy, else the hop the text came from', async () => {
    const requests = new ScriptedRequests(() => [200]);
    await sender(requests, 'sip:proxy.test').send(notice);
    await sender(requests).send(notice);
    expect(requests.sent.map(({ options }) => options.proxy)).to.deep.equal([
      'sip:proxy.test',
      'sip:10.0.0.1:5060;transport=tcp',
    ]);
  });

  it('that is refused or not answered is told by its status', async () => {
    expect(await sender(ScriptedRequests.inTurn([480])).send(notice)).to.equal(480);
    expect(await sender(ScriptedRequests.inTurn(new Error('no SIP server'))).send(notice)).to.equal(0);
  });
});
