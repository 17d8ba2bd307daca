import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { startBaresip } from './baresip.ts';
import type { Baresip } from './baresip.ts';
import { startKamailio } from './kamailio.ts';
import type { Kamailio } from './kamailio.ts';
import { RawSip } from './raw-sip.ts';
import type { RawMessage } from './raw-sip.ts';
import { releasedAfter } from './release.ts';
import { peerProgram, requirePeer } from './require-peer.ts';
import { runSipp } from './sipp.ts';
import { startCapture } from './tshark.ts';
import { until } from './until.ts';

const NOWHERE = 'sip:127.0.0.1:9';

function summary(newTexts: number): string {
  return [
    `Messages-Waiting: ${newTexts > 0 ? 'yes' : 'no'}`,
    'Message-Account: sip:mailbox@example.test',
    `Text-Message: ${newTexts}/0 (0/0)`,
    '',
  ].join('\r\n');
}

/** Publishes a summary for `user` and resolves with the response, spelled out here on purpose. */
function publish(
  sip: RawSip,
  kamailio: Kamailio,
  user: string,
  body: string,
  tag?: string,
): Promise<RawMessage> {
  const uri = `sip:${user}@example.test`;
  return sip.request(
    {
      method: 'PUBLISH',
      uri,
      from: uri,
      headers: {
        Event: 'message-summary',
        Expires: '600',
        'Content-Type': 'application/simple-message-summary',
        ...(tag === undefined ? {} : { 'SIP-If-Match': tag }),
      },
      body,
    },
    kamailio.port,
  );
}

/** Subscribes to `user`'s summaries; each NOTIFY that comes is to be answered by the test. */
function subscribe(sip: RawSip, kamailio: Kamailio, user: string): Promise<RawMessage> {
  const uri = `sip:${user}@example.test`;
  return sip.request(
    {
      method: 'SUBSCRIBE',
      uri,
      from: uri,
      headers: {
        Event: 'message-summary',
        Accept: 'application/simple-message-summary',
        Expires: '600',
        Contact: `<sip:${user}@127.0.0.1:${sip.port}>`,
      },
    },
    kamailio.port,
  );
}

async function notified(sip: RawSip, kamailio: Kamailio, body: string): Promise<void> {
  const notify = await sip.message(
    'a NOTIFY with the summary',
    (message) => message.startLine.startsWith('NOTIFY ') && message.body === body,
  );
  sip.answer(notify, kamailio.port);
}

/** Answers the next `count` MESSAGEs as they come. */
async function answerMessages(
  sip: RawSip,
  kamailio: Kamailio,
  count: number,
  status = '200 OK',
): Promise<RawMessage[]> {
  const before = sip.received().length;
  const answered: RawMessage[] = [];
  while (answered.length < count) {
    const message = await until('a MESSAGE', 5_000, () =>
      sip
        .received()
        .slice(before)
        .find((candidate) => candidate.startLine.startsWith('MESSAGE ') && !answered.includes(candidate)),
    );
    answered.push(message);
    sip.answer(message, kamailio.port, status);
  }
  return answered;
}

describe('a capture of the loopback interface', () => {
  requirePeer('tshark');
  const release = releasedAfter();
  let sip: RawSip;
  before(async () => {
    sip = await RawSip.open();
    release(() => sip.close());
  });

  it('counts what was sent and names the packets that cannot be read', async () => {
    const capture = await startCapture([{ port: sip.port, protocol: 'sip' }]);
    const options = `OPTIONS sip:b@example.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\n`;
    sip.send(`${options}Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n`, sip.port);
    sip.send(`${options}\u0001\u0002`, sip.port);
    const report = await capture.stop();
    expect(report.packets).to.equal(2);
    expect(report.malformed).to.have.length(1);
    expect(report.malformed[0]).to.deep.include({ protocol: 'SIP' });
    expect(report.malformed[0]?.complaint).to.include('Malformed Packet');
  });
});

describe('the Kamailio of the tests', () => {
  requirePeer('kamailio');
  let kamailio: Kamailio;
  let sip: RawSip;

  describe('with presence in memory', () => {
    const release = releasedAfter();
    before(async () => {
      sip = await RawSip.open();
      release(() => sip.close());
      kamailio = await startKamailio({ mailbox: `sip:127.0.0.1:${sip.port}`, sanity: true });
      release(() => kamailio.stop());
    });

    it('answers OPTIONS with 200', async () => {
      const uri = `sip:127.0.0.1:${kamailio.port}`;
      const response = await sip.request(
        { method: 'OPTIONS', uri, from: 'sip:a@example.test' },
        kamailio.port,
      );
      expect(response.startLine).to.equal('SIP/2.0 200 OK');
    });

    it('notifies a subscriber of a published summary, byte for byte', async () => {
      expect((await subscribe(sip, kamailio, 'ann')).startLine).to.match(/^SIP\/2\.0 20[02]/);
      expect((await publish(sip, kamailio, 'ann', summary(2))).startLine).to.equal('SIP/2.0 200 OK');
      await notified(sip, kamailio, summary(2));
    });

    it('sends a MESSAGE for an absent user to the mailbox, with the callee as target and the caller asserted', async () => {
      const sent = sip.request(
        {
          method: 'MESSAGE',
          uri: 'sip:absent@example.test',
          from: 'sip:caller@example.test',
          headers: { 'Content-Type': 'text/plain', 'P-Asserted-Identity': '<sip:forged@example.test>' },
          body: 'hello',
        },
        kamailio.port,
      );
      const relayed = await sip.message('the MESSAGE', (message) => message.startLine.startsWith('MESSAGE '));
      sip.answer(relayed, kamailio.port);
      expect((await sent).startLine).to.equal('SIP/2.0 200 OK');
      expect(relayed.startLine).to.equal('MESSAGE sip:absent@example.test SIP/2.0');
      expect(relayed.text.match(/^P-Asserted-Identity:.*$/gm)).to.deep.equal([
        'P-Asserted-Identity: <sip:caller@example.test>',
      ]);
    });

    it('logs a request that breaks a rule of SIP', async () => {
      const uri = `sip:127.0.0.1:${kamailio.port}`;
      const request = { method: 'OPTIONS', uri, from: 'sip:a@example.test', headers: { CSeq: '1 INFO' } };
      const response = await sip.request(request, kamailio.port);
      expect(response.startLine).to.match(/^SIP\/2\.0 4/);
      // The answer leaves before the line is written.
      await until(
        'a SANITY line',
        2_000,
        () => kamailio.log().includes('SANITY request OPTIONS'),
        () => kamailio.log(),
      );
    });
  });

  describe('with a phone', () => {
    let phone: Baresip;
    requirePeer('baresip');
    const release = releasedAfter();

    before(async () => {
      sip = await RawSip.open();
      release(() => sip.close());
      kamailio = await startKamailio({ mailbox: `sip:127.0.0.1:${sip.port}` });
      release(() => kamailio.stop());
      phone = await startBaresip({
        proxyPort: kamailio.port,
        user: 'bob',
        contacts: ['sip:mailbox@example.test', 'sip:bob@example.test'],
      });
      release(() => phone.stop());
    });

    it('shows each published summary on the phone, byte for byte', async () => {
      const first = await publish(sip, kamailio, 'bob', summary(3));
      expect(await phone.nextMwi((body) => body.includes('yes'))).to.equal(summary(3));
      await publish(sip, kamailio, 'bob', summary(0), first.header('SIP-ETag'));
      expect(await phone.nextMwi((body) => body.includes('no'))).to.equal(summary(0));
      expect(phone.mwiBodies()).to.deep.equal([summary(3), summary(0)]);
    });

    it('shows a text that reaches the phone', async () => {
      const text = 'Grüße an "Bob"\nund Familie';
      const response = await sip.request(
        {
          method: 'MESSAGE',
          uri: 'sip:bob@example.test',
          from: 'sip:carol@example.test',
          headers: { 'Content-Type': 'text/plain' },
          body: text,
        },
        kamailio.port,
      );
      expect(response.startLine).to.equal('SIP/2.0 200 OK');
      expect(await phone.nextMessage()).to.deep.equal({ peer: 'sip:carol@example.test', text });
    });

    it('sends what the phone writes to the contact it is for, and tells a refusal', async () => {
      await phone.sendMessage('sip:bob@example.test', 'a note to myself');
      expect((await phone.nextMessage()).text).to.equal('a note to myself');
      await phone.sendMessage('sip:mailbox@example.test', 'fetch');
      const relayed = await sip.message('the MESSAGE', (message) => message.startLine.startsWith('MESSAGE '));
      expect(relayed.body).to.equal('fetch');
      sip.answer(relayed, kamailio.port, '404 Not Found');
      await until('a refusal', 2_000, () => phone.refusals().length > 0);
      expect(phone.refusals()).to.deep.equal(['404 Not Found']);
    });
  });

  describe('under SIPp', () => {
    requirePeer('sipp');
    const release = releasedAfter();
    before(async () => {
      sip = await RawSip.open();
      release(() => sip.close());
      kamailio = await startKamailio({ mailbox: `sip:127.0.0.1:${sip.port}` });
      release(() => kamailio.stop());
    });

    for (const transport of ['udp', 'tcp'] as const) {
      it(`answers every OPTIONS over ${transport}`, async () => {
        const result = await runSipp({
          scenario: 'options.xml',
          port: kamailio.port,
          calls: 50,
          ratePerSecond: 200,
          transport,
        });
        expect(result).to.include({ successful: 50, failed: 0, errors: '' });
        expect(result.ratePerSecond).to.be.within(100, 300);
      });
    }

    it('counts the calls that do not go as the scenario says', async () => {
      const keys = { prefix: 'refused', domain: 'example.test' };
      const answered = answerMessages(sip, kamailio, 3, '403 Forbidden');
      const run = { scenario: 'message.xml', port: kamailio.port, calls: 3, ratePerSecond: 100, keys };
      const result = await runSipp(run);
      await answered;
      expect(result).to.include({ successful: 0, failed: 3 });
      expect(result.errors).to.include('403 Forbidden');
    });

    it('gives each MESSAGE users and a text of its own', async () => {
      const keys = { prefix: 'load', domain: 'example.test' };
      const answered = answerMessages(sip, kamailio, 10);
      const run = { scenario: 'message.xml', port: kamailio.port, calls: 10, ratePerSecond: 100, keys };
      expect(await runSipp(run)).to.include({ successful: 10, failed: 0 });
      const messages = await answered;
      expect(new Set(messages.map(({ startLine }) => startLine)).size).to.equal(10);
      expect(new Set(messages.map((message) => message.header('Call-ID'))).size).to.equal(10);
      expect(messages.map(({ body }) => body).sort()).to.deep.equal(
        Array.from({ length: 10 }, (_, index) => `Text ${index + 1} of load`).sort(),
      );
    });
  });

  describe('with presence in SQLite', () => {
    const release = releasedAfter();
    before(async () => {
      sip = await RawSip.open();
      release(() => sip.close());
      kamailio = await startKamailio({ mailbox: NOWHERE, variant: 'sqlite' });
      release(() => kamailio.stop());
    });

    it('keeps publications and subscriptions over a restart', async () => {
      await subscribe(sip, kamailio, 'eve');
      const first = await publish(sip, kamailio, 'eve', summary(1));
      expect(first.startLine).to.equal('SIP/2.0 200 OK');
      await notified(sip, kamailio, summary(1));
      await kamailio.restart();
      const second = await publish(sip, kamailio, 'eve', summary(5), first.header('SIP-ETag'));
      expect(second.startLine).to.equal('SIP/2.0 200 OK');
      await notified(sip, kamailio, summary(5));
    });
  });

  it('takes the configuration that operators start from', () => {
    const file = fileURLToPath(new URL('../../deploy/kamailio.cfg', import.meta.url));
    const check = spawnSync(peerProgram('kamailio'), ['-c', '-E', '-f', file], { encoding: 'utf8' });
    expect(check.status, check.stderr).to.equal(0);
    expect(check.stderr).to.not.match(/ (ERROR|WARNING|CRITICAL): /);
  });
});
