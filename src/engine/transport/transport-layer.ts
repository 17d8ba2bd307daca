import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { Metrics } from '../../core/metrics.ts';
import { TcpTransport } from './tcp-transport.ts';
import type { Endpoint, Flow, ListenAddress, TransportEvents, TransportLayer } from './transport.ts';
import { TransportError } from './transport.ts';
import { UdpTransport } from './udp-transport.ts';

export interface TransportLayerOptions {
  readonly listen: readonly ListenAddress[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** All listeners of one engine. The owner sets the handlers before it starts them. */
export function createTransportLayer(options: TransportLayerOptions): TransportLayer {
  const { listen, clock, logger, metrics } = options;
  const received = metrics.counter('sip_received_total', 'SIP messages received', ['protocol']);
  const malformed = metrics.counter('sip_malformed_total', 'SIP messages that could not be read', [
    'protocol',
  ]);
  const transports: (UdpTransport | TcpTransport)[] = [];
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
    close: async () => {
      await Promise.all(transports.map((transport) => transport.close()));
    },
    flowTo: async (target): Promise<Flow> => {
      const transport = transports.find(({ local }) => reaches(local, target));
      if (transport === undefined) throw new TransportError(`nothing here speaks ${target.protocol}`);
      return await transport.flowTo(target);
    },
  };
  const events: TransportEvents = {
    onMessage: (message) => {
      received.add({ protocol: message.source.protocol });
      layer.onMessage(message);
    },
    onMalformed: (error, source, flow) => {
      malformed.add({ protocol: source.protocol });
      logger.info({ source, reason: error.reason }, 'malformed SIP message');
      layer.onMalformed(error, source, flow);
    },
    onFlowFailed: (flow, error) => layer.onFlowFailed(flow, error),
  };
  const open = (address: ListenAddress): Promise<UdpTransport | TcpTransport> =>
    address.protocol === 'udp'
      ? UdpTransport.open(address, events, logger)
      : TcpTransport.open(address, events, clock, logger);
  return layer;
}

/** A listener of the same protocol and IP version can send there. */
function reaches(local: Endpoint, target: Endpoint): boolean {
  return local.protocol === target.protocol && local.address.includes(':') === target.address.includes(':');
}
