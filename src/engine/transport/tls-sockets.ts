import { X509Certificate, constants } from 'node:crypto';
import type { Server, Socket } from 'node:net';
import { isIP } from 'node:net';
import { checkServerIdentity, connect, createSecureContext, createServer } from 'node:tls';
import type {
  PeerCertificate,
  SecureContext,
  SecureContextOptions,
  Server as TlsServer,
  TLSSocket,
} from 'node:tls';
import type { Reception, StreamSockets } from './stream-sockets.ts';
import { TlsHandshakes } from './tls-handshakes.ts';
import type { Target, TlsSettings, TransportContext } from './transport.ts';
import { TransportError } from './transport.ts';

/** TLS for one listener: what we show of us, and what is asked of those we connect to (RFC 3261 §26.3.1, RFC 5922). */
export class TlsSockets implements StreamSockets {
  readonly protocol = 'tls';
  readonly connectedEvent = 'secureConnect';
  readonly #context: Pick<TransportContext, 'clock' | 'limits' | 'logger' | 'metrics'>;
  readonly #handshakes: TlsHandshakes;
  #settings: TlsSettings;
  /** For connections of ours. */
  #secure: SecureContext;
  #server: TlsServer | undefined;

  /** @throws TransportError when key and certificate do not serve */
  constructor(
    settings: TlsSettings,
    context: Pick<TransportContext, 'clock' | 'limits' | 'logger' | 'metrics'>,
  ) {
    this.#secure = contextOf(settings);
    this.#settings = settings;
    this.#context = context;
    this.#handshakes = new TlsHandshakes(context);
  }

  get verifiesNames(): boolean {
    return this.#settings.verifyPeers ?? true;
  }

  createServer({ admits, ready }: Reception): Server {
    const { logger, metrics } = this.#context;
    const failed = metrics.counter('sip_tls_handshakes_failed_total', 'TLS handshakes for SIP that failed');
    const server = createServer({ ...secureOptions(this.#settings), noDelay: true });
    // The plain socket, before its handshake.
    server.on('connection', (socket: Socket) => {
      if (admits(socket)) this.#handshakes.begin(socket);
      else socket.destroy();
    });
    server.on('secureConnection', (socket: TLSSocket) => {
      this.#handshakes.end(socket);
      // Its cost is ours and its use nobody's: TLS 1.3 has none.
      socket.disableRenegotiation();
      ready(socket);
    });
    server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      failed.add();
      logger.debug({ error: error.message }, 'TLS handshake failed');
      socket.destroy();
    });
    this.#server = server;
    return server;
  }

  connect({ address, port, domain }: Target): Socket {
    const named = domain !== undefined && isIP(domain) === 0;
    const socket = connect({
      host: address,
      port,
      secureContext: this.#secure,
      // RFC 6066 §3: an address is never asked for by SNI.
      ...(named ? { servername: domain } : {}),
      // Judged below: nothing is sent before.
      rejectUnauthorized: false,
      checkServerIdentity: (_host, certificate) => checkIdentity(domain ?? address, certificate),
    });
    socket.setNoDelay(true);
    socket.once('secureConnect', () => {
      socket.disableRenegotiation();
      if (!this.#trusts(socket)) {
        const why = String(socket.authorizationError);
        socket.destroy(new TransportError(`the certificate of ${domain ?? address} is not trusted: ${why}`));
      }
    });
    return socket;
  }

  /** Who has our own certificate, and the key with it, is us: requests of ours may come back to us, whoever signed it. */
  #trusts(socket: TLSSocket): boolean {
    if (socket.authorized || !this.verifiesNames) return true;
    const { raw: own } = new X509Certificate(this.#settings.cert);
    return socket.getPeerX509Certificate()?.raw.equals(own) === true;
  }

  /** For connections from now on. @throws TransportError when they do not serve: the old ones stay */
  renew(settings: TlsSettings): void {
    this.#secure = contextOf(settings);
    this.#settings = settings;
    this.#server?.setSecureContext(secureOptions(settings));
  }

  close(): void {
    this.#handshakes.close();
  }
}

/** @throws TransportError */
function contextOf(settings: TlsSettings): SecureContext {
  try {
    return createSecureContext(secureOptions(settings));
  } catch (cause) {
    throw new TransportError('key and certificate for TLS do not serve', { cause });
  }
}

function secureOptions({ cert, key, ca }: TlsSettings): SecureContextOptions {
  return {
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    minVersion: 'TLSv1.2',
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  };
}

/**
 * RFC 5922 §7.1: a certificate speaks for a SIP domain by a URI of it among its alternative names, or by its DNS name.
 */
function checkIdentity(domain: string, certificate: PeerCertificate): Error | undefined {
  const uris = (certificate.subjectaltname ?? '').split(', ').map((name) => name.toLowerCase());
  if (uris.includes(`uri:sip:${domain.toLowerCase()}`)) return undefined;
  return checkServerIdentity(domain, certificate);
}
