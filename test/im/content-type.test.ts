import { expect } from 'chai';
import { formatContentType, parseContentType } from '../../src/im/content-type.ts';

const parameters = (text: string): Record<string, string> =>
  Object.fromEntries(parseContentType(text)?.parameters ?? []);

describe('Content-Type', () => {
  it('is read in any case and with blanks', () => {
    expect(parseContentType(' Text / PLAIN ; Charset = UTF-8 ')?.mime).to.equal('text/plain');
    expect(parameters(' Text / PLAIN ; Charset = UTF-8 ')).to.deep.equal({ charset: 'UTF-8' });
  });

  it('may quote its values, with escapes and semicolons inside', () => {
    expect(parameters('text/plain;charset="utf8"; name="a\\";b"')).to.deep.equal({
      charset: 'utf8',
      name: 'a";b',
    });
  });

  it('loses only the parameters that cannot be read', () => {
    expect(parameters('text/plain;;=x;broken;charset="utf-8')).to.deep.equal({ charset: 'utf-8' });
    expect(parameters('text/plain; a=1; a=2')).to.deep.equal({ a: '1' });
  });

  for (const text of [
    '',
    'text',
    'text/',
    '/plain',
    'text/plain charset=x',
    'a b/c',
    `text/${'x'.repeat(2000)}`,
  ]) {
    it(`is none: ${JSON.stringify(text.slice(0, 30))}`, () => {
      expect(parseContentType(text)).to.equal(undefined);
    });
  }

  it('is written with quotes where they are needed, and without line ends', () => {
    const type = {
      mime: 'text/plain',
      parameters: new Map([
        ['charset', 'utf-8'],
        ['n', 'a "b"\r\nc'],
      ]),
    };
    expect(formatContentType(type)).to.equal('text/plain; charset=utf-8; n="a \\"b\\"c"');
    expect(parameters(formatContentType(type))).to.deep.equal({ charset: 'utf-8', n: 'a "b"c' });
  });
});
