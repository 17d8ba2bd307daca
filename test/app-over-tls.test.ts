import { expect } from 'chai';
import { systemClock } from '../src/core/clock.ts';
import { RawSipClient, rawRequest } from './doubles/raw-sip-client.ts';
import { recordingMetrics } from './doubles/recording-metrics.ts';
import { runApp } from './doubles/running-app.ts';
import type { RunningApp } from './doubles/running-app.ts';
import { until } from './peers/until.ts';

describe('a site that speaks SIP over TLS alone', () => {
  let running: RunningApp;
  let sender: RawSipClient | undefined;

  afterEach(async () => {
    await sender?.close();
    await running.stop();
  });

  it('takes texts and lights lamps with the certificate it made itself', async () => {
    const metrics = recordingMetrics();
    running = await runApp({ SIP_LISTEN: 'tls:127.0.0.1:0' }, systemClock, metrics);
    const port = Number(/tls\/[^,]*:(\d+)/.exec(running.app.sip)?.[1]);
    sender = await RawSipClient.connect('tls', port);
    const headers = ['Content-Type: text/plain'];
    const uri = 'sip:alice@example.test';
    const from = '<sip:bob@example.test>;tag=1';
    sender.send(rawRequest({ method: 'MESSAGE', uri, from, client: sender, headers, body: 'hello' }));
    const { startLine } = await sender.nextMessage(({ status }) => status >= 200);
    expect(startLine).to.match(/^SIP\/2\.0 2/);
    await until(
      'the lamp to be lit',
      5_000,
      () => metrics.count('publish_total', { answer: 'accepted' }) > 0,
    );
  });
});
