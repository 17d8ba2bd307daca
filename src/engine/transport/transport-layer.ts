import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { Metrics } from '../../core/metrics.ts';
import { reach } from './addresses.ts';
import { TRANSPORT_LIMITS } from './limits.ts';
import type { TransportLimits } from './limits.ts';
import { TCP_SOCKETS } from './stream-sockets.ts';
import { StreamTransport } from './stream-transport.ts';
import { TlsSockets } from './tls-sockets.ts';
import type {
  Flow,
  ListenAddress,
  TlsSettings,
  TransportContext,
  TransportEvents,
  TransportLayer,
} from './transport.ts';
import { TransportError, isWebSocket } from './transport.ts';
import { UdpTransport } from './udp-transport.ts';
import { WsTransport } from './ws-transport.ts';

type Transport = UdpTransport | StreamTransport | WsTransport;

/** What the transports are made of. */
export interface TransportLayerOptions {
  readonly listen: readonly ListenAddress[];
  /** Needed for a TLS listener. */
  readonly tls?: TlsSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits?: Partial<TransportLimits>;
}

/** All listeners of one engine. The owner sets the handlers before it starts them. */
export function createTransportLayer(options: TransportLayerOptions): TransportLayer {
  const { listen, tls, clock, logger, metrics } = options;
  const received = metrics.counter('sip_received_total', 'SIP messages received', ['protocol']);
  const malformed = metrics.counter(
    'sip_malformed_total',
    'SIP messages that could not be read, by the status they were worth',
    ['protocol', 'status'],
  );
  const transports: Transport[] = [];
  const secure: TlsSockets[] = [];
  let closed = false;
  const layer: TransportLayer = {
    onMessage: () => undefined,
    onMalformed: () => undefined,
    onFlowFailed: () => undefined,
    get local() {
      return transports.map(({ local }) => local);
    },
    start: async () => {
      try {
        for (const address of listen) transports.push(await open(address));
      } catch (error) {
        await layer.close();
        throw error;
      }
    },
    attach: (address) => {
      const transport = new WsTransport(address, context);
      transports.push(transport);
      return (stream, ends) => transport.take(stream, ends);
    },
    renewCertificate: (renewed) => {
      for (const sockets of secure) sockets.renew(renewed);
    },
    close: async () => {
      closed = true;
      await Promise.all(transports.map((transport) => transport.close()));
    },
    flowTo: async (target): Promise<Flow> => {
      const [open, other] = transports.flatMap((transport) => {
        if (transport instanceof UdpTransport || transport.local.protocol !== target.protocol) return [];
        return transport.openFlow(target) ?? [];
      });
      // Two clients behind one NAT may have the same port, each to another listener of ours: nobody's text goes to the other.
      if (other !== undefined && isWebSocket(target)) {
        throw new TransportError(
          `${target.protocol}:${target.address}:${target.port} is more than one client`,
        );
      }
      if (open !== undefined) return open;
      let best: Transport | undefined;
      let reached = 0;
      for (const transport of transports) {
        const candidate = reach(transport.local, target);
        if (candidate > reached) [best, reached] = [transport, candidate];
      }
      if (best === undefined) {
        throw new TransportError(`no listener here reaches ${target.protocol}:${target.address}`);
      }
      return await best.flowTo(target);
    },
  };
  const events: TransportEvents = {
    screen: (datagram, flow) => layer.screen?.(datagram, flow) ?? true,
    onMessage: (message) => {
      received.add({ protocol: message.source.protocol });
      layer.onMessage(message);
    },
    onMalformed: (error, source, flow) => {
      malformed.add({ protocol: source.protocol, status: String(error.status) });
      layer.onMalformed(error, source, flow);
    },
    onFlowFailed: (flow, error) => {
      // A connection that we ended with all the others is no loss.
      if (!closed) layer.onFlowFailed(flow, error);
    },
  };
  const context: TransportContext = {
    events,
    clock,
    logger,
    metrics,
    limits: { ...TRANSPORT_LIMITS, ...options.limits },
  };
  const open = async (address: ListenAddress): Promise<UdpTransport | StreamTransport> => {
    const ipv6Only = leavesIPv4(address, listen);
    if (address.protocol === 'udp') return await UdpTransport.open(address, ipv6Only, context);
    if (address.protocol === 'tcp')
      return await StreamTransport.open(TCP_SOCKETS, address, ipv6Only, context);
    if (tls === undefined) throw new TransportError('a TLS listener needs key and certificate');
    const sockets = new TlsSockets(tls, context);
    secure.push(sockets);
    return await StreamTransport.open(sockets, address, ipv6Only, context);
  };
  return layer;
}

/** `[::]` takes IPv4 too, unless another listener has that port of it. */
function leavesIPv4({ protocol, host, port }: ListenAddress, all: readonly ListenAddress[]): boolean {
  return (
    host.includes(':') &&
    port !== 0 &&
    all.some((other) => other.protocol === protocol && other.port === port && !other.host.includes(':'))
  );
}
