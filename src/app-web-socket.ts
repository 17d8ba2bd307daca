import type { Config } from './config.ts';
import type { Surroundings } from './app.ts';
import type { Engine } from './engine/engine.ts';
import { MESSAGE_LIMITS } from './engine/message/limits.ts';
import type { MsrpEndpoint } from './msrp/endpoint.ts';
import { MSRP_LIMITS } from './msrp/limits.ts';
import type { Subprotocol, WebSocketAddress, WebSocketListener } from './web-socket/listener.ts';
import { startWebSocketListener } from './web-socket/listener.ts';

/** The listeners for WebSockets, together. */
export interface WebSockets {
  /** As bound. */
  readonly addresses: readonly WebSocketAddress[];
  close(): Promise<void>;
}

/**
 * Starts the listeners browsers reach us by, each for SIP (RFC 7118) and MSRP (RFC 7977) on one port. Without an engine of
 * our own SIP over WebSockets is the affair of the drachtio-servers in its place.
 * @throws NoWebSocketListener
 */
export async function startWebSockets(
  config: Config,
  surroundings: Surroundings,
  parts: {
    readonly endpoint: MsrpEndpoint;
    readonly engine: Pick<Engine, 'attach'> | undefined;
    readonly tls: { readonly key: string; readonly cert: string } | undefined;
  },
): Promise<WebSockets> {
  const { endpoint, engine, tls } = parts;
  const subprotocols: readonly Subprotocol[] = engine === undefined ? ['msrp'] : ['sip', 'msrp'];
  const listeners: WebSocketListener[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener.close()));
  };
  try {
    for (const address of config.WS_LISTEN) {
      const listener = await startWebSocketListener({
        ...surroundings,
        address,
        subprotocols,
        ...(tls === undefined ? {} : { tls }),
        ...(config.WS_ORIGINS.length === 0 ? {} : { origins: config.WS_ORIGINS }),
      });
      listeners.push(listener);
      serve(listener, endpoint, engine, config.MESSAGE_MAX_BYTES);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { addresses: listeners.map(({ address }) => address), close };
}

function serve(
  listener: WebSocketListener,
  endpoint: MsrpEndpoint,
  engine: Pick<Engine, 'attach'> | undefined,
  longestText: number,
): void {
  const { protocol, host, port } = listener.address;
  listener.take('msrp', {
    // Twice what is taken: a text somewhat too long is refused by MSRP itself, and the session goes on.
    maxMessageBytes: 2 * longestText + MSRP_LIMITS.head,
    onStream: endpoint.attach({ transport: protocol, host, port }),
  });
  if (engine === undefined) return;
  listener.take('sip', {
    maxMessageBytes: 2 * MESSAGE_LIMITS.message,
    onStream: engine.attach({ protocol, host, port }),
  });
}
