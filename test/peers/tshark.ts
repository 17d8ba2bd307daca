import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import { hexToken, systemRandom } from '../../src/core/random.ts';
import { freePort } from './ports.ts';
import { startProgram, temporaryFolder } from './process.ts';
import { findProgram, hasPeer, peerProgram } from './require-peer.ts';
import { until } from './until.ts';

/** What is spoken on a port; tshark would guess from well-known numbers. */
export interface WatchedPort {
  port: number;
  protocol: 'sip' | 'msrp';
}

/** A packet with an error of tshark's expert information. */
export interface MalformedPacket {
  /** Its number in the capture. */
  frame: number;
  /** The protocol of its innermost layer, as tshark names it. */
  protocol: string;
  /** What is wrong with it. */
  complaint: string;
}

/** What a capture held. */
export interface CaptureReport {
  /** Packets on the watched ports. */
  packets: number;
  malformed: MalformedPacket[];
}

/** A capture that runs. */
export interface Capture {
  /** Ends it, once what was sent before has been captured, and reads it. */
  stop(): Promise<CaptureReport>;
}

const MARK_WITHIN = 10_000;
const run = promisify(execFile);

/**
 * Captures the watched ports on the loopback interface; resolves when packets are being captured.
 * In SIP tshark finds little wrong beyond what cannot be read at all: a strict check is Kamailio's sanity.
 */
export async function startCapture(watched: readonly WatchedPort[]): Promise<Capture> {
  const folder = await temporaryFolder('tshark');
  const file = path.join(folder, 'capture.pcapng');
  const markPort = await freePort();
  const dumpcap = findProgram('dumpcap');
  if (dumpcap === undefined) throw new Error('dumpcap is not installed');
  const filter = [markPort, ...watched.map(({ port }) => port)].map((port) => `port ${port}`).join(' or ');
  try {
    const program = await startProgram({
      command: dumpcap,
      args: ['-q', '-i', 'lo', '-f', filter, '-w', file],
      folder,
    });
    const captured = (mark: string): Promise<void> =>
      markCaptured(file, mark, markPort, () => program.transcript());
    await captured('start');
    return {
      stop: async () => {
        try {
          await captured('end');
          await program.stop();
          return await readCapture(file, watched);
        } finally {
          await program.stop();
          await rm(folder, { recursive: true, force: true });
        }
      },
    };
  } catch (reason) {
    await rm(folder, { recursive: true, force: true });
    throw reason;
  }
}

/**
 * For a `describe`, called after its last test: captures the SIP on these ports while its tests run, then has one test
 * more, that not a packet of them all was malformed. Left out where nothing can be captured.
 * @param ports asked for once the `before` hooks above have run
 */
export function capturedThroughout(ports: () => readonly number[]): void {
  let capture: Capture | undefined;
  before(async () => {
    if (!hasPeer('tshark')) return;
    capture = await startCapture(ports().map((port) => ({ port, protocol: 'sip' })));
  });
  after(() => capture?.stop());

  it('sends and is sent nothing malformed in all of that', async function () {
    if (capture === undefined) this.skip();
    const { packets, malformed } = await stopped();
    if (malformed.length > 0) throw new Error(`malformed: ${JSON.stringify(malformed.slice(0, 5))}`);
    if (packets === 0) throw new Error('nothing was captured');
  });

  async function stopped(): Promise<CaptureReport> {
    const running = capture;
    capture = undefined;
    if (running === undefined) throw new Error('no capture runs');
    return await running.stop();
  }
}

/**
 * A capture begins some time after the program says so, and what it has taken is written some time later.
 * A datagram of our own in the file proves that all later ones are captured, and all earlier ones written.
 */
async function markCaptured(file: string, name: string, port: number, evidence: () => string): Promise<void> {
  const mark = `${name}-${hexToken(systemRandom, 128)}`;
  const socket = createSocket('udp4');
  try {
    await until(
      `the ${name} of the capture`,
      MARK_WITHIN,
      async () => {
        socket.send(mark, port, '127.0.0.1');
        return (await readIfThere(file)).includes(mark);
      },
      evidence,
    );
  } finally {
    socket.close();
  }
}

async function readIfThere(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (reason) {
    if (reason instanceof Error && 'code' in reason && reason.code === 'ENOENT') return Buffer.alloc(0);
    throw reason;
  }
}

/** As tshark writes the severity `error`. */
const ERROR = String(0x00800000);

async function readCapture(file: string, watched: readonly WatchedPort[]): Promise<CaptureReport> {
  const ports = watched.map(({ port }) => `udp.port == ${port} || tcp.port == ${port}`).join(' || ');
  const spoken = watched.flatMap(({ port, protocol }) => [
    ...['-d', `tcp.port==${port},${protocol}`],
    // MSRP runs over TCP alone.
    ...(protocol === 'sip' ? ['-d', `udp.port==${port},sip`] : []),
  ]);
  const columns = [
    'frame.number',
    '_ws.col.Protocol',
    '_ws.expert.message',
    '_ws.expert.severity',
    '_ws.malformed',
  ];
  const { stdout } = await run(
    peerProgram('tshark'),
    ['-r', file, '-n', ...spoken, '-Y', ports, '-T', 'fields', ...columns.flatMap((name) => ['-e', name])],
    { maxBuffer: 64 * 1024 * 1024 },
  );
  const packets = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
  const malformed = packets
    .filter(([, , , severities = '', unreadable = '']) => {
      return unreadable !== '' || severities.split(',').includes(ERROR);
    })
    .map(([frame = '', protocol = '', complaint = '']) => ({ frame: Number(frame), protocol, complaint }));
  return { packets: packets.length, malformed };
}
