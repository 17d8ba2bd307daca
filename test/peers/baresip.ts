import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { z } from 'zod';

import { NetstringConnection } from './netstring.ts';
import { freePort } from './ports.ts';
import { startProgram, temporaryFolder } from './process.ts';
import type { Program } from './process.ts';
import { peerProgram } from './require-peer.ts';
import { until } from './until.ts';

/** Whose phone it is and through whom it registers. */
export interface BaresipOptions {
  /** The proxy, on 127.0.0.1. */
  proxyPort: number;
  /** The user part of the account; its domain is example.test. */
  user: string;
  /** Its password, where the proxy asks for one (MD5). */
  password?: string;
  /** How it speaks to the proxy. Default: udp. */
  transport?: 'udp' | 'tcp';
  /** To whom it may write: it writes to contacts only. Default: the mailbox, sip:mailbox@example.test. */
  contacts?: readonly string[];
}

/** A text the phone showed. */
export interface ShownMessage {
  /** The peer as shown, `sip:carol@example.test`. */
  peer: string;
  text: string;
}

/** A phone that is registered and subscribed to its message-summary. Deadlines are ms. */
export interface Baresip {
  /** Where it takes SIP over UDP and TCP, on 127.0.0.1. */
  readonly port: number;
  /** Every summary it showed, oldest first; an empty NOTIFY is not shown. */
  mwiBodies(): string[];
  /** The next summary, not yet handed out by an earlier call, for which `wanted` holds; waits for it. */
  nextMwi(wanted: (body: string) => boolean, deadline?: number): Promise<string>;
  /** Every text it showed, oldest first; it takes text/plain only, and shows up to 1,199 bytes. */
  messages(): ShownMessage[];
  /** The next text, not yet handed out by an earlier call, for which `wanted` holds; waits for it. */
  nextMessage(wanted?: (message: ShownMessage) => boolean, deadline?: number): Promise<ShownMessage>;
  /** Sends a text, as text/plain. Resolves when it is on its way: the phone shows only refusals. */
  sendMessage(to: string, text: string): Promise<void>;
  /** The answers of 300 and above that its own texts got, `404 Not Found`. */
  refusals(): string[];
  /** All it wrote. */
  transcript(): string;
  /** Unregisters and ends it. */
  stop(): Promise<void>;
}

const MODULES = '/usr/lib/baresip/modules';
const DEADLINE = 5_000;
const MAILBOX = 'sip:mailbox@example.test';

/** A summary's own lines end in CRLF; the line end the phone adds after it is a bare LF. */
const SUMMARY = /----- MWI for [^\n]+ -----\n((?:[^\r\n]*\r\n)*[^\r\n]*)\n/g;
/** The text may hold quotes and line ends: it is over where the next thing shown begins. */
const MESSAGE = /\r(sips?:[^\s"]+): "([^]*?)"\n(?=\r| ?\S\[3\dm|$)/g;
/** A refused text is shown in a terminal's red. */
const RED_STATUS = /\[31m([3-6]\d\d [^\n]*?)[^\n\x20-\x7e]*\[;m/g;

const answerSchema = z.object({
  response: z.literal(true),
  ok: z.boolean(),
  data: z.string(),
  token: z.string(),
});

/** Starts baresip; resolves when it is registered and has sent its SUBSCRIBE. */
export async function startBaresip(options: BaresipOptions): Promise<Baresip> {
  // SIP over TLS takes the next port, and cannot be told not to.
  const port = await freePort(2);
  const controlPort = await freePort();
  const contacts = options.contacts ?? [MAILBOX];
  const folder = await temporaryFolder('baresip');
  try {
    await writeFile(path.join(folder, 'config'), configuration(port, controlPort));
    await writeFile(path.join(folder, 'accounts'), '');
    await writeFile(path.join(folder, 'contacts'), contacts.map((uri) => `"${uri}" <${uri}>\n`).join(''));
    // Read whole: a line end would become part of the Contact.
    await writeFile(path.join(folder, 'uuid'), randomUUID());
    const program = await startProgram({
      command: peerProgram('baresip'),
      args: ['-f', folder, '-v'],
      folder,
      ready: ({ stdout, stderr }) => (stdout.text() + stderr.text()).includes('baresip is ready.'),
    });
    try {
      const phone = new Phone(
        { ...options, contacts },
        port,
        folder,
        program,
        await NetstringConnection.open(controlPort),
      );
      await phone.register();
      return phone;
    } catch (reason) {
      await program.stop();
      throw reason;
    }
  } catch (reason) {
    await rm(folder, { recursive: true, force: true });
    throw reason;
  }
}

function configuration(port: number, controlPort: number): string {
  return [
    `module_path ${MODULES}`,
    `sip_listen 127.0.0.1:${port}`,
    'net_interface 127.0.0.1',
    `ctrl_tcp_listen 127.0.0.1:${controlPort}`,
    'audio_player aubridge,nil',
    'audio_source aubridge,nil',
    'audio_alert aubridge,nil',
    // Prints what is shown to the user.
    'module stdio.so',
    'module g711.so',
    'module aubridge.so',
    ...['account', 'contact', 'menu', 'mwi', 'ctrl_tcp'].map((name) => `module_app ${name}.so`),
    '',
  ].join('\n');
}

class Phone implements Baresip {
  readonly port: number;
  readonly #options: BaresipOptions;
  readonly #folder: string;
  readonly #program: Program;
  readonly #control: NetstringConnection;
  readonly #contacts: readonly string[];
  /** Which of them is the current one: the first at the start. */
  #contact = 0;
  #commands = 0;
  #summariesTaken = 0;
  #messagesTaken = 0;

  constructor(
    options: BaresipOptions & { contacts: readonly string[] },
    port: number,
    folder: string,
    program: Program,
    control: NetstringConnection,
  ) {
    this.#options = options;
    this.#contacts = options.contacts;
    this.port = port;
    this.#folder = folder;
    this.#program = program;
    this.#control = control;
  }

  /**
   * Makes the account over the control port: with the account in its file, its mwi module floods the
   * server with SUBSCRIBEs.
   */
  async register(): Promise<void> {
    const aor = `sip:${this.#options.user}@example.test`;
    const proxy = `sip:127.0.0.1:${this.#options.proxyPort};transport=${this.#options.transport ?? 'udp'}`;
    const password = this.#options.password ?? 'none';
    await this.#command(
      'uanew',
      `<${aor}>;auth_pass=${password};outbound="${proxy}";regint=300;pubint=0;mwi=yes`,
    );
    await until(
      `${aor} is registered`,
      DEADLINE,
      () => this.transcript().includes(`mwi: subscribing to messages for ${aor}`),
      () => this.transcript(),
    );
  }

  mwiBodies(): string[] {
    const shown = this.#program.stdout.text().matchAll(SUMMARY);
    return Array.from(shown, (match) => match[1] ?? '');
  }

  async nextMwi(wanted: (body: string) => boolean, deadline = DEADLINE): Promise<string> {
    return await this.#next(
      'a summary',
      deadline,
      wanted,
      () => this.mwiBodies().slice(this.#summariesTaken),
      (count) => {
        this.#summariesTaken += count;
      },
    );
  }

  messages(): ShownMessage[] {
    const shown = this.#program.stderr.text().matchAll(MESSAGE);
    return Array.from(shown, (match) => ({ peer: match[1] ?? '', text: match[2] ?? '' }));
  }

  async nextMessage(
    wanted: (message: ShownMessage) => boolean = () => true,
    deadline = DEADLINE,
  ): Promise<ShownMessage> {
    return await this.#next(
      'a text',
      deadline,
      wanted,
      () => this.messages().slice(this.#messagesTaken),
      (count) => {
        this.#messagesTaken += count;
      },
    );
  }

  async sendMessage(to: string, text: string): Promise<void> {
    const wanted = this.#contacts.indexOf(to);
    if (wanted < 0) throw new Error(`${to} is not among the phone's contacts`);
    // It writes to its current contact only, and that one is changed step by step.
    for (; this.#contact < wanted; this.#contact++) await this.#command('contact_next', '');
    for (; this.#contact > wanted; this.#contact--) await this.#command('contact_prev', '');
    await this.#command('message', text);
  }

  refusals(): string[] {
    const shown = this.#program.stderr.text().matchAll(RED_STATUS);
    return Array.from(shown, (match) => match[1] ?? '');
  }

  transcript(): string {
    return this.#program.transcript();
  }

  async stop(): Promise<void> {
    this.#control.close();
    await this.#program.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #next<T>(
    what: string,
    deadline: number,
    wanted: (item: T) => boolean,
    fresh: () => T[],
    take: (count: number) => void,
  ): Promise<T> {
    return await until(
      `${this.#options.user}'s phone shows ${what}`,
      deadline,
      () => {
        const items = fresh();
        const index = items.findIndex(wanted);
        const item = items[index];
        if (item === undefined) return undefined;
        take(index + 1);
        return item;
      },
      () => this.transcript(),
    );
  }

  async #command(command: string, params: string): Promise<void> {
    const token = String(++this.#commands);
    this.#control.send({ command, params, token });
    const answer = await until(
      `baresip answers ${command}`,
      DEADLINE,
      () =>
        this.#control
          .received()
          .map((value) => answerSchema.safeParse(value).data)
          .find((candidate) => candidate?.token === token),
      () => this.transcript(),
    );
    if (!answer.ok) throw new Error(`baresip refuses ${command} ${params}: ${answer.data}`);
  }
}
