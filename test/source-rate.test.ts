import { expect } from 'chai';
import { RawSipClient, rawRequest } from './doubles/raw-sip-client.ts';
import type { RunningApp } from './doubles/running-app.ts';
import { runApp } from './doubles/running-app.ts';

describe('SIP_SOURCE_RATE', () => {
  let app: RunningApp;
  let client: RawSipClient;

  afterEach(async () => {
    await client.close();
    await app.stop();
  });

  async function statusesOf(environment: Readonly<Record<string, string>>): Promise<number[]> {
    app = await runApp({ DEPOSIT_FROM: 'anyone', ...environment });
    client = await RawSipClient.connect('udp', app.udp);
    const texts = Array.from({ length: 8 }, () =>
      rawRequest({
        method: 'MESSAGE',
        uri: 'sip:alice@example.test',
        from: '<sip:bob@example.test>;tag=1',
        client,
        headers: ['Content-Type: text/plain'],
        body: 'hello',
      }),
    );
    for (const text of texts) client.send(text);
    for (const text of texts) {
      const callId = /Call-ID: (\S+)/.exec(text.toString())?.[1];
      await client.nextMessage((message) => message.header('Call-ID') === callId);
    }
    return client.received.map(({ status }) => status).sort((a, b) => a - b);
  }

  it('turns away what one address sends beyond it, after four seconds’ worth at once', async () => {
    const statuses = await statusesOf({ SIP_SOURCE_RATE: '1', TRUSTED_PROXIES: '192.0.2.0/24' });
    expect(statuses.filter((status) => status === 503)).to.have.length.within(3, 4);
  });

  it('does not count the trusted proxies', async () => {
    const statuses = await statusesOf({ SIP_SOURCE_RATE: '1', TRUSTED_PROXIES: '127.0.0.0/8' });
    expect(statuses).to.not.include(503);
  });

  it('0 turns nobody away', async () => {
    const statuses = await statusesOf({ SIP_SOURCE_RATE: '0', TRUSTED_PROXIES: '192.0.2.0/24' });
    expect(statuses).to.not.include(503);
  });
});
