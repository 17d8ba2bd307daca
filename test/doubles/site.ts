import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { until } from '../peers/until.ts';
import type { CommandEnd } from './command-process.ts';
import { runCommandProcess } from './command-process.ts';
import type { ServerProcess } from './server-process.ts';
import { startServer } from './server-process.ts';
import { SipPhone } from './sip-phone.ts';

export const ALICE = 'sip:alice@example.test';
const BOB = 'sip:bob@example.test';

/** A server and whoever talks to it; commands run beside it with the same environment. */
export class Site {
  readonly server: ServerProcess;
  readonly bob: SipPhone;
  readonly #environment: Readonly<Record<string, string>>;

  private constructor(server: ServerProcess, bob: SipPhone, environment: Readonly<Record<string, string>>) {
    this.server = server;
    this.bob = bob;
    this.#environment = environment;
  }

  static async open(environment: Readonly<Record<string, string>> = {}): Promise<Site> {
    const server = await startServer(environment);
    const bob = await SipPhone.open({ address: BOB, server: server.udp });
    return new Site(server, bob, environment);
  }

  async close(): Promise<void> {
    await this.bob.close();
    await this.server.stop();
  }

  async run(...args: readonly string[]): Promise<CommandEnd> {
    return await runCommandProcess(this.server.folder, args, {
      SIP_LISTEN: `udp:127.0.0.1:${this.server.udp},tcp:127.0.0.1:${this.server.tcp}`,
      DOMAINS: 'example.test',
      ...this.#environment,
    });
  }

  async leaveText(words: string, to = ALICE): Promise<void> {
    const { startLine } = await this.bob.message(to, words);
    if (startLine !== 'SIP/2.0 200 OK') throw new Error(`a text for ${to}: ${startLine}`);
  }

  /** The totals, once they are as wanted. */
  async status(what: string, wanted: (totals: Totals) => boolean): Promise<Totals> {
    return await until(
      what,
      10_000,
      async () => {
        const totals = JSON.parse((await this.run('status', '--json')).output) as Totals;
        return wanted(totals) ? totals : undefined;
      },
      () => this.server.log(),
    );
  }

  /** Resolves when the presence server was told of every lamp. */
  async published(): Promise<Totals> {
    return await this.status('every lamp published', ({ lamps, behind }) => lamps > 0 && behind === 0);
  }

  /** The server's own database, for a test that reads or spoils it. */
  database<T>(work: (database: Sqlite.Database) => T): T {
    const database = new Sqlite(join(this.server.folder, 'data/mailbox.db'));
    try {
      return work(database);
    } finally {
      database.close();
    }
  }
}

/** What `status --json` says. */
export interface Totals {
  readonly lamps: number;
  readonly behind: number;
  readonly failing: number;
  readonly refused: readonly { readonly status: number; readonly lamps: number; readonly advice: string }[];
}
