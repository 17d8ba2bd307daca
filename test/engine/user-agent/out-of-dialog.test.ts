import { expect } from 'chai';
import { routeOutOfDialog } from '../../../src/engine/user-agent/out-of-dialog.ts';

describe('the way of a request outside of dialogs', () => {
  const nextHop = (proxy: string): string =>
    routeOutOfDialog('sip:bob@example.test', proxy, { settable: new Map(), others: [] }, undefined).nextHop;

  it('is what the application names, however it spells it', () => {
    const spellings: Readonly<Record<string, string>> = {
      'sip:127.0.0.1:5070;transport=tcp': 'sip:127.0.0.1:5070;transport=tcp',
      'sips:proxy.example.test': 'sips:proxy.example.test',
      '127.0.0.1': 'sip:127.0.0.1',
      'proxy.example.test:5070': 'sip:proxy.example.test:5070',
      'sip:[::1]:5070': 'sip:[::1]:5070',
      '[2001:db8::1]': 'sip:[2001:db8::1]',
    };
    for (const [proxy, uri] of Object.entries(spellings)) expect(nextHop(proxy), proxy).to.equal(uri);
  });

  it('leads to the IPv6 address a challenge came from, as drachtio-srf spells it', () => {
    expect(nextHop('sip:::1:5070')).to.equal('sip:[::1]:5070');
    expect(nextHop('sip:2001:db8::7:5060;transport=tcp')).to.equal('sip:[2001:db8::7]:5060;transport=tcp');
  });
});
