import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, isListenedOn } from '../peers/ports.ts';
import { startProgram, temporaryFolder } from '../peers/process.ts';
import type { EngineUnderLoad } from './engine-server.ts';

/** A drachtio-server that runs. */
export interface RunningDrachtio {
  readonly ports: EngineUnderLoad;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts one on free ports with the least configuration there is, and no log but of errors. */
export async function startDrachtio(binary: string, secret: string): Promise<RunningDrachtio> {
  const [sip, control] = [await freePort(), await freePort()];
  const folder = await temporaryFolder('drachtio');
  const configuration = join(folder, 'drachtio.conf.xml');
  await writeFile(configuration, configurationOf(sip, control, secret, folder));
  const program = await startProgram({
    command: binary,
    folder,
    args: ['-f', configuration],
    ready: () => isListenedOn(control),
  });
  return {
    ports: { udp: sip, tcp: sip, control },
    pid: program.pid ?? 0,
    stop: async () => {
      await program.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

function configurationOf(sip: number, control: number, secret: string, folder: string): string {
  return `<drachtio>
  <admin port="${control}" secret="${secret}">127.0.0.1</admin>
  <request-handlers></request-handlers>
  <sip>
    <contacts>
      <contact>sip:127.0.0.1:${sip};transport=udp,tcp</contact>
    </contacts>
    <udp-mtu>4096</udp-mtu>
  </sip>
  <logging>
    <file>
      <name>${folder}/drachtio.log</name>
      <archive>${folder}/archive</archive>
      <size>100</size>
      <maxSize>10000</maxSize>
      <auto-flush>false</auto-flush>
    </file>
    <loglevel>error</loglevel>
    <sofia-loglevel>0</sofia-loglevel>
  </logging>
</drachtio>
`;
}
