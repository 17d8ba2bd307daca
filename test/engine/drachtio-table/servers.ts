import { startEngine } from '../../../src/engine/engine.ts';
import { RunningEngine, SECRET, SHORT_TIMERS } from '../running-engine.ts';

/** A server of drachtio's control protocol, ready for applications. */
export interface Server {
  readonly control: { readonly host: string; readonly port: number };
  readonly secret: string;
  close(): Promise<void>;
}

/** Whose table it is, and how to get it. */
export interface ServerUnderTest {
  readonly name: string;
  readonly kind: 'engine' | 'drachtio-server';
  start(): Promise<Server>;
  /** One that waits less long, if it can be had: for rows in which 64*T1 pass. */
  startHasty(): Promise<Server>;
}

const engine: ServerUnderTest = {
  name: 'the engine',
  kind: 'engine',
  start: async () => {
    const listen = ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'];
    const { control, close } = await startEngine({ listen, control: { port: 0 }, secret: SECRET });
    return { control, secret: SECRET, close };
  },
  startHasty: async () => {
    const running = await RunningEngine.start(undefined, { timers: SHORT_TIMERS });
    return { control: running.engine.control, secret: SECRET, close: () => running.close() };
  },
};

/** The engine, and each drachtio-server of this machine that DRACHTIO_SERVERS (`host:port,…`) names. */
export function serversUnderTest(): ServerUnderTest[] {
  const named = (process.env['DRACHTIO_SERVERS'] ?? '').split(',').filter((each) => each.trim() !== '');
  const secret = process.env['DRACHTIO_SECRET'] ?? 'cymru';
  return [
    engine,
    ...named.map((text): ServerUnderTest => {
      const { hostname, port } = new URL(`tcp://${text.trim()}`);
      const control = { host: hostname, port: Number(port) };
      const start = (): Promise<Server> =>
        Promise.resolve({ control, secret, close: () => Promise.resolve() });
      return {
        name: `the drachtio-server at ${text.trim()}`,
        kind: 'drachtio-server',
        start,
        startHasty: start,
      };
    }),
  ];
}
