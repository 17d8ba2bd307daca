import { expect } from 'chai';
import { optionTags, refuseUnknownExtensions } from '../../src/sip/extensions.ts';
import type { DrachtioRequest } from '../../src/sip/drachtio.ts';
import { SipRefusal } from '../../src/sip/refusal.ts';
import { agreedInterval, answerInterval, longerInterval } from '../../src/sip/session-interval.ts';

type Headers = Readonly<Record<string, string>>;
const message = (headers: Headers): Pick<DrachtioRequest, 'get'> => ({ get: (name) => headers[name] });

describe('the answer to a session interval (RFC 4028 §9)', () => {
  const answer = (headers: Headers): string => {
    const { interval, headers: sent } = answerInterval(message(headers));
    const terms = interval === undefined ? 'none' : `${interval.seconds} ${interval.refresher}`;
    return [terms, sent['Session-Expires'] ?? '', sent['Require'] ?? ''].join(' | ');
  };

  it('leaves the refreshing to a caller that can, unless it wants us to; else we do it', () => {
    const timer = { Supported: 'replaces, timer' };
    const table: readonly (readonly [Headers, string])[] = [
      [{}, 'none |  | '],
      [timer, 'none |  | '],
      [{ ...timer, 'Session-Expires': '1800' }, '1800 peer | 1800;refresher=uac | timer'],
      [{ ...timer, 'Session-Expires': '1800;refresher=uac' }, '1800 peer | 1800;refresher=uac | timer'],
      [{ ...timer, 'Session-Expires': '1800 ; Refresher=UAS' }, '1800 us | 1800;refresher=uas | '],
      [{ 'Session-Expires': '1800' }, '1800 us | 1800;refresher=uas | '],
      [{ 'Session-Expires': '1800;refresher=uac' }, '1800 us | 1800;refresher=uas | '],
      [{ x: '90;refresher=uas', k: 'timer' }, '90 us | 90;refresher=uas | '],
      [{ ...timer, 'Session-Expires': 'soon' }, 'none |  | '],
    ];
    for (const [headers, expected] of table)
      expect(answer(headers), JSON.stringify(headers)).to.equal(expected);
  });

  it('shortens what is very long, though not below the least the caller names, and never lengthens', () => {
    const timer = { Supported: 'timer' };
    expect(answer({ ...timer, 'Session-Expires': '999999999999' })).to.match(/^86400 /);
    expect(answer({ ...timer, 'Session-Expires': '100000', 'Min-SE': '90000' })).to.match(/^90000 /);
    expect(answer({ ...timer, 'Session-Expires': '100', 'Min-SE': '5000' })).to.match(/^100 /);
  });

  it('refuses one under 90 s with 422 and Min-SE; without timers in the caller it has none', () => {
    const headers = { Supported: 'timer', 'Session-Expires': '89' };
    expect(() => answerInterval(message(headers)))
      .to.throw(SipRefusal, '422')
      .that.deep.includes({ headers: { 'Min-SE': '90' } });
    expect(answer({ ...headers, 'Session-Expires': '90' })).to.match(/^90 peer/);
    expect(answer({ 'Session-Expires': '10' })).to.equal('none |  | ');
  });
});

describe('the answer to our own refresh', () => {
  it('says who refreshes from now on; one that says nothing leaves it to us', () => {
    const agreed = (value?: string): string => {
      const headers: Headers = value === undefined ? {} : { 'Session-Expires': value };
      const { seconds, refresher } = agreedInterval(message(headers), 600);
      return `${seconds} ${refresher}`;
    };
    expect(agreed()).to.equal('600 us');
    expect(agreed('300;refresher=uac')).to.equal('300 us');
    expect(agreed('300;refresher=uas')).to.equal('300 peer');
    expect(agreed('9000;refresher=uac')).to.equal('600 us');
    expect(agreed('1;refresher=uac')).to.equal('90 us');
  });

  it('of 422 names a longer interval, or nothing to go by', () => {
    const longer = (value: string): number | undefined => longerInterval(message({ 'Min-SE': value }), 600);
    expect([longer('900'), longer('600'), longer('x'), longer('99999999')]).to.deep.equal([
      900,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('extensions a request requires', () => {
  const require = (value: string): DrachtioRequest => message({ Require: value }) as DrachtioRequest;

  it('are session timers at most; any other gets 420 with its name', () => {
    expect(() => refuseUnknownExtensions(require('timer'))).not.to.throw();
    expect(() => refuseUnknownExtensions(require('Timer, 100rel,foo')))
      .to.throw(SipRefusal, '420')
      .that.deep.includes({ headers: { Unsupported: '100rel, foo' } });
  });

  it('are told without what is no token', () => {
    expect(optionTags('a,,b c,\r\nX-Evil: 1, d')).to.deep.equal(['a', 'd']);
  });
});
