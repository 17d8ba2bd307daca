import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { InvalidConfig, readConfig } from '../src/config.ts';
import { referenceEnvironment, withReference } from '../src/reference.ts';

const ROOT = join(import.meta.dirname, '..');

function faultsOf(environment: Record<string, string>): string[] {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof InvalidConfig) return error.faults.map(({ variable }) => variable);
    throw error;
  }
  return [];
}

describe('the configuration', () => {
  it('has a default for everything', () => {
    const config = readConfig({});
    expect(config.SIP_LISTEN).to.deep.equal([
      { protocol: 'udp', host: '127.0.0.1', port: 5060 },
      { protocol: 'tcp', host: '127.0.0.1', port: 5060 },
    ]);
    expect(config.DATABASE_URL).to.equal('sqlite:./data/mailbox.db');
    expect(config.SESSION_IDLE_SECONDS).to.equal(90);
    expect(config.PRESENCE_SERVER).to.equal(undefined);
  });

  it('names the Message-Account after the first domain unless told otherwise', () => {
    expect(readConfig({ DOMAINS: 'Example.TEST, other.test' }).MESSAGE_ACCOUNT.toString()).to.equal(
      'sip:mailbox@example.test',
    );
    const own = readConfig({ DOMAINS: 'example.test', MESSAGE_ACCOUNT: 'sip:texts@example.test' });
    expect(own.MESSAGE_ACCOUNT.user).to.equal('texts');
  });

  it('takes an empty variable for one that is not set', () => {
    expect(readConfig({ DOMAINS: ' ', LOG_LEVEL: '' })).to.deep.equal(readConfig({}));
  });

  it('reports all faults at once, by variable name', () => {
    const faults = faultsOf({
      SIP_LISTEN: 'sctp:127.0.0.1:5060',
      TRUSTED_PROXIES: '10.0.0.0/64',
      MESSAGE_MAX_BYTES: 'many',
      DATABASE_URL: 'postgres://db/x',
      DRACHTIO_SERVERS: 'localhost',
      MESSAGE_ACCOUNT: 'mailbox',
      DEPOSIT_FROM: 'friends',
      MWI_MESSAGE_HEADERS: 'From,Bcc',
    });
    expect(faults).to.have.members([
      'SIP_LISTEN',
      'TRUSTED_PROXIES',
      'MESSAGE_MAX_BYTES',
      'DATABASE_URL',
      'DRACHTIO_SERVERS',
      'MESSAGE_ACCOUNT',
      'DEPOSIT_FROM',
      'MWI_MESSAGE_HEADERS',
    ]);
  });

  it('takes names of headers in any case', () => {
    const config = readConfig({ MWI_MESSAGE_HEADERS: 'from, message-id' });
    expect(config.MWI_MESSAGE_HEADERS).to.deep.equal(['From', 'Message-ID']);
  });

  it('refuses ports beyond 65535 and IPv6 without brackets', () => {
    expect(faultsOf({ SIP_LISTEN: 'udp:127.0.0.1:65536' })).to.deep.equal(['SIP_LISTEN']);
    expect(faultsOf({ SIP_LISTEN: 'udp:::1:5060' })).to.deep.equal(['SIP_LISTEN']);
    expect(readConfig({ SIP_LISTEN: 'udp:[::1]:5060' }).SIP_LISTEN[0]?.host).to.equal('::1');
  });

  it('knows listeners for TLS, and by which address they are reached from beyond a NAT', () => {
    const listen = (text: string): unknown => readConfig({ SIP_LISTEN: text }).SIP_LISTEN;
    expect(
      listen(
        'udp:10.0.0.5:5060/203.0.113.7:5070, tls:10.0.0.5:5061/sip.example.com, tcp:[::]:5060/[2001:db8::7]',
      ),
    ).to.deep.equal([
      { protocol: 'udp', host: '10.0.0.5', port: 5060, advertised: { host: '203.0.113.7', port: 5070 } },
      { protocol: 'tls', host: '10.0.0.5', port: 5061, advertised: { host: 'sip.example.com', port: 0 } },
      { protocol: 'tcp', host: '::', port: 5060, advertised: { host: '2001:db8::7', port: 0 } },
    ]);
    expect(listen('tls:[::1]:5061/[2001:db8::7]:443')).to.deep.equal([
      { protocol: 'tls', host: '::1', port: 5061, advertised: { host: '2001:db8::7', port: 443 } },
    ]);
    for (const faulty of [
      '/',
      '/0.0.0.0',
      '/[::]:5060',
      '/203.0.113.7:99999',
      '/a b',
      '/::1',
      '/a/b',
      '/sip:x',
    ]) {
      expect(faultsOf({ SIP_LISTEN: `udp:10.0.0.5:5060${faulty}` }), faulty).to.deep.equal(['SIP_LISTEN']);
    }
  });

  it('wants certificate and key together', () => {
    expect(faultsOf({ SIP_TLS_CERTIFICATE: 'a.pem', MSRP_TLS_KEY: 'b.key' })).to.deep.equal([
      'SIP_TLS_KEY',
      'MSRP_TLS_CERTIFICATE',
    ]);
  });

  it('knows where WebSockets are taken, and from which pages', () => {
    const { WS_LISTEN: listen, WS_ORIGINS: origins } = readConfig({
      WS_LISTEN: 'wss:127.0.0.1:8443, ws:[::1]:8080',
      WS_ORIGINS: 'https://Chat.example.com:443,http://localhost:3000',
    });
    expect(listen).to.deep.equal([
      { protocol: 'wss', host: '127.0.0.1', port: 8443 },
      { protocol: 'ws', host: '::1', port: 8080 },
    ]);
    expect(origins).to.deep.equal(['https://chat.example.com', 'http://localhost:3000']);
    expect(readConfig({}).WS_LISTEN).to.deep.equal([]);
    expect(faultsOf({ WS_LISTEN: 'http:127.0.0.1:80', WS_ORIGINS: 'chat.example.com' })).to.deep.equal([
      'WS_LISTEN',
      'WS_ORIGINS',
    ]);
    expect(faultsOf({ WS_LISTEN: 'ws:0.0.0.0:8080' })).to.deep.equal(['MSRP_ADVERTISED_HOST']);
  });

  it('refuses settings that contradict each other', () => {
    expect(faultsOf({ MSRP_TLS_CERTIFICATE: 'cert.pem' })).to.deep.equal(['MSRP_TLS_KEY']);
    expect(faultsOf({ MSRP_LISTEN: 'tcp:0.0.0.0:2855' })).to.deep.equal(['MSRP_ADVERTISED_HOST']);
    expect(faultsOf({ DRACHTIO_SERVERS: 'a:9022,b:9022' })).to.deep.equal(['PRESENCE_SERVER']);
    expect(faultsOf({ MESSAGE_ACCOUNT: 'sip:mailbox@elsewhere.test' })).to.deep.equal(['MESSAGE_ACCOUNT']);
    expect(faultsOf({ SIP_T1_MS: '500', SIP_T2_MS: '499' })).to.deep.equal(['SIP_T2_MS']);
    expect(faultsOf({ SIP_AUTH_USER: 'mailbox' })).to.deep.equal(['SIP_AUTH_PASSWORD']);
    expect(faultsOf({ MWI_UNSOLICITED: 'on' })).to.deep.equal(['OUTBOUND_PROXY']);
    const proxy = 'sip:10.0.0.5:5060;transport=tcp';
    expect(faultsOf({ MWI_UNSOLICITED: 'on', OUTBOUND_PROXY: proxy, PRESENCE_SERVER: proxy })).to.deep.equal([
      'MWI_UNSOLICITED',
    ]);
    expect(faultsOf({ VOICEMAIL_MWI: 'sip:vm@10.0.0.5', PRESENCE_SERVER: proxy })).to.deep.equal([
      'VOICEMAIL_MWI',
    ]);
  });

  it('says in the README and in .env.example what the schema says', () => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const example = readFileSync(join(ROOT, '.env.example'), 'utf8');
    expect(withReference(readme)).to.equal(readme);
    expect(example).to.equal(referenceEnvironment());
  });
});
