import { Resolver } from 'node:dns/promises';
import path from 'node:path';

import { freePort } from './ports.ts';
import { startProgram } from './process.ts';
import type { Program } from './process.ts';
import { peerProgram } from './require-peer.ts';

/** What our DNS server knows. Names stand as they are, without a dot at the end. */
export interface Zone {
  /** Addresses by host, of either version. */
  readonly hosts?: Readonly<Record<string, readonly string[]>>;
  readonly services?: Readonly<Record<string, readonly Service[]>>;
  readonly pointers?: Readonly<Record<string, readonly Pointer[]>>;
  /** Seconds all of it may be kept. Default: a minute. */
  readonly ttl?: number;
}

export interface Service {
  readonly host: string;
  readonly port: number;
  readonly priority?: number;
  readonly weight?: number;
}

export interface Pointer {
  readonly service: string;
  readonly replacement: string;
  readonly order?: number;
  readonly preference?: number;
  readonly flags?: string;
}

/** A running dnsmasq that knows one zone, all of it under `.test`, and asks nobody else. */
export class DnsServer {
  /** `127.0.0.1:port`, as the engine's DNS servers are named. */
  readonly address: string;
  readonly #program: Program;

  private constructor(address: string, program: Program) {
    this.address = address;
    this.#program = program;
  }

  static async start(zone: Zone): Promise<DnsServer> {
    const port = await freePort();
    const address = `127.0.0.1:${port}`;
    const probe = new Resolver({ timeout: 200, tries: 1 });
    probe.setServers([address]);
    const program = await startProgram({
      command: peerProgram('dnsmasq'),
      args: (folder) => [
        ...[
          '--keep-in-foreground',
          '--log-facility=-',
          '--log-queries',
          `--pid-file=${path.join(folder, 'pid')}`,
        ],
        ...['--no-resolv', '--no-hosts', '--user=', '--local=/test/'],
        ...[`--port=${port}`, '--listen-address=127.0.0.1', '--bind-interfaces'],
        ...['--host-record=ready.test,127.0.0.1', ...records(zone)],
      ],
      ready: () =>
        probe.resolve4('ready.test').then(
          () => true,
          () => false,
        ),
    });
    return new DnsServer(address, program);
  }

  /** The questions put to it so far, `SRV _sip._udp.example.test`. */
  get asked(): string[] {
    const text = this.#program.stderr.text() + this.#program.stdout.text();
    return [...text.matchAll(/query\[(\w+)\] (\S+) from/g)]
      .map(([, type = '', name = '']) => `${type} ${name}`)
      .filter((question) => !question.endsWith(' ready.test'));
  }

  /** Says nothing for a while; what is asked waits in its socket. */
  freeze(): void {
    this.#program.signal('SIGSTOP');
  }

  async stop(): Promise<void> {
    this.#program.signal('SIGCONT');
    await this.#program.stop();
  }
}

function records({ hosts = {}, services = {}, pointers = {}, ttl = 60 }: Zone): string[] {
  const lines = [`--local-ttl=${ttl}`];
  for (const [name, addresses] of Object.entries(hosts)) {
    for (const address of addresses) lines.push(`--host-record=${name},${address}`);
  }
  for (const [name, list] of Object.entries(services)) {
    for (const { host, port, priority = 0, weight = 0 } of list) {
      lines.push(`--srv-host=${name},${host},${port},${priority},${weight}`);
    }
  }
  for (const [name, list] of Object.entries(pointers)) {
    for (const { service, replacement, order = 10, preference = 10, flags = 's' } of list) {
      lines.push(`--naptr-record=${name},${order},${preference},${flags},${service},,${replacement}`);
    }
  }
  return lines;
}
