import type { Duplex } from 'node:stream';
import type { Clock } from '../../core/clock.ts';
import { MailboxError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Metrics } from '../../core/metrics.ts';
import type { MalformedMessage } from '../message/malformed-message.ts';
import type { SipMessage } from '../message/sip-message.ts';
import type { TransportLimits } from './limits.ts';

/** What SIP is carried by here: RFC 3261 §18, and RFC 7118 for WebSockets, without and over TLS. */
export type Protocol = ListenProtocol | WebSocketProtocol;

/** What the engine listens for itself. */
export type ListenProtocol = 'udp' | 'tcp' | 'tls';

/** Clients connect to us and are reached by their connection alone (RFC 7118 §5). */
export type WebSocketProtocol = 'ws' | 'wss';

/** An address to listen on. Port 0 takes any free one. */
export interface ListenAddress {
  readonly protocol: ListenProtocol;
  readonly host: string;
  readonly port: number;
  /** Where peers beyond a NAT reach this listener; a name or a numeric address. Port 0 is the one listened on. */
  readonly advertised?: HostPort;
}

/** A host as a URI or Via names it. */
export interface HostPort {
  /** IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Our side of TLS, and what is asked of the peers we connect to. All in PEM. */
export interface TlsSettings {
  /** Our certificate, then those that lead from it to its root. */
  readonly cert: string;
  readonly key: string;
  /** Who vouches for peers we connect to; those that Node knows when it is not given. */
  readonly ca?: string;
  /** Whether a peer we connect to must show a valid certificate for the name it was looked up by; by default it must. */
  readonly verifyPeers?: boolean;
}

/** A listener of the caller's, as bound. */
export interface AttachedAddress {
  readonly protocol: WebSocketProtocol;
  readonly host: string;
  readonly port: number;
}

/** The ends of a connection that came to a listener of the caller's. */
export interface StreamEnds {
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
}

/**
 * Takes a connection that came: a stream on which every write is one WebSocket message, and every chunk read is the whole
 * content of one.
 */
export type TakeStream = (stream: Duplex, ends: StreamEnds) => void;

/** A numeric address. */
export interface Endpoint {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
}

/** A listener as bound. */
export interface LocalEndpoint extends Endpoint {
  /** Where peers beyond a NAT reach it. */
  readonly advertised?: HostPort;
}

/** Where something is to be sent. */
export interface Target extends Endpoint {
  /**
   * The host of the URI that led here when it was a name, before SRV or NAPTR changed it (RFC 5922 §4): over TLS the peer is
   * asked for by it, and its certificate must say it. Without it the certificate must say the address.
   */
  readonly domain?: string;
}

/** The way between us and one peer: a connection, or a UDP socket and a remote address. */
export interface Flow {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Resolves when the bytes are on their way. @throws TransportError */
  send(bytes: Buffer): Promise<void>;
}

/** A message and where it came from. A request's top Via carries `received` and `rport` already. */
export interface ReceivedMessage {
  readonly message: SipMessage;
  readonly source: Endpoint;
  readonly local: Endpoint;
  readonly flow: Flow;
}

/** Bytes that could not be sent, or an address that could not be listened on. */
export class TransportError extends MailboxError {
  constructor(what: string, options?: { cause?: unknown }) {
    super('TRANSPORT_ERROR', what, options);
  }
}

/** What a transport tells its owner. */
export interface TransportEvents {
  /** Asked of each datagram before it is read; it is not when this says false. */
  screen?: (datagram: Buffer, flow: Flow) => boolean;
  onMessage: (received: ReceivedMessage) => void;
  onMalformed: (error: MalformedMessage, source: Endpoint, flow: Flow) => void;
  /** A connection was lost, or the network says that a peer cannot be reached. */
  onFlowFailed: (flow: Flow, error: Error) => void;
}

/** What every transport works with. */
export interface TransportContext {
  readonly events: TransportEvents;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits: TransportLimits;
}

/** All transports together. */
export interface TransportLayer extends TransportEvents {
  /** What was really bound. */
  readonly local: readonly LocalEndpoint[];
  start(): Promise<void>;
  /** Counts a listener of the caller's among ours, and takes its connections. */
  attach(address: AttachedAddress): TakeStream;
  close(): Promise<void>;
  /**
   * The open connection to `target`, else a new one; for UDP the listening socket. Nobody is connected to by WebSocket.
   * @throws TransportError
   */
  flowTo(target: Target): Promise<Flow>;
  /** Takes other keys and certificates for connections from now on. @throws TransportError when they do not serve */
  renewCertificate(tls: TlsSettings): void;
}

/** Whether a peer is reached by the connection it made alone. */
export function isWebSocket({ protocol }: Endpoint): boolean {
  return protocol === 'ws' || protocol === 'wss';
}
