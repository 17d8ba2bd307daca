import { connect } from 'node:net';
import type { Server } from './servers.ts';

/** One frame as a client writes it: its length in bytes, and what it says. */
function frame(payload: string): string {
  return `${Buffer.byteLength(payload)}#${payload}`;
}

/**
 * Sends commands spelled out, one after the other's answer, on a connection of their own: `ping` or `sip|…`. Resolves
 * with what each answer says, from OK, NO or NOK on; `closed` where the connection ended instead.
 */
export async function controlExchange(server: Server, commands: readonly string[]): Promise<string[]> {
  const socket = connect(server.control.port, server.control.host);
  socket.on('error', () => undefined);
  let received = '';
  let wake: () => void = () => undefined;
  let closed = false;
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
    wake();
  });
  socket.on('close', () => {
    closed = true;
    wake();
  });
  const answerTo = async (id: string): Promise<string> => {
    for (;;) {
      const found = new RegExp(`\\|response\\|${id}\\|([^\\r\\n]*?)(?=\\d+#|\\r\\n|$)`).exec(received);
      if (found?.[1] !== undefined) return found[1];
      if (closed) return 'closed';
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  try {
    const answers: string[] = [];
    for (const [index, command] of [`authenticate|${server.secret}|`, ...commands].entries()) {
      socket.write(frame(`command-${index}|${command}`));
      answers.push(await answerTo(`command-${index}`));
    }
    return answers.slice(1);
  } finally {
    socket.destroy();
  }
}
