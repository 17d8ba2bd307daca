import { expect } from 'chai';
import { startEngine, UnusableOption } from '../../src/engine/engine.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { settingsOf } from '../../src/engine/options.ts';

describe('the options of an engine', () => {
  it('need be no more than where it listens and a secret', async () => {
    const { clock, random, logger, metrics, control } = settingsOf({ listen: [], secret: 's' });
    for (const given of [clock, random, logger, metrics]) expect(given).to.be.an('object');
    expect(control, 'the port itself has defaults').to.deep.equal({});
    let engine: Engine | undefined;
    try {
      engine = await startEngine({
        listen: ['udp:127.0.0.1:0', 'tcp:[::1]:0'],
        control: { port: 0 },
        secret: 's',
      });
      expect(engine.control.host).to.equal('127.0.0.1');
      expect(engine.control.port).to.be.greaterThan(0);
      expect(engine.sip.map(({ protocol, address }) => `${protocol} ${address}`)).to.have.members([
        'udp 127.0.0.1',
        'tcp ::1',
      ]);
    } finally {
      await engine?.close();
    }
  });

  it('say where to listen in a word', () => {
    const listen = ['udp:127.0.0.1:5060', 'TLS:[2001:db8::1]:5061', 'tcp:sip.example.test:0'];
    expect(settingsOf({ listen, secret: 's' }).listen).to.deep.equal([
      { protocol: 'udp', host: '127.0.0.1', port: 5060 },
      { protocol: 'tls', host: '2001:db8::1', port: 5061 },
      { protocol: 'tcp', host: 'sip.example.test', port: 0 },
    ]);
  });

  it('are refused when they say nothing an engine could do', async () => {
    for (const text of [
      '',
      '5060',
      'udp',
      'udp:127.0.0.1',
      'sctp:127.0.0.1:5060',
      'udp:::1:5060',
      'udp:a:65536',
      'udp:a b:1',
    ]) {
      expect(() => settingsOf({ listen: [text], secret: 's' }), text).to.throw(UnusableOption);
    }
    let refusal: unknown;
    await startEngine({ listen: ['udp'], secret: 's' }).catch((error: unknown) => {
      refusal = error;
    });
    expect(refusal).to.be.instanceOf(UnusableOption);
  });
});
