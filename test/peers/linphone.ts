import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { freePort } from './ports.ts';
import { startProgram, temporaryFolder } from './process.ts';
import type { Program } from './process.ts';
import { peerProgram } from './require-peer.ts';
import { until } from './until.ts';

/** A Linphone that is registered over TCP. It has no summaries, and asks for no receipts. */
export interface Linphone {
  /** Sends a text; resolves with its Call-ID, by which receipts name it, once it was answered 2xx. */
  sendMessage(to: string, text: string): Promise<string>;
  /** Every text it showed, oldest first, `sip:carol@example.test: hello`. */
  messages(): string[];
  /** Resolves once `pattern` stands in what it showed and logged, SIP both ways among it. */
  logged(what: string, pattern: RegExp): Promise<RegExpExecArray>;
  /** All it wrote. */
  transcript(): string;
  /** Unregisters and ends it. */
  stop(): Promise<void>;
}

const DEADLINE = 5_000;
const STOP_WITHIN = 3_000;

/** Starts linphonec, as `identity`, behind the proxy on 127.0.0.1; resolves when it is registered. */
export async function startLinphone(identity: string, proxyPort: number): Promise<Linphone> {
  const folder = await temporaryFolder('linphone');
  try {
    // Without these it has no database, and ends with a fault at its first text.
    for (const place of ['.local/share/linphone', '.config/linphone']) {
      await mkdir(path.join(folder, place), { recursive: true });
    }
    await writeFile(path.join(folder, 'linphonerc'), configuration(identity, proxyPort, await freePort()));
    const program = await startProgram({
      command: peerProgram('linphone'),
      args: ['-c', path.join(folder, 'linphonerc'), '-d', '6'],
      folder,
      env: { HOME: folder, XDG_DATA_HOME: '', XDG_CONFIG_HOME: '', XDG_CACHE_HOME: '' },
      ready: ({ stdout, stderr }) => (stdout.text() + stderr.text()).includes('to [LinphoneRegistrationOk]'),
    });
    return new Phone(folder, program);
  } catch (reason) {
    await rm(folder, { recursive: true, force: true });
    throw reason;
  }
}

function configuration(identity: string, proxyPort: number, port: number): string {
  const proxy = `<sip:127.0.0.1:${proxyPort};transport=tcp>`;
  return [
    '[sip]',
    `sip_port=${port}`,
    `sip_tcp_port=${port}`,
    'sip_tls_port=0',
    'use_ipv6=0',
    'guess_hostname=0',
    'default_proxy=0',
    `contact=<${identity.replace(/@.*/, '@127.0.0.1')}>`,
    '',
    '[proxy_0]',
    `reg_proxy=${proxy}`,
    `reg_route=${proxy}`,
    `reg_identity=${identity}`,
    'reg_expires=600',
    'reg_sendregister=1',
    'publish=0',
    '',
  ].join('\n');
}

class Phone implements Linphone {
  readonly #folder: string;
  readonly #program: Program;

  constructor(folder: string, program: Program) {
    this.#folder = folder;
    this.#program = program;
  }

  async sendMessage(to: string, text: string): Promise<string> {
    const before = this.#program.stdout.length;
    this.#program.write(`chat ${to} ${text}\n`);
    // What it tells of other texts meanwhile is none.
    const sent =
      /^MESSAGE \S+ SIP(?:.+\r?\n)*?Call-ID: (\S+)\r?\n(?:.+\r?\n)*?Content-Type: text\/plain\r?\n/m;
    const [, callId = ''] = await this.#find(`a MESSAGE to ${to}`, sent, before);
    await this.#find(`the answer to ${callId}`, answerTo(callId), before);
    return callId;
  }

  messages(): string[] {
    return Array.from(
      this.#program.stdout.text().matchAll(/^(?:linphonec> )?Message received from ([^\r\n]*)/gm),
      ([, message = '']) => message,
    );
  }

  async logged(what: string, pattern: RegExp): Promise<RegExpExecArray> {
    return await this.#find(what, pattern, 0);
  }

  transcript(): string {
    return this.#program.transcript();
  }

  async stop(): Promise<void> {
    this.#program.write('quit\n');
    const timer = setTimeout(() => void this.#program.stop(), STOP_WITHIN);
    await this.#program.ended;
    clearTimeout(timer);
    await this.#program.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #find(what: string, pattern: RegExp, since: number): Promise<RegExpExecArray> {
    return await until(
      what,
      DEADLINE,
      () => {
        if (this.#program.ending !== undefined) throw new Error(`ended: ${this.transcript()}`);
        return pattern.exec(this.#program.stdout.since(since)) ?? undefined;
      },
      () => this.transcript(),
    );
  }
}

/** A 2xx to the request with this Call-ID. What came in one read is logged as one: it may stand right behind a body. */
export function answerTo(callId: string): RegExp {
  const id = callId.replace(/[^\w]/g, '\\$&');
  return new RegExp(`SIP/2\\.0 2\\d\\d .*\\r?\\n(?:.+\\r?\\n)*?Call-ID: ${id}\\r?\\n`);
}
