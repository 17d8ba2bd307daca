import { expect } from 'chai';
import { parseCpim } from '../../src/im/cpim-parser.ts';
import { formatCpim } from '../../src/im/cpim-writer.ts';
import { sipHeadersOf, withSipHeaders } from '../../src/mailbox/kept-headers.ts';

const NAMES = ['X-Trust', 'X-Conversation'];
const PROXY = [{ name: 'X-Conversation', value: '42' }];

describe('headers of a MESSAGE that are kept with its text', () => {
  function kept(namespaces: readonly string[], header: string): string[] {
    const lines = [
      'From: <sip:bob@example.test>',
      ...namespaces,
      header,
      '',
      'Content-Type: text/plain',
      '',
      'hi',
    ];
    const wrapper = withSipHeaders(parseCpim(Buffer.from(lines.join('\r\n'))), PROXY);
    if (wrapper === null) throw new Error('no wrapper');
    return sipHeadersOf(formatCpim(wrapper), NAMES).map(({ name, value }) => `${name}: ${value}`);
  }

  it('are those of the MESSAGE', () => {
    expect(kept([], 'Subject: hello')).to.deep.equal(['X-Conversation: 42']);
  });

  describe('are not smuggled in by the sender’s message/cpim', () => {
    const ours = 'urn:uuid:0b6d3c52-7f1e-4c0a-8f52-2d0f5f6a9e11';
    const hostile: Readonly<Record<string, readonly [readonly string[], string]>> = {
      'with our namespace': [[`NS: sip-header <${ours}>`], 'sip-header.X-Trust: yes'],
      'with our namespace under another prefix': [[`NS: other <${ours}>`], 'other.X-Trust: yes'],
      'with our prefix for another namespace': [['NS: sip-header <urn:other>'], 'sip-header.X-Trust: yes'],
      'with our prefix in capitals': [['NS: SIP-HEADER <urn:other>'], 'SIP-HEADER.X-Trust: yes'],
      'with our prefix, which no NS names': [[], 'sip-header.X-Trust: yes'],
    };
    for (const [how, [namespaces, header]] of Object.entries(hostile)) {
      it(how, () => {
        expect(kept(namespaces, header)).to.deep.equal(['X-Conversation: 42']);
      });
    }
  });
});
