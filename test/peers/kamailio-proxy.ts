import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Certified } from '../doubles/certificates.ts';
import { launchKamailio } from './kamailio-program.ts';
import { freePort } from './ports.ts';
import { temporaryFolder } from './process.ts';
import type { Program } from './process.ts';

/** A real Kamailio as a proxy that records its route; what it finds wrong with a message it logs after `SANITY`. */
export interface KamailioProxy {
  /** UDP and TCP on 127.0.0.1. */
  readonly port: number;
  /** What it logged since the start, restarts included. */
  log(): string;
  /** Ends it and keeps its port. */
  halt(): Promise<void>;
  /** Starts it again after {@link halt}. */
  resume(): Promise<void>;
  /** Ends it for good. */
  stop(): Promise<void>;
}

const CONFIGURATION = fileURLToPath(new URL('../../fixtures/peers/kamailio-engine.cfg', import.meta.url));

/**
 * Starts it between whoever calls example.test and the engine; resolves when it answers.
 * @param engine SIP URI of the engine, with its transport
 * @param tls where it listens for TLS, and its certificate
 */
export async function startKamailioProxy(
  engine: string,
  tls?: Certified & { readonly port: number },
): Promise<KamailioProxy> {
  const port = await freePort();
  const folder = await temporaryFolder('proxy');
  const definitions = [`PORT=${port}`, `ENGINE="${engine}"`];
  let program: Program;
  const start = (): Promise<Program> =>
    launchKamailio({ configuration: CONFIGURATION, folder, port, definitions });
  try {
    if (tls !== undefined) {
      const certificate = path.join(folder, 'certificate.pem');
      const key = path.join(folder, 'key.pem');
      await writeFile(certificate, tls.cert);
      await writeFile(key, tls.key);
      definitions.push(`TLS_PORT=${tls.port}`, `CERTIFICATE="${certificate}"`, `PRIVATE_KEY="${key}"`);
    }
    program = await start();
  } catch (reason) {
    await rm(folder, { recursive: true, force: true });
    throw reason;
  }
  let earlier = '';
  return {
    port,
    log: () => earlier + program.stderr.text(),
    halt: async () => {
      await program.stop();
    },
    resume: async () => {
      earlier += program.stderr.text();
      program = await start();
    },
    stop: async () => {
      await program.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
