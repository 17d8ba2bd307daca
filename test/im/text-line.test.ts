import { expect } from 'chai';
import { htmlToText } from '../../src/im/html-text.ts';
import { formatTextLine, readableText } from '../../src/im/text-line.ts';

const text = {
  author: 'sip:alice@example.com',
  authorName: 'Alice',
  at: Date.UTC(2026, 10, 21, 14, 3, 59),
  contentType: 'text/plain',
  content: Buffer.from('hello'),
};

describe('text line', () => {
  it('names author, address and time', () => {
    expect(formatTextLine(text)).to.equal('Alice <sip:alice@example.com>, 2026-11-21 14:03 UTC: hello');
  });

  it('names the address alone when there is no name', () => {
    expect(formatTextLine({ ...text, authorName: ' ' })).to.equal(
      'sip:alice@example.com, 2026-11-21 14:03 UTC: hello',
    );
  });

  it('shows the words within message/cpim', () => {
    const content = Buffer.from(
      'From: <sip:x@y.test>\n\nContent-Type: text/plain;charset=iso-8859-1\n\nh\u00e9',
      'latin1',
    );
    expect(readableText('message/cpim', content)).to.equal('hé');
  });

  it('describes what is no text', () => {
    expect(readableText('image/PNG; name=x', Buffer.alloc(1234))).to.equal('[image/png, 1234 bytes]');
    expect(readableText('?', Buffer.alloc(1))).to.equal('[unknown type, 1 bytes]');
  });

  it('lets a name neither end the line, nor pass for an address, nor turn the direction of writing (spoofing)', () => {
    const authorName = 'Bob <sip:bob@example.com>, now\r\nCarol\u0000\u202e"';
    expect(formatTextLine({ ...text, authorName })).to.equal(
      'Bob sip:bob@example.com, now Carol <sip:alice@example.com>, 2026-11-21 14:03 UTC: hello',
    );
    expect(formatTextLine({ ...text, author: 'sip:a@b\r\nX: y>' })).to.match(/^Alice <sip:a@bX:y>, 2026/);
  });

  it('keeps line ends, and leaves other control characters out (terminal escapes)', () => {
    expect(readableText('text/plain', Buffer.from('a\r\nb\tc\u001b[31m\u0000d\u009b'))).to.equal(
      'a\nb\tc[31md',
    );
  });
});

describe('HTML reduced to text', () => {
  const cases: [string, string][] = [
    ['<html><body><p>Hello <b>you</b></p><p>there</p></body></html>', 'Hello you\nthere'],
    ['a<br/>b<BR>c', 'a\nb\nc'],
    ['<style>p{}</style><script>alert("x<y")</script>x', 'x'],
    ['1 &lt; 2 &amp;&amp; 3 &gt; 2 &#233;&#xe9;&nbsp;&unknown;', '1 < 2 && 3 > 2 éé &unknown;'],
    ['a <!-- <b> hidden --> b', 'a b'],
    ['1 < 2', '1 < 2'],
    ['<a href="x', ''],
    ['plain', 'plain'],
    ['&#1114112;&#0;', '\ufffd\ufffd'],
    ['<head><title>t</title></head><header>h</header>', 'h'],
    ['İİİİ <B>hello</B> <SCRIPT>x()</SCRIPT>bye', 'İİİİ hello bye'],
  ];
  for (const [html, expected] of cases) {
    it(JSON.stringify(html), () => {
      expect(htmlToText(html)).to.equal(expected);
    });
  }

  it('takes a megabyte of broken markup without delay (quadratic scanning)', () => {
    const started = performance.now();
    for (const piece of ['<', '<!--', '<script>', '<p', '&#', '&lt', '</', '<a ']) {
      htmlToText(piece.repeat(Math.floor(1_000_000 / piece.length)));
    }
    expect(performance.now() - started).to.be.below(2_000);
  });
});
