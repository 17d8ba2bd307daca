import { expect } from 'chai';
import { formatCpim } from '../../src/im/cpim-writer.ts';
import type { TextBody } from '../../src/mailbox/read-body.ts';
import { MalformedText, UnsupportedText, readBody } from '../../src/mailbox/read-body.ts';
import { fixture } from '../im/fixtures.ts';

function textOf(name: string): TextBody {
  const body = readBody('message/cpim', fixture('cpim/valid', name));
  if (body.kind !== 'text') throw new Error(`${name} is no text`);
  return body;
}

describe('a body that is read', () => {
  it('gives the text, what its wrapper says of it, and the wrapper itself without content', () => {
    const { wrapper, ...body } = textOf('all-headers');
    expect(body).to.deep.equal({
      kind: 'text',
      contentType: 'text/plain; charset=utf-8; format=flowed',
      content: Buffer.from('café au lait'),
      messageId: '34jk324j',
      subject: 'news',
      sentAt: Date.UTC(2026, 10, 21, 19, 3, 5, 250),
      urgent: false,
      deliverAt: null,
    });
    expect(wrapper?.content).to.have.length(0);
    expect(wrapper?.cc).to.have.length(1);
    expect(wrapper?.mimeHeaders).to.have.length(6);
  });

  it('that came bare has no wrapper', () => {
    expect(readBody('text/plain', Buffer.from('x'))).to.deep.include({
      wrapper: null,
      messageId: null,
      subject: null,
    });
  });

  it('wrapped twice has the message headers of the outer and the MIME headers of the inner', () => {
    const { wrapper, content, messageId, subject } = textOf('nested-with-headers');
    expect([content.toString(), messageId, subject]).to.deep.equal(['hello', 'outer-1', 'outer']);
    expect(wrapper?.from?.uri).to.equal('sip:gateway@example.com');
    expect(wrapper?.mimeHeaders).to.deep.equal([{ name: 'Content-Language', value: 'en' }]);
    expect(wrapper?.contentType).to.equal('text/plain');
  });

  it('with its own type on top of it has the headers below', () => {
    const { wrapper, messageId, subject } = textOf('type-on-top');
    expect([messageId, subject, wrapper?.from?.uri]).to.deep.equal([
      't1',
      'under the type',
      'sip:bob@example.com',
    ]);
  });

  it('is urgent when a Priority in its wrapper says so', () => {
    const urgent = (priority: string): unknown =>
      readBody(
        'message/cpim',
        Buffer.from(`From: <sip:b@e.test>\nPriority: ${priority}\n\nContent-Type: text/plain\n\nx`),
      );
    expect(urgent('Urgent')).to.include({ urgent: true });
    expect(urgent('normal')).to.include({ urgent: false });
  });

  it('asks to be refused when it is no text, or broken', () => {
    expect(() => readBody('image/png', Buffer.from('x'))).to.throw(UnsupportedText);
    expect(() => readBody('message/cpim', fixture('cpim/invalid', 'plain-words'))).to.throw(MalformedText);
    const base64 =
      'From: <sip:b@e.test>\r\n\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n%%';
    expect(() => readBody('message/cpim', Buffer.from(base64))).to.throw(MalformedText);
  });

  it('is refused when its words are compressed within message/cpim, as nobody would undo that', () => {
    const coded = (coding: string): Buffer =>
      Buffer.from(
        `From: <sip:b@e.test>\r\n\r\nContent-Type: text/plain\r\nContent-Encoding: ${coding}\r\n\r\nx\x9c`,
        'latin1',
      );
    expect(() => readBody('message/cpim', coded('Deflate'))).to.throw(UnsupportedText);
    for (const none of ['', 'Identity']) {
      expect(readBody('message/cpim', coded(none))).to.include({ kind: 'text' });
    }
  });

  it('has a wrapper that can be written and read again', () => {
    const { wrapper } = textOf('all-headers');
    if (wrapper === null) throw new Error('there is none');
    const again = readBody(
      'message/cpim',
      Buffer.concat([formatCpim({ ...wrapper, mimeHeaders: [] }), Buffer.from('x')]),
    );
    expect(again).to.deep.include({ messageId: '34jk324j', subject: 'news' });
  });
});
