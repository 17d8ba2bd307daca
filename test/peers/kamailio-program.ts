import path from 'node:path';

import { startProgram } from './process.ts';
import type { Program } from './process.ts';
import { RawSip } from './raw-sip.ts';
import { peerProgram } from './require-peer.ts';

/** What a Kamailio is started with. */
export interface KamailioProgram {
  /** Its cfg file. */
  readonly configuration: string;
  /** Of its own; it writes nowhere else. */
  readonly folder: string;
  /** UDP on 127.0.0.1, as the definitions have it. */
  readonly port: number;
  /** `#!define`s of the configuration: `NAME` or `NAME=value`. */
  readonly definitions: readonly string[];
}

/** Starts a Kamailio; resolves when it answers. */
export async function launchKamailio({
  configuration,
  folder,
  port,
  definitions,
}: KamailioProgram): Promise<Program> {
  const probe = await RawSip.open();
  try {
    return await startProgram({
      command: peerProgram('kamailio'),
      // In the foreground, log on stderr, 64 MB shared and 8 MB per process.
      args: [
        ...['-DD', '-E', '-m', '64', '-M', '8', '-w', folder, '-Y', folder],
        ...['-P', path.join(folder, 'kamailio.pid'), '-f', configuration],
        ...definitions.flatMap((definition) => ['-A', definition]),
      ],
      folder,
      ready: () => answersOptions(probe, port),
    });
  } finally {
    await probe.close();
  }
}

async function answersOptions(probe: RawSip, port: number): Promise<boolean> {
  try {
    const request = { method: 'OPTIONS', uri: `sip:127.0.0.1:${port}`, from: 'sip:probe@example.test' };
    const response = await probe.request(request, port, 200);
    return response.startLine.startsWith('SIP/2.0 200');
  } catch {
    return false;
  }
}
