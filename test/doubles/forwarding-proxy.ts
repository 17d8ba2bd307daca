import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';

/** What a proxy does with a MESSAGE for somebody who is offline. */
export type Offline = 'refuses' | 'leaves' | 'leaves and refuses';

/** A proxy in a few lines, over UDP on loopback, whose users are all offline. */
export interface ForwardingProxy {
  readonly port: number;
  /** MESSAGEs that came, as they came. */
  readonly messages: readonly string[];
  close(): Promise<void>;
}

/**
 * Answers a MESSAGE 480, or leaves it at the mailbox, as a failure route does, and passes on the answer; or does the one and
 * answers the other.
 * @param mailbox UDP port
 */
export async function startForwardingProxy(
  mailbox: () => number,
  offline: Offline,
): Promise<ForwardingProxy> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  const messages: string[] = [];
  const senders = new Map<string, number>();
  const branchOf = (text: string): string => /branch=([^;\r\s]+)/.exec(text)?.[1] ?? '';
  socket.on('message', (datagram, from) => {
    const text = datagram.toString('utf8');
    if (text.startsWith('SIP/2.0')) {
      const via = /^Via: SIP\/2\.0\/UDP 127\.0\.0\.1:\d+;branch=z9hG4bK-proxy-[^\r]*\r\n/im;
      const sender = senders.get(branchOf(text));
      if (sender === undefined) return;
      const back = text.replace(via, '');
      send(socket, offline === 'leaves and refuses' ? answerTo(back, '480 Away') : back, sender);
      return;
    }
    messages.push(text);
    if (offline === 'refuses') {
      send(socket, answerTo(text, '480 Away'), from.port);
      return;
    }
    const branch = `z9hG4bK-proxy-${branchOf(text)}`;
    senders.set(branch, from.port);
    const [startLine = '', ...rest] = text.split('\r\n');
    const via = `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=${branch}`;
    send(socket, [startLine, via, ...rest].join('\r\n'), mailbox());
  });
  return {
    port,
    messages,
    close: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

function send(socket: Socket, text: string, port: number): void {
  socket.send(text, port, '127.0.0.1');
}

function answerTo(message: string, status: string): string {
  const kept = message.split('\r\n').filter((line) => /^(?:via|from|to|call-id|cseq):/i.test(line));
  return [`SIP/2.0 ${status}`, ...kept, 'Content-Length: 0', '', ''].join('\r\n');
}
