import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

import type { Certified } from '../doubles/certificates.ts';

/** A SIP server that answers every request the same, and counts them. */
export interface AnsweringServer {
  readonly port: number;
  /** The requests that came, repeated ones included. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

export interface AnsweringOptions {
  readonly protocol: 'udp' | 'tcp' | 'tls';
  /** With TLS. */
  readonly certified?: Certified;
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** 0: it says nothing. */
  readonly status: number;
  readonly headers?: readonly string[];
}

export async function startAnsweringServer(options: AnsweringOptions): Promise<AnsweringServer> {
  const { protocol, host = '127.0.0.1', certified, status, headers = [] } = options;
  const requests: string[] = [];
  const answer = (request: string): string | undefined => {
    requests.push(request);
    return status === 0 ? undefined : responseTo(request, status, headers);
  };
  if (protocol === 'udp') return await overUdp(host, requests, answer);
  return await overStream(host, requests, answer, certified);
}

type Answer = (request: string) => string | undefined;

async function overUdp(host: string, requests: readonly string[], answer: Answer): Promise<AnsweringServer> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (bytes, { address, port }) => {
    const response = answer(bytes.toString());
    if (response !== undefined) socket.send(response, port, address);
  });
  socket.bind(0, host);
  await once(socket, 'listening');
  const close = async (): Promise<void> => {
    socket.close();
    await once(socket, 'close');
  };
  return { port: socket.address().port, requests, close };
}

async function overStream(
  host: string,
  requests: readonly string[],
  answer: Answer,
  certified?: Certified,
): Promise<AnsweringServer> {
  const sockets = new Set<Socket>();
  const take = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const whole = end + 4 + Number(/^Content-Length: (\d+)/im.exec(text)?.[1] ?? 0);
        if (text.length < whole) return;
        const response = answer(text.slice(0, whole));
        text = text.slice(whole);
        if (response !== undefined) socket.write(response);
      }
    });
  };
  const server = certified === undefined ? createServer(take) : createTlsServer(certified, take);
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return { port: typeof address === 'object' && address !== null ? address.port : 0, requests, close };
}

function responseTo(request: string, status: number, headers: readonly string[]): string {
  const lines = request.split('\r\n');
  const copied = lines.filter((line) => /^(Via|From|To|Call-ID|CSeq):/i.test(line));
  const tagged = copied.map((line) =>
    /^To:/i.test(line) && !line.includes('tag=') ? `${line};tag=s` : line,
  );
  return [`SIP/2.0 ${status} Answer`, ...tagged, ...headers, 'Content-Length: 0', '', ''].join('\r\n');
}
