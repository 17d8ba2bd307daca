import { expect } from 'chai';
import { formatByteRange, parseByteRange, wholeByteRange } from '../../src/msrp/byte-range.ts';

describe('a Byte-Range', () => {
  it('may leave its end and the total open', () => {
    expect(parseByteRange('1-39/39')).to.deep.equal({ start: 1, end: 39, total: 39 });
    expect(parseByteRange(' 7 - * / * ')).to.deep.equal({ start: 7, end: null, total: null });
    expect(parseByteRange('1-0/0')).to.deep.equal({ start: 1, end: 0, total: 0 });
  });

  it('is written as it is read', () => {
    for (const text of ['1-39/39', '7-*/*', '1-*/100']) {
      const range = parseByteRange(text);
      expect(range === undefined ? '' : formatByteRange(range)).to.equal(text);
    }
    expect(wholeByteRange(5)).to.equal('1-5/5');
  });

  for (const text of ['', '0-5/5', '1-5', '-1-5/5', '1-5/5 x', 'a-b/c', '1-9999999999999999/1', '1.5-2/2']) {
    it(`is not ${JSON.stringify(text)}`, () => {
      expect(parseByteRange(text)).to.equal(undefined);
    });
  }
});
