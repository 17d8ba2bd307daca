import { expect } from 'chai';
import { mapped, reach, unmapped } from '../../../src/engine/transport/addresses.ts';
import type { Endpoint, Protocol } from '../../../src/engine/transport/transport.ts';

const at = (protocol: Protocol, address: string): Endpoint => ({ protocol, address, port: 5060 });

describe('addresses of sockets for both versions of IP', () => {
  it('are shown as what they are', () => {
    expect(unmapped('::ffff:192.0.2.1')).to.equal('192.0.2.1');
    expect(unmapped('2001:db8::1')).to.equal('2001:db8::1');
    expect(mapped('192.0.2.1')).to.equal('::ffff:192.0.2.1');
    expect(mapped('::1')).to.equal('::1');
  });
});

describe('which listener a request leaves from', () => {
  const best = (target: Endpoint, ...locals: readonly Endpoint[]): string | undefined =>
    locals
      .filter((local) => reach(local, target) > 0)
      .sort((a, b) => reach(b, target) - reach(a, target))
      .at(0)?.address;

  it('is one of the same protocol and IP version', () => {
    expect(best(at('udp', '192.0.2.1'), at('tcp', '0.0.0.0'), at('udp', '2001:db8::5'))).to.equal(undefined);
    expect(best(at('udp', '2001:db8::1'), at('udp', '0.0.0.0'), at('udp', '2001:db8::5'))).to.equal(
      '2001:db8::5',
    );
    expect(best(at('udp', '192.0.2.1'), at('udp', '::'))).to.equal('::');
  });

  it('is not one on loopback for a peer outside, over UDP', () => {
    const locals = [at('udp', '127.0.0.1'), at('udp', '192.0.2.9')];
    expect(best(at('udp', '192.0.2.1'), ...locals)).to.equal('192.0.2.9');
    expect(best(at('udp', '127.0.0.1'), ...locals)).to.equal('127.0.0.1');
    expect(best(at('udp', '192.0.2.1'), at('udp', '127.0.0.1'))).to.equal(undefined);
  });

  it('may be any over TCP, where a new connection picks its own address', () => {
    expect(best(at('tcp', '192.0.2.1'), at('tcp', '127.0.0.1'))).to.equal('127.0.0.1');
    expect(best(at('tcp', '2001:db8::1'), at('tcp', '127.0.0.1'))).to.equal('127.0.0.1');
  });
});
