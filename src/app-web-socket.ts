import ipaddr from 'ipaddr.js';
import type { Config } from './config.ts';
import type { Surroundings } from './app.ts';
import type { Engine } from './engine/engine.ts';
import { MESSAGE_LIMITS } from './engine/message/limits.ts';
import type { MsrpEndpoint } from './msrp/endpoint.ts';
import { MSRP_LIMITS } from './msrp/limits.ts';
import { TrustedProxies } from './sip/trust.ts';
import type { Subprotocol, WebSocketAddress, WebSocketListener } from './web-socket/listener.ts';
import { startWebSocketListener } from './web-socket/listener.ts';

/** The listeners for WebSockets, together. */
export interface WebSockets {
  /** As bound. */
  readonly addresses: readonly WebSocketAddress[];
  /** Shows another certificate from now on. @throws what TLS says when it does not serve */
  renewCertificate(tls: { readonly key: string; readonly cert: string }): void;
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
      if (engine !== undefined && believesAll(listener.address, config)) {
        surroundings.logger.warn(
          { listener: listener.address, variable: 'TRUSTED_PROXIES' },
          'every WebSocket client is believed: a web server on this host would hide browsers behind a trusted address',
        );
      }
      serve(listener, endpoint, engine, config.MESSAGE_MAX_BYTES);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    addresses: listeners.map(({ address }) => address),
    renewCertificate: (renewed) => {
      for (const listener of listeners) listener.renewCertificate(renewed);
    },
    close,
  };
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

/** On loopback every client has a loopback address, or the web server in front of it has. */
function believesAll({ host }: WebSocketAddress, config: Config): boolean {
  return (
    ipaddr.process(host).range() === 'loopback' && new TrustedProxies(config.TRUSTED_PROXIES).trusts(host)
  );
}
