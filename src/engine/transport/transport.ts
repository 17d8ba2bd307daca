import type { Duplex } from 'node:stream';
import type { Clock } from '../../core/clock.ts';
import { MailboxError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Metrics } from '../../core/metrics.ts';
import type { MalformedMessage } from '../message/malformed-message.ts';
import type { SipMessage } from '../message/sip-message.ts';
import type { TransportLimits } from './limits.ts';

/** What SIP is carried by here: RFC 3261 §18, and RFC 7118 for WebSockets, without and over TLS. */
export type Protocol = 'udp' | 'tcp' | WebSocketProtocol;

/** Clients connect to us and are reached by their connection alone (RFC 7118 §5). */
export type WebSocketProtocol = 'ws' | 'wss';

/** An address to listen on. Port 0 takes any free one. */
export interface ListenAddress {
  readonly protocol: 'udp' | 'tcp';
  readonly host: string;
  readonly port: number;
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
  readonly local: readonly Endpoint[];
  start(): Promise<void>;
  /** Counts a listener of the caller's among ours, and takes its connections. */
  attach(address: AttachedAddress): TakeStream;
  close(): Promise<void>;
  /**
   * The open connection to `target`, else a new one; for UDP the listening socket. Nobody is connected to by WebSocket.
   * @throws TransportError
   */
  flowTo(target: Endpoint): Promise<Flow>;
}

/** Whether a peer is reached by the connection it made alone. */
export function isWebSocket({ protocol }: Endpoint): boolean {
  return protocol === 'ws' || protocol === 'wss';
}
