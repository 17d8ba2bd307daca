import { join } from 'node:path';
import { packageRoot } from '../doubles/package-root.ts';
import { createMysqlTables } from '../peers/kamailio-tables.ts';
import { freePort } from '../peers/ports.ts';
import { startProgram } from '../peers/process.ts';
import { peerProgram } from '../peers/require-peer.ts';
import { RawClient } from './raw-client.ts';

/** Kamailio as the tests know it, but sized for load. */
export interface LoadedKamailio {
  /** UDP and TCP on 127.0.0.1. */
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * MB of shared memory. A transaction takes some 14 KB and stays for 5 s after its end: the tests' 64 MB are used up by 900
 * PUBLISHes a second, and then all are answered 500.
 */
const SHARED_MEMORY = 2_048;
/** MB of each process. */
const PRIVATE_MEMORY = 32;

/**
 * Starts it and resolves when it answers.
 * @param mailbox SIP URI where texts for absent users go
 * @param presence `mysql://…` of an existing database for publications and subscriptions; undefined: memory
 */
export async function startLoadedKamailio(mailbox: string, presence?: string): Promise<LoadedKamailio> {
  const port = await freePort();
  const definitions = [`PORT=${port}`, `MAILBOX="${mailbox}"`, `OWN_URI="sip:127.0.0.1:${port}"`];
  if (presence !== undefined) {
    await createMysqlTables(presence);
    definitions.push('WITH_MYSQL', `PRESENCE_DB="${presence}"`);
  }
  const probe = await RawClient.open('udp', port);
  let answers = false;
  void probe
    .request({ method: 'OPTIONS', uri: `sip:127.0.0.1:${port}`, headers: [], body: '' })
    .then((answer) => {
      answers = answer !== undefined;
    });
  try {
    const program = await startProgram({
      command: peerProgram('kamailio'),
      args: (folder) => [
        ...[
          '-DD',
          '-E',
          '-m',
          String(SHARED_MEMORY),
          '-M',
          String(PRIVATE_MEMORY),
          '-w',
          folder,
          '-Y',
          folder,
        ],
        ...['-P', join(folder, 'kamailio.pid'), '-f', join(packageRoot, 'fixtures/peers/kamailio.cfg')],
        ...definitions.flatMap((definition) => ['-A', definition]),
      ],
      ready: () => answers,
    });
    return {
      port,
      stop: async () => {
        await program.stop();
      },
    };
  } finally {
    await probe.stop();
  }
}
