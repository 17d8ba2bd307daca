import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import { PeerUnreachable } from './errors.ts';
import type { MsrpUri } from './uri.ts';

/**
 * A connection to the first hop of the peer's path, for the active role.
 * @throws PeerUnreachable, also after `timeout` ms and when `signal` says that it is not needed any more
 */
export async function dial(
  hop: MsrpUri,
  options: {
    /** PEM; what we show over TLS, so that the peer can compare it with our fingerprint. */
    readonly tls?: { readonly key: string; readonly cert: string };
    readonly clock: Clock;
    readonly timeout: number;
    readonly signal: AbortSignal;
  },
): Promise<Socket> {
  const { tls, clock, timeout, signal } = options;
  if (hop.transport.toLowerCase() !== 'tcp')
    throw new PeerUnreachable(hop.text, new RangeError('only the peer itself can open this transport'));
  const address = { host: hop.host, port: hop.port, allowHalfOpen: true };
  const secure = hop.scheme === 'msrps';
  // The peer's certificate is its own, as ours is; RFC 8122's fingerprint, compared by the session, is what vouches for it.
  const socket: Socket = secure
    ? connectTls({ ...address, ...tls, minVersion: 'TLSv1.2', rejectUnauthorized: false })
    : connect(address);
  const timer = clock.after(timeout, () => socket.destroy(new Error(`no answer within ${timeout} ms`)));
  const abort = (): unknown => socket.destroy(new Error('the session ended'));
  signal.addEventListener('abort', abort);
  try {
    await once(socket, secure ? 'secureConnect' : 'connect');
    return socket;
  } catch (cause) {
    socket.destroy();
    throw new PeerUnreachable(hop.text, cause);
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', abort);
  }
}
