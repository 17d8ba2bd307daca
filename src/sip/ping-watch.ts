import type { Clock, Timer } from '../core/clock.ts';
import type { ControlConnections, ControlSocket } from './drachtio.ts';
import { SIP_LIMITS } from './limits.ts';

/**
 * Ends a connection on which a ping stays unanswered, so that the client library connects anew: by itself it sends pings and
 * minds no answer. A drachtio-server that was given too long a frame goes on handing requests up and reads nothing any more,
 * so that only the answer to a ping counts as a sign of life.
 * @param onSilent told before a connection is ended
 * @returns ends the watch
 */
export function watchPings(connections: ControlConnections, clock: Clock, onSilent: () => void): () => void {
  const awaited = new Map<ControlSocket, Awaited>();
  const settle = (socket: ControlSocket): void => {
    awaited.get(socket)?.timer.cancel();
    awaited.delete(socket);
  };
  connections.on('ping', ({ msgId, socket }) => {
    // The first that is unanswered counts.
    if (awaited.has(socket)) return;
    const timer = clock.after(SIP_LIMITS.pingDeadline, () => {
      awaited.delete(socket);
      onSilent();
      socket.destroy();
    });
    awaited.set(socket, { id: msgId, timer });
  });
  connections.on('msg', (socket, frame) => {
    const id = awaited.get(socket)?.id;
    if (id !== undefined && frame.split('|', 3)[2] === id) settle(socket);
  });
  connections.on('close', settle);
  return () => {
    for (const socket of [...awaited.keys()]) settle(socket);
  };
}

interface Awaited {
  /** Of the ping, and in the answer to it. */
  readonly id: string;
  readonly timer: Timer;
}
