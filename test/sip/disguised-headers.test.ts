import { expect } from 'chai';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { SipAgent } from '../../src/sip/agent.ts';
import type { Route } from '../../src/sip/agent.ts';
import { SipRefusal } from '../../src/sip/refusal.ts';
import { hasDisguisedHeaders } from '../../src/sip/disguised-headers.ts';

/** A drachtio-server that takes every command, and hands over one MESSAGE when it is asked for them. */
function serverWith(header: string, answered: (line: string) => void): Server {
  const message = [
    'MESSAGE sip:alice@example.test SIP/2.0',
    'Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1',
    header,
    'From: <sip:mallory@example.test>;tag=1',
    'To: <sip:alice@example.test>',
    'Call-ID: c1',
    'CSeq: 1 MESSAGE',
    'Content-Length: 0\r\n\r\n',
  ].join('\r\n');
  return createServer((socket) => {
    const say = (payload: string): void => void socket.write(`${Buffer.byteLength(payload)}#${payload}`);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      for (const [, payload = ''] of chunk.toString().matchAll(/\d+#((?:(?!\d+#)[^])*)/g)) {
        const [id = '', command = ''] = payload.split('|');
        const status = /SIP\/2\.0 .*/.exec(payload);
        if (status !== null) answered(status[0].trim());
        else if (command === 'authenticate')
          say(`r1|response|${id}|OK|udp/192.0.2.1:5060|v0.9.10|udp/192.0.2.1:5060`);
        else say(`r2|response|${id}|OK`);
        if (command === 'route') {
          say(
            `n1|sip|network|${message.length}|udp|192.0.2.7|5060|10:00:00.000000|t1||192.0.2.1|5060|\r\n${message}`,
          );
        }
      }
    });
  });
}

describe('header names with escapes, which drachtio-srf resolves', () => {
  let server: Server;
  let agent: SipAgent;

  afterEach(() => {
    agent.stop();
    server.close();
  });

  async function answerTo(header: string): Promise<string> {
    let answered: (line: string) => void = () => undefined;
    const answer = new Promise<string>((resolve) => (answered = resolve));
    server = serverWith(header, answered);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const servers = [{ host: '127.0.0.1', port }];
    agent = new SipAgent({
      servers,
      secret: 's',
      clock: systemClock,
      logger: silentLogger,
      metrics: noMetrics,
    });
    const refuse: Route = () => Promise.reject(new SipRefusal(404, 'Not Found'));
    await agent.start({ MESSAGE: refuse });
    return await answer;
  }

  it('impostor: who seems to be somebody else by them is refused, whatever server handed the request over', async () => {
    expect(await answerTo('%50-Asserted-Identity: <sip:boss@example.test>')).to.match(/^SIP\/2\.0 400 /);
  });

  it('others are judged by their route', async () => {
    expect(await answerTo('Subject: 100%25 of it: all')).to.match(/^SIP\/2\.0 404/);
  });

  it('are told from percent signs elsewhere', () => {
    const told = (head: string): boolean => hasDisguisedHeaders(`MESSAGE sip:a%20b@x SIP/2.0\r\n${head}`);
    for (const name of ['%46rom', 'f%72om', '%u0046rom '])
      expect(told(`To: x\r\n${name}: y`), name).to.equal(true);
    for (const head of ['A: b\r\n %46rom: c', 'A-%zz: b', 'A: b\r\n\r\n%46rom: c']) {
      expect(told(head), head).to.equal(false);
    }
    expect(hasDisguisedHeaders(undefined)).to.equal(false);
  });
});
