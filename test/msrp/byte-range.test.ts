import { expect } from 'chai';
import {
  announcedLength,
  formatByteRange,
  parseByteRange,
  wholeByteRange,
} from '../../src/msrp/byte-range.ts';

describe('a Byte-Range', () => {
  it('may leave its end and the total open', () => {
    expect(parseByteRange('1-39/39')).to.deep.equal({ start: 1, end: 39, total: 39 });
    expect(parseByteRange(' 7 - * / * ')).to.deep.equal({ start: 7, end: null, total: null });
    expect(parseByteRange('1-0/0')).to.deep.equal({ start: 1, end: 0, total: 0 });
  });

  it('with numbers nobody can count with is one with the greatest that can be', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const digits = '9'.repeat(400);
    expect(parseByteRange(`${digits}-${digits}/${digits}`)).to.deep.equal({
      start: most,
      end: most,
      total: most,
    });
  });

  it('announces the length of its chunk, unless it leaves that open', () => {
    const announced = (text: string): number | undefined => {
      const range = parseByteRange(text);
      return range === undefined ? undefined : announcedLength(range);
    };
    expect(announced('11-20/100')).to.equal(10);
    expect(announced('11-*/100')).to.equal(90);
    expect(announced('11-*/*')).to.equal(undefined);
    expect(announced('1-0/0')).to.equal(0);
    expect(announced('9-3/5')).to.equal(0);
  });

  it('is written as it is read', () => {
    for (const text of ['1-39/39', '7-*/*', '1-*/100']) {
      const range = parseByteRange(text);
      expect(range === undefined ? '' : formatByteRange(range)).to.equal(text);
    }
    expect(wholeByteRange(5)).to.equal('1-5/5');
  });

  for (const text of ['', '0-5/5', '1-5', '-1-5/5', '1-5/5 x', 'a-b/c', '1.5-2/2']) {
    it(`is not ${JSON.stringify(text)}`, () => {
      expect(parseByteRange(text)).to.equal(undefined);
    });
  }
});
