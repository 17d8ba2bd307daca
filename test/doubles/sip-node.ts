import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { systemRandom, hexToken } from '../../src/core/random.ts';
import { startEngine } from '../../src/engine/engine.ts';
import type { Route } from '../../src/sip/agent.ts';
import { SipAgent } from '../../src/sip/agent.ts';

/** The built-in engine on free ports of 127.0.0.1, and our end towards it, with whatever routes a test wants. */
export interface SipNode {
  readonly udp: number;
  readonly tcp: number;
  readonly agent: SipAgent;
  stop(): Promise<void>;
}

/** @param routes made from the agent, by method */
export async function startSipNode(
  routes: (agent: SipAgent) => Readonly<Record<string, Route>>,
  port = 0,
): Promise<SipNode> {
  const surroundings = {
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: noMetrics,
  };
  const secret = hexToken(systemRandom, 64);
  const engine = await startEngine({
    ...surroundings,
    listen: (['udp', 'tcp'] as const).map((protocol) => ({ protocol, host: '127.0.0.1', port })),
    control: { host: '127.0.0.1', port: 0 },
    secret,
    holdUntilServed: 5_000,
  });
  const agent = new SipAgent({ ...surroundings, servers: [engine.control], secret });
  const listening = await agent.start(routes(agent));
  const portOf = (protocol: string): number =>
    Number(new RegExp(`${protocol}/[^,]*:(\\d+)`).exec(listening)?.[1] ?? 0);
  return {
    udp: portOf('udp'),
    tcp: portOf('tcp'),
    agent,
    stop: async () => {
      agent.stop();
      await engine.close();
    },
  };
}
