import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { EngineLoad } from './engine-load.ts';
import type { LoadOrder, LoadReport } from './engine-generator.ts';
import type { LoadOutcome } from './engine-load.ts';
import { percentiles, rounded } from './percentiles.ts';
import { openLink } from './raw-link.ts';
import type { RawLink, Receive } from './raw-link.ts';

/* Makes the load its parent orders, in a process of its own, and reports each. */

const SOCKET_BUFFER = 8_000_000;

/** Bound to one server: an address need not be looked up for every datagram. */
async function openConnectedUdp(server: number, receive: Receive): Promise<RawLink> {
  const socket = createSocket({
    type: 'udp4',
    recvBufferSize: SOCKET_BUFFER,
    sendBufferSize: SOCKET_BUFFER,
  });
  socket.on('message', (datagram) => receive(datagram.toString('latin1'), performance.now()));
  // An engine that went is seen by what stays unanswered.
  socket.on('error', () => undefined);
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  socket.connect(server, '127.0.0.1');
  await once(socket, 'connect');
  return {
    transport: 'udp',
    port: socket.address().port,
    send: (text) => socket.send(text),
    close: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

const loads = new Map<string, Promise<EngineLoad>>();

function loadOver({ transport, server }: LoadOrder): Promise<EngineLoad> {
  const key = `${transport}:${server}`;
  const open =
    loads.get(key) ??
    EngineLoad.over((receive) =>
      transport === 'udp' ? openConnectedUdp(server, receive) : openLink('tcp', server, receive),
    );
  loads.set(key, open);
  return open;
}

async function make(order: LoadOrder): Promise<LoadReport> {
  const load = await loadOver(order);
  const { kind, duration, pace } = order;
  const [cpuBefore, started] = [process.cpuUsage(), performance.now()];
  const outcome =
    'rate' in pace
      ? await load.run(kind, pace.rate, duration)
      : await load.saturate(kind, pace.window, duration);
  const { user, system } = process.cpuUsage(cpuBefore);
  const cpuShare = rounded((user + system) / 1_000 / (performance.now() - started));
  return reported(outcome, duration, cpuShare);
}

function reported(outcome: LoadOutcome, duration: number, cpuShare: number): LoadReport {
  const { times, endTimes, lateness, ...counts } = outcome;
  return {
    ...counts,
    perSecond: Math.round((outcome.accepted * 1_000) / duration),
    toAnswerMs: percentiles(times),
    toEndMs: percentiles(endTimes),
    generatorLateMs: percentiles(lateness),
    generatorCpuShare: cpuShare,
  };
}

process.on('disconnect', () => process.exit(0)).on('SIGTERM', () => process.exit(0));
process.on('message', (order: LoadOrder) => {
  void make(order).then((report) => process.send?.(report));
});
