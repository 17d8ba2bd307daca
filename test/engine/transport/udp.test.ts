import { expect } from 'chai';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { TransportError } from '../../../src/engine/transport/transport.ts';
import type { Endpoint } from '../../../src/engine/transport/transport.ts';
import { callIds, listen, textMessage, until } from './listening.ts';
import type { Listening } from './listening.ts';

describe('SIP over UDP', () => {
  let listening: Listening;
  let peer: Socket;
  let answers: Buffer[];

  beforeEach(async () => {
    listening = await listen([{ protocol: 'udp', host: '127.0.0.1', port: 0 }]);
    peer = createSocket('udp4');
    answers = [];
    peer.on('message', (bytes) => answers.push(bytes));
    peer.bind(0, '127.0.0.1');
    await once(peer, 'listening');
  });

  afterEach(async () => {
    peer.close();
    await listening.layer.close();
    expect(listening.clock.pendingTimers).to.equal(0);
  });

  const send = (bytes: Buffer | string): void => peer.send(bytes, listening.at('udp').port, '127.0.0.1');
  const peerEndpoint = (): Endpoint => ({ protocol: 'udp', address: '127.0.0.1', port: peer.address().port });

  it('hands over a request, its Via stamped with where it came from', async () => {
    send(textMessage('a', 'SIP/2.0/UDP bob.example;rport;branch=z9hG4bKa'));
    await until('the request', () => listening.received.length === 1);
    const [received] = listening.received;
    expect(received?.message.headers.get('Via')).to.equal(
      `SIP/2.0/UDP bob.example;rport=${peer.address().port};branch=z9hG4bKa;received=127.0.0.1`,
    );
    expect(received?.source).to.deep.equal(peerEndpoint());
    expect(received?.local).to.deep.equal(listening.at('udp'));
    expect(received?.message.body.toString()).to.equal('hi');
    expect(listening.counted).to.deep.equal(['sip_received_total{udp}']);
  });

  it('hands over a response as it came', async () => {
    const response = textMessage('r')
      .toString()
      .replace('MESSAGE sip:alice@example.test SIP/2.0', 'SIP/2.0 200 OK');
    send(response);
    await until('the response', () => listening.received.length === 1);
    expect(listening.received[0]?.message.headers.get('Via')).to.equal(
      'SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bKa',
    );
  });

  it('answers over the flow a request came on, from the address it came to', async () => {
    send(textMessage('a'));
    await until('the request', () => listening.received.length === 1);
    const from = once(peer, 'message');
    await listening.received[0]?.flow.send(Buffer.from('answer'));
    const [bytes, { port }] = (await from) as [Buffer, { port: number }];
    expect(bytes.toString()).to.equal('answer');
    expect(port).to.equal(listening.at('udp').port);
  });

  it('sends to any target from the listening socket', async () => {
    const flow = await listening.layer.flowTo(peerEndpoint());
    await flow.send(Buffer.from('request'));
    await until('the datagram', () => answers.length === 1);
    expect(flow.local).to.deep.equal(listening.at('udp'));
  });

  it('tells of a malformed request with whom to answer, stamped too, and goes on', async () => {
    send(textMessage('bad').toString().replace('CSeq: 1 MESSAGE', 'CSeq: 1 INVITE'));
    send(textMessage('good'));
    await until('both', () => listening.received.length === 1 && listening.malformed.length === 1);
    const [problem] = listening.malformed;
    expect(problem?.error.reason).to.equal('Bad CSeq');
    expect(problem?.error.request?.headers.get('Via')).to.include(`rport=${peer.address().port}`);
    expect(problem?.flow.remote).to.deep.equal(peerEndpoint());
    expect(listening.counted).to.include('sip_malformed_total{udp,400}');
  });

  it('tells of a Via that cannot be read', async () => {
    send(textMessage('a', 'SIP/2.0/UDP <no host>'));
    await until('it', () => listening.malformed.length === 1);
    expect(listening.malformed[0]?.error.reason).to.equal('Bad Via');
    expect(listening.malformed[0]?.error.request?.method).to.equal('MESSAGE');
  });

  it('refuses a body shorter than it claims to be', async () => {
    send(textMessage('a').subarray(0, -1));
    await until('it', () => listening.malformed.length === 1);
    expect(listening.malformed[0]?.error).to.include({ status: 400, reason: 'Body Too Short' });
  });

  it('ignores keep-alives: line ends, NULs, nothing at all (RFC 5626 §4.4)', async () => {
    for (const bytes of ['\r\n\r\n', '\r\n', '\0', '\0\0\0\0', '', '\r\n'.repeat(100)]) send(bytes);
    send(textMessage('after'));
    await until('the request after them', () => listening.received.length === 1);
    expect(listening.malformed).to.deep.equal([]);
    expect(answers).to.deep.equal([]);
  });

  it('lives through noise', async () => {
    for (let i = 0; i < 50; i++)
      send(Buffer.from(Array.from({ length: i * 7 }, (_, at) => (at * 31 + i) & 0xff)));
    send(textMessage('after'));
    await until('the request after it', () => callIds(listening).includes('after'));
  });

  it('says when it cannot send', async () => {
    const { layer } = listening;
    const failure = async (target: Endpoint, bytes: Buffer): Promise<unknown> =>
      (await layer.flowTo(target)).send(bytes).catch((error: unknown) => error);
    const { port } = peer.address();
    const here: Endpoint = { protocol: 'udp', address: '127.0.0.1', port };
    expect(await failure({ ...here, port: 99_999 }, Buffer.from('x'))).to.be.instanceOf(TransportError);
    expect(await failure({ ...here, address: '127.0.0.1.example' }, Buffer.from('x'))).to.be.instanceOf(
      TransportError,
    );
    expect(await failure(here, Buffer.alloc(70_000))).to.be.instanceOf(TransportError);
    const flow = await layer.flowTo(here);
    await layer.close();
    expect(await flow.send(Buffer.from('x')).catch((error: unknown) => error)).to.be.instanceOf(
      TransportError,
    );
  });

  it('says when an address cannot be had, and leaves nothing open', async () => {
    const { port } = listening.at('udp');
    const again = listen([
      { protocol: 'tcp', host: '127.0.0.1', port: 0 },
      { protocol: 'udp', host: '127.0.0.1', port },
    ]);
    expect(await again.catch((error: unknown) => error)).to.be.instanceOf(TransportError);
  });

  it('says once, at debug, when the kernel gives smaller buffers than asked', async () => {
    const greedy = await listen([{ protocol: 'udp', host: '127.0.0.1', port: 0 }], { udpBuffer: 2 ** 30 });
    expect(greedy.debugged).to.deep.equal(['the kernel gave smaller UDP buffers']);
    await greedy.layer.close();
    const modest = await listen([{ protocol: 'udp', host: '127.0.0.1', port: 0 }], { udpBuffer: 8192 });
    expect(modest.debugged).to.deep.equal([]);
    await modest.layer.close();
  });

  it('refuses more waiting datagrams than its limit', async () => {
    const small = await listen([{ protocol: 'udp', host: '127.0.0.1', port: 0 }], { udpQueued: 10 });
    const flow = await small.layer.flowTo(peerEndpoint());
    const refused: unknown = await flow.send(Buffer.alloc(11)).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(TransportError).with.property('cause', 'too many datagrams wait');
    await flow.send(Buffer.alloc(10));
    await small.layer.close();
  });
});
