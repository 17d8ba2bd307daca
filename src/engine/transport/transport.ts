import type { Clock } from '../../core/clock.ts';
import { MailboxError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Metrics } from '../../core/metrics.ts';
import type { MalformedMessage } from '../message/malformed-message.ts';
import type { SipMessage } from '../message/sip-message.ts';
import type { TransportLimits } from './limits.ts';

/** What SIP is carried by here. */
export type Protocol = 'udp' | 'tcp';

/** An address to listen on. Port 0 takes any free one. */
export interface ListenAddress {
  readonly protocol: Protocol;
  readonly host: string;
  readonly port: number;
}

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
  close(): Promise<void>;
  /** The open connection to `target`, else a new one; for UDP the listening socket. @throws TransportError */
  flowTo(target: Endpoint): Promise<Flow>;
}
