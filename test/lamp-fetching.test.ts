import { expect } from 'chai';
import { readConfig } from '../src/config.ts';
import { NoPresenceServer, subscriptionHop } from '../src/lamp-fetching.ts';

describe('where phones subscribe', () => {
  const hop = (environment: Readonly<Record<string, string>>): string =>
    subscriptionHop(readConfig(environment));

  it('is the presence server, where there is one', () => {
    const server = 'sip:10.0.0.5:5060;transport=tcp';
    expect(hop({ PRESENCE_SERVER: server, SIP_LISTEN: 'udp:127.0.0.1:0' })).to.equal(server);
  });

  it('is the running server otherwise, by TCP when it listens for that', () => {
    expect(hop({})).to.equal('sip:127.0.0.1:5060;transport=tcp');
    expect(hop({ SIP_LISTEN: 'udp:192.0.2.1:5070' })).to.equal('sip:192.0.2.1:5070;transport=udp');
  });

  it('is on this machine when the server listens on every address', () => {
    expect(hop({ SIP_LISTEN: 'tcp:0.0.0.0:5060' })).to.equal('sip:127.0.0.1:5060;transport=tcp');
    expect(hop({ SIP_LISTEN: 'tcp:[::]:5060' })).to.equal('sip:[::1]:5060;transport=tcp');
  });

  it('is not known when only the running server knows its port, or a drachtio-server has it', () => {
    expect(() => hop({ SIP_LISTEN: 'tcp:127.0.0.1:0' })).to.throw(NoPresenceServer, 'names no port');
    expect(() => hop({ DRACHTIO_SERVERS: '127.0.0.1:9022' })).to.throw(NoPresenceServer, 'PRESENCE_SERVER');
  });

  it('is nowhere when phones are told without', () => {
    const environment = { MWI_UNSOLICITED: 'on', OUTBOUND_PROXY: 'sip:10.0.0.5' };
    expect(() => hop(environment)).to.throw(NoPresenceServer, 'MWI_UNSOLICITED');
  });
});
