import { expect } from 'chai';
import { systemClock } from '../src/core/clock.ts';
import type { RecordingMetrics } from './doubles/recording-metrics.ts';
import { recordingMetrics } from './doubles/recording-metrics.ts';
import type { RunningApp } from './doubles/running-app.ts';
import { runApp } from './doubles/running-app.ts';
import { SipPhone } from './doubles/sip-phone.ts';
import { until } from './peers/until.ts';

const ALICE = 'sip:alice@example.test';

describe('what is counted of texts that are brought', () => {
  let metrics: RecordingMetrics;
  let running: RunningApp;
  let alice: SipPhone;
  let bob: SipPhone;

  beforeEach(async () => {
    metrics = recordingMetrics();
    running = await runApp({ DELIVERY: 'push', RETRIEVAL_MODE: 'menu' }, systemClock, metrics);
    alice = await SipPhone.open({ address: ALICE, server: running.udp });
    bob = await SipPhone.open({ address: 'sip:bob@example.test', server: running.udp });
  });

  afterEach(async () => {
    await alice.close();
    await bob.close();
    await running.stop();
  });

  const counted = (name: string, most: number, labels?: Readonly<Record<string, string>>): Promise<unknown> =>
    until(`${name} to be ${most}`, 10_000, () => metrics.count(name, labels) === most);

  const register = async (): Promise<void> => {
    const headers = { To: `<${ALICE}>`, Contact: `${alice.contact};expires=600`, Allow: 'MESSAGE' };
    expect((await alice.request('REGISTER', 'sip:example.test', headers)).startLine).to.contain('200');
  };

  it('are those kept, those brought, and attempts in vain', async () => {
    for (const text of ['one', 'two']) await bob.message(ALICE, text);
    await counted('deposits_total', 2, { outcome: 'stored' });
    alice.answerTo = () => '480 Temporarily Unavailable';
    await register();
    await counted('pushes_total', 1, { outcome: 'failed' });
    expect(metrics.count('texts_pushed_total', { by: 'message' })).to.equal(0);
    alice.answerTo = () => '200 OK';
    await counted('texts_pushed_total', 2, { by: 'message' });
    await counted('texts_delivered_total', 2);
  });

  it('are reminders that became due, too', async () => {
    await register();
    await alice.message('sip:mailbox@example.test', 'remind in 1 second stretch');
    await counted('texts_scheduled_due_total', 1);
    await counted('texts_pushed_total', 1, { by: 'message' });
  });
});
