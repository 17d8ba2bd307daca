import { expect } from 'chai';
import type { Imdn } from '../../src/im/imdn.ts';
import { formatImdn, isImdn, parseImdn } from '../../src/im/imdn.ts';
import { isComposing, parseIsComposing } from '../../src/im/is-composing.ts';
import { IM_LIMITS } from '../../src/im/limits.ts';
import { parseCpim } from '../../src/im/cpim-parser.ts';
import { MalformedXml } from '../../src/im/xml.ts';
import { fixture } from './fixtures.ts';

const NAMESPACE = 'urn:ietf:params:xml:ns:imdn';
const imdn = (inner: string): Buffer => Buffer.from(`<imdn xmlns="${NAMESPACE}">${inner}</imdn>`);
const STATUS = '<display-notification><status><displayed/></status></display-notification>';

describe('IMDN', () => {
  it('is known by its type', () => {
    expect(isImdn('Message/IMDN+xml; charset="UTF-8"')).to.equal(true);
    expect(isImdn('message/cpim')).to.equal(false);
    expect(isImdn('')).to.equal(false);
  });

  it('is read as Linphone sends it', () => {
    const message = parseCpim(fixture('cpim/valid', 'linphone-imdn'));
    expect(isImdn(message.contentType)).to.equal(true);
    expect(parseImdn(message.content)).to.deep.equal({
      messageId: 'xyz@host',
      dateTime: '2026-11-21T14:03:05Z',
      recipientUri: null,
      originalRecipientUri: null,
      kind: 'delivery',
      status: 'delivered',
    });
  });

  it('is read with a prefix, references and CDATA', () => {
    const text = `<i:imdn xmlns:i="${NAMESPACE}"><i:message-id>a&amp;<![CDATA[<b>]]></i:message-id>${STATUS.replace(/<(\/?)/g, '<$1i:')}</i:imdn>`;
    expect(parseImdn(Buffer.from(text))).to.include({
      messageId: 'a&<b>',
      kind: 'display',
      status: 'displayed',
    });
  });

  it('is written so that it reads back, whatever its fields hold', () => {
    const written: Imdn = {
      messageId: 'a<&">\u0000b',
      dateTime: '2026-11-21T14:03:05Z',
      recipientUri: 'sip:alice@example.com',
      originalRecipientUri: 'sip:alice@example.com',
      kind: 'processing',
      status: 'stored',
    };
    expect(parseImdn(formatImdn(written))).to.deep.equal({ ...written, messageId: 'a<&">b' });
    expect(formatImdn(written).toString()).to.match(/^<\?xml version="1.0" encoding="UTF-8"\?><imdn xmlns="/);
  });

  const refused: Record<string, Buffer> = {
    nothing: Buffer.alloc(0),
    'plain words': Buffer.from('delivered'),
    JSON: Buffer.from('{"imdn":1}'),
    'another document': Buffer.from('<presence/>'),
    'no message': imdn(STATUS),
    'no status': imdn('<message-id>1</message-id>'),
    'two roots': Buffer.from('<imdn/><imdn/>'),
    'entities that grow (billion laughs)': Buffer.from(
      `<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><imdn><message-id>&b;</message-id>${STATUS}</imdn>`,
    ),
    'an external entity (XXE)': Buffer.from(
      `<!DOCTYPE x SYSTEM "file:///etc/passwd"><imdn><message-id>1</message-id>${STATUS}</imdn>`,
    ),
    'deep nesting (stack exhaustion)': Buffer.from('<a>'.repeat(5_000)),
    'thousands of attributes (each looked for among all)': imdn(
      `<message-id ${Array.from({ length: 1_500 }, (_, i) => `b${i}=""`).join(' ')}>1</message-id>${STATUS}`,
    ),
    'one byte more than the limit': Buffer.alloc(IM_LIMITS.xmlBytes + 1, '<imdn>'),
  };
  for (const [threat, bytes] of Object.entries(refused)) {
    it(`refuses ${threat}, at once`, () => {
      const started = performance.now();
      expect(() => parseImdn(bytes)).to.throw(MalformedXml);
      expect(performance.now() - started).to.be.below(200);
    });
  }
});

describe('isComposing', () => {
  const mark = (inner: string): Buffer =>
    Buffer.from(
      `<?xml version="1.0" encoding="UTF-8"?>\n<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing">${inner}</isComposing>`,
    );

  it('is known by its type', () => {
    expect(isComposing('application/im-iscomposing+xml')).to.equal(true);
    expect(isComposing('application/xml')).to.equal(false);
  });

  it('is read whole', () => {
    expect(
      parseIsComposing(
        mark(
          '<state>active</state><contenttype>text/plain</contenttype><refresh>90</refresh><lastactive>2026-11-21T14:03:05Z</lastactive>',
        ),
      ),
    ).to.deep.equal({
      state: 'active',
      contentType: 'text/plain',
      refresh: 90,
      lastActive: '2026-11-21T14:03:05Z',
    });
  });

  it('takes any other state for idle', () => {
    expect(parseIsComposing(mark('<state>dozing</state><refresh>soon</refresh>'))).to.include({
      state: 'idle',
      refresh: null,
    });
  });

  it('refuses what has no state', () => {
    expect(() => parseIsComposing(mark(''))).to.throw(MalformedXml);
    expect(() => parseIsComposing(Buffer.from('<x/>'))).to.throw(MalformedXml);
  });
});
