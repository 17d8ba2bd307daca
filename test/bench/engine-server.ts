import type { Bench } from './bench.ts';
import { Child } from './child.ts';
import { startDrachtio } from './engine-drachtio.ts';

/** Where an engine under load is reached: ports on 127.0.0.1. */
export interface EngineUnderLoad {
  readonly udp: number;
  readonly tcp: number;
  readonly control: number;
}

/** A SIP server, the application behind it, and the processes they are. */
export interface ServedEngine {
  readonly ports: EngineUnderLoad;
  readonly enginePid: number;
  readonly applicationPid: number;
  /** How many texts the application was shown. */
  shown(): Promise<number>;
}

export const SECRET = 'bench';

/**
 * The built-in engine with the trivial application, each in a process of its own.
 * @param options for Node where the engine runs; and what the application works on each request, ms
 */
export async function startServedEngine(
  bench: Bench,
  { nodeOptions, work }: { readonly nodeOptions?: readonly string[]; readonly work?: number } = {},
): Promise<ServedEngine> {
  const engine = await bench.keep(Promise.resolve(Child.start('engine-process', nodeOptions)));
  const ports = await engine.ask<EngineUnderLoad>(SECRET);
  return { ports, enginePid: engine.pid, ...(await startApplication(bench, ports.control, work)) };
}

/** A real drachtio-server with the same application. @param binary path of the server */
export async function startServedDrachtio(bench: Bench, binary: string): Promise<ServedEngine> {
  const drachtio = await bench.keep(startDrachtio(binary, SECRET));
  const { ports, pid } = drachtio;
  return { ports, enginePid: pid, ...(await startApplication(bench, ports.control)) };
}

async function startApplication(
  bench: Bench,
  control: number,
  work = 0,
): Promise<Pick<ServedEngine, 'applicationPid' | 'shown'>> {
  const application = await bench.keep(Promise.resolve(Child.start('engine-application-process')));
  await application.ask({ control, secret: SECRET, work });
  return { applicationPid: application.pid, shown: () => application.ask('shown') };
}
