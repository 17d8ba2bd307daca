import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { packageRoot } from './package-root.ts';

/** The built program: `make` puts it there. */
export const PROGRAM = join(packageRoot, 'dist/src/main.js');

const READY_WITHIN = 20_000;
const KEPT_LINES = 2_000;

/** The program as operators run it: its own process, its own folder, free ports. */
export interface ServerProcess {
  /** UDP port of SIP on 127.0.0.1. */
  readonly udp: number;
  /** TCP port of SIP on 127.0.0.1. */
  readonly tcp: number;
  /** TLS port of SIP on 127.0.0.1; 0 unless its environment says that it listens there. */
  readonly tls: number;
  readonly folder: string;
  /** What it logged lately, one JSON object a line. */
  log(): string;
  /** kill -HUP */
  hangUp(): void;
  /** kill -9: no goodbye, nothing flushed. */
  kill(): Promise<void>;
  /** Starts it again after {@link kill} in the same folder with the same ports. */
  restart(): Promise<void>;
  /** SIGTERM; resolves with the exit code, and removes the folder. */
  stop(): Promise<number | null>;
}

/** Starts the program and resolves when it says that it is ready. */
export async function startServer(
  environment: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'text-mailbox-server-'));
  const lines: string[] = [];
  let running = await launch(folder, environment, '127.0.0.1:0', '127.0.0.1:0', lines).catch(
    async (error: unknown) => {
      await rm(folder, { recursive: true, force: true });
      throw error;
    },
  );
  const { udp, tcp, tls } = running;
  return {
    udp,
    tcp,
    tls,
    folder,
    log: () => lines.join('\n'),
    hangUp: () => void running.child.kill('SIGHUP'),
    kill: async () => {
      running.child.kill('SIGKILL');
      await running.ended;
    },
    restart: async () => {
      running = await launch(folder, environment, `127.0.0.1:${udp}`, `127.0.0.1:${tcp}`, lines);
    },
    stop: async () => {
      running.child.kill('SIGTERM');
      await running.ended;
      await rm(folder, { recursive: true, force: true });
      return running.child.exitCode;
    },
  };
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  readonly udp: number;
  readonly tcp: number;
  readonly tls: number;
}

async function launch(
  folder: string,
  environment: Readonly<Record<string, string>>,
  udp: string,
  tcp: string,
  lines: string[],
): Promise<Running> {
  const child = spawn(process.execPath, [PROGRAM], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? dirname(process.execPath),
      SIP_LISTEN: `udp:${udp},tcp:${tcp}`,
      MSRP_LISTEN: 'tcp:127.0.0.1:0,tls:127.0.0.1:0',
      DOMAINS: 'example.test',
      ...environment,
    },
  });
  const ended = once(child, 'close');
  const keep = (line: string): void => {
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
  };
  createInterface({ input: child.stderr }).on('line', keep);
  return await new Promise<Running>((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`the server ${why}:\n${lines.join('\n')}`));
    };
    const timer = setTimeout(() => fail(`was not ready within ${READY_WITHIN} ms`), READY_WITHIN);
    void ended.then(() => fail('ended before it was ready'));
    createInterface({ input: child.stdout }).on('line', (line) => {
      keep(line);
      const sip = /"sip":"([^"]*)".*is ready/.exec(line)?.[1];
      if (sip === undefined) return;
      clearTimeout(timer);
      const [udpPort, tcpPort, tlsPort] = ['udp', 'tcp', 'tls'].map((protocol) => portOf(sip, protocol));
      resolve({ child, ended, udp: udpPort ?? 0, tcp: tcpPort ?? 0, tls: tlsPort ?? 0 });
    });
  });
}

function portOf(listening: string, protocol: string): number {
  return Number(new RegExp(`${protocol}/[^,]*:(\\d+)`).exec(listening)?.[1] ?? 0);
}
