import { rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './ports.ts';
import { startProgram, temporaryFolder } from './process.ts';
import { RawSip } from './raw-sip.ts';
import { peerProgram } from './require-peer.ts';

/** A real Kamailio as MSRP relay (RFC 4976). */
export interface MsrpRelay {
  /** TCP on 127.0.0.1. */
  readonly port: number;
  /** What it logged. */
  log(): string;
  stop(): Promise<void>;
}

const CONFIGURATION = fileURLToPath(new URL('../../fixtures/peers/kamailio-msrp-relay.cfg', import.meta.url));

/** Starts the relay and resolves when it is ready. */
export async function startMsrpRelay(): Promise<MsrpRelay> {
  const port = await freePort();
  const folder = await temporaryFolder('relay');
  const probe = await RawSip.open();
  try {
    const program = await startProgram({
      command: peerProgram('kamailio'),
      args: [
        ...['-DD', '-E', '-m', '64', '-M', '8', '-w', folder, '-Y', folder],
        ...['-P', path.join(folder, 'kamailio.pid'), '-f', CONFIGURATION, '-A', `PORT=${port}`],
      ],
      folder,
      ready: async () => {
        const request = { method: 'OPTIONS', uri: `sip:127.0.0.1:${port}`, from: 'sip:probe@example.test' };
        const answer = await probe.request(request, port, 200).catch(() => undefined);
        return answer?.startLine.startsWith('SIP/2.0 200') ?? false;
      },
    });
    return {
      port,
      log: () => program.stderr.text(),
      stop: async () => {
        await program.stop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (reason) {
    await rm(folder, { recursive: true, force: true });
    throw reason;
  } finally {
    await probe.close();
  }
}
