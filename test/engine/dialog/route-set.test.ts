import { expect } from 'chai';
import { isLooseRouter, planRoute } from '../../../src/engine/dialog/route-set.ts';

const BOB = 'sip:bob@192.0.2.2;transport=tcp';

describe('the way through a route set (RFC 3261 §8.1.2, §12.2.1.1)', () => {
  it('without proxies leads to the target', () => {
    expect(planRoute(BOB, [])).to.deep.equal({ uri: BOB, routes: [], nextHop: BOB });
  });

  it('of loose routers leaves the Request-URI alone, whatever comes behind the first', () => {
    const routes = ['<sip:p1.test;lr;x=1>;ob', '<sip:old.test>', '"P" <sip:p3.test;lr>'];
    expect(planRoute(BOB, routes)).to.deep.equal({ uri: BOB, routes, nextHop: 'sip:p1.test;lr;x=1' });
  });

  it('of a strict router first puts it in the Request-URI’s place and the target at the end', () => {
    expect(planRoute(BOB, ['<sip:old.test;x=1>;ob', '<sip:p2.test;lr>'])).to.deep.equal({
      uri: 'sip:old.test;x=1',
      routes: ['<sip:p2.test;lr>', `<${BOB}>`],
      nextHop: 'sip:old.test;x=1',
    });
  });

  it('puts nothing in the Request-URI that may not stand there (§19.1.1)', () => {
    expect(planRoute('sip:bob@b.test;method=INVITE;x=1?Subject=hi', []).uri).to.equal('sip:bob@b.test;x=1');
    expect(planRoute(BOB, ['<sip:old.test?Subject=hi>']).uri).to.equal('sip:old.test');
    expect(planRoute('tel:+1?a', []).uri).to.equal('tel:+1?a');
  });

  it('to a target that is sips begins with TLS', () => {
    expect(planRoute('sips:bob@b.test', ['<sip:p1.test;lr>']).nextHop).to.equal('sips:p1.test;lr');
    expect(planRoute(BOB, ['<sips:p1.test;lr>']).nextHop).to.equal('sips:p1.test;lr');
  });

  it('takes a user that looks like the parameter for no loose router', () => {
    expect(isLooseRouter('sip:a;lr@p.test')).to.equal(false);
    expect(isLooseRouter('sip:p.test;LR=on')).to.equal(true);
    expect(isLooseRouter('<<>>')).to.equal(false);
  });
});
