import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { AddressOfRecord } from './core/address-of-record.ts';
import { MailboxError } from './core/errors.ts';

/** One fault in the environment. */
export interface ConfigFault {
  readonly variable: string;
  readonly problem: string;
}

/** The environment does not say what the program needs. Lists every fault, so that one start shows them all. */
export class InvalidConfig extends MailboxError {
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(
      'INVALID_CONFIG',
      ['The environment has faults:', ...faults.map((f) => `  ${f.variable}: ${f.problem}`)].join('\n'),
    );
    this.faults = faults;
  }
}

/** An address to listen on. Port 0 takes any free one. */
export interface ListenOn<P extends string> {
  readonly protocol: P;
  readonly host: string;
  readonly port: number;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** An IP range in CIDR notation. */
export type Cidr = readonly [address: ipaddr.IPv4 | ipaddr.IPv6, prefixLength: number];

const PORT = /^\d{1,5}$/;

function port(text: string | undefined): number | undefined {
  if (text === undefined || !PORT.test(text)) return undefined;
  const value = Number(text);
  return value <= 65_535 ? value : undefined;
}

function items(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function parsed<T>(parse: (text: string) => T | undefined, expected: string) {
  return (text: string, context: z.RefinementCtx): T => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: `expected ${expected}, not ${JSON.stringify(text)}` });
    return z.NEVER;
  };
}

/** All of `text`'s items parsed, or undefined when one is faulty or there is none. */
function listOf<T>(parse: (item: string) => T | undefined): (text: string) => T[] | undefined {
  return (text) => {
    const values: T[] = [];
    for (const item of items(text)) {
      const value = parse(item);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values.length === 0 ? undefined : values;
  };
}

function hostPort(text: string): HostPort | undefined {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:\s/]+):(\d+)$/.exec(text);
  const number = port(match?.[2]);
  if (match?.[1] === undefined || number === undefined) return undefined;
  return { host: match[1].replace(/^\[|\]$/g, ''), port: number };
}

function listenOn<P extends string>(protocols: readonly P[]): (text: string) => ListenOn<P> | undefined {
  return (text) => {
    const protocol = protocols.find((candidate) => text.startsWith(`${candidate}:`));
    if (protocol === undefined) return undefined;
    const address = hostPort(text.slice(protocol.length + 1));
    return address === undefined ? undefined : { protocol, ...address };
  };
}

function cidr(text: string): Cidr | undefined {
  try {
    if (text.includes('/')) return ipaddr.parseCIDR(text);
    const address = ipaddr.parse(text);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  } catch {
    return undefined;
  }
}

function domain(text: string): string | undefined {
  return /^[A-Za-z0-9]([A-Za-z0-9\-.]*[A-Za-z0-9])?$|^\[[0-9a-fA-F:.]+\]$/.test(text)
    ? text.toLowerCase()
    : undefined;
}

function sipUri(text: string): string | undefined {
  return /^sips?:[^\s<>"]+$/.test(text) ? text : undefined;
}

function databaseUrl(text: string): string | undefined {
  return /^(sqlite:.+|mysql:\/\/[^/\s]+\/[^/\s]+)$/.test(text) ? text : undefined;
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

const count = (least: number, most: number) => z.coerce.number().int().min(least).max(most);

/** One line of the reference table: what the variable means, in the operator's words. */
function variable<T extends z.ZodType>(schema: T, meaning: string, shown?: string): T {
  return schema.meta({ description: meaning, shown });
}

/*
 * The one description of the environment: it is read, checked, and printed (README, .env.example) from here.
 */
const VARIABLES = z.object({
  SIP_LISTEN: variable(
    z
      .string()
      .default('udp:127.0.0.1:5060,tcp:127.0.0.1:5060')
      .transform(parsed(listOf(listenOn(['udp', 'tcp'])), 'udp:HOST:PORT or tcp:HOST:PORT, by commas')),
    'Where the built-in SIP engine listens.',
  ),
  DRACHTIO_SERVERS: variable(
    z
      .string()
      .default('')
      .transform((text, context) =>
        text === ''
          ? []
          : parsed(listOf(hostPort), 'HOST:PORT of drachtio-servers, by commas')(text, context),
      ),
    'Admin ports of drachtio-servers to use in place of the built-in engine. Keep these ports on loopback or a private network: a drachtio-server does not enforce the secret.',
  ),
  DRACHTIO_SECRET: variable(z.string().default('cymru'), 'Secret of the drachtio-servers.'),
  DOMAINS: variable(
    z
      .string()
      .default('example.com,example.org,localhost,127.0.0.1')
      .transform(parsed(listOf(domain), 'domain names, by commas')),
    'SIP domains whose users have mailboxes here.',
  ),
  MESSAGE_ACCOUNT: variable(
    z
      .string()
      .default('')
      .transform((text, context) =>
        text === ''
          ? undefined
          : parsed((uri) => AddressOfRecord.tryParse(uri), 'sip:USER@DOMAIN')(text, context),
      ),
    'The address users call to fetch their texts, the same for all; the lamp carries it as Message-Account. Unset: `sip:mailbox@` the first of DOMAINS.',
  ),
  OUTBOUND_PROXY: variable(
    z
      .string()
      .default('')
      .transform((text, context) => (text === '' ? undefined : parsed(sipUri, 'a SIP URI')(text, context))),
    'Proxy for the MESSAGEs that hand texts to phones without MSRP. Unset: the proxy the request came from.',
  ),
  PRESENCE_SERVER: variable(
    z
      .string()
      .default('')
      .transform((text, context) => (text === '' ? undefined : parsed(sipUri, 'a SIP URI')(text, context))),
    'Presence server that takes our PUBLISH, e.g. `sip:10.0.0.5:5060;transport=tcp`. Unset: the built-in one.',
  ),
  PUBLISH_EXPIRES: variable(
    count(60, 86_400).default(3600),
    'How long a lamp’s publication lives before it is refreshed, seconds.',
  ),
  DATABASE_URL: variable(
    z
      .string()
      .default('sqlite:./data/mailbox.db')
      .transform(parsed(databaseUrl, 'sqlite:FILE or mysql://USER:PASSWORD@HOST:PORT/DATABASE')),
    'Where texts are kept: `sqlite:FILE` for one node, `mysql://USER:PASSWORD@HOST:PORT/DATABASE` for MySQL, MariaDB and Galera.',
  ),
  TRUSTED_PROXIES: variable(
    z
      .string()
      .default('127.0.0.0/8,::1/128')
      .transform(parsed(listOf(cidr), 'IP ranges such as 10.0.0.0/24, by commas')),
    'Whose word on a caller’s identity counts: the IP ranges of your proxies.',
  ),
  DEPOSIT_FROM: variable(
    z.enum(['trusted', 'anyone']).default('trusted'),
    'Who may leave texts: `trusted` proxies only, or `anyone` who reaches the SIP port.',
  ),
  MSRP_LISTEN: variable(
    z
      .string()
      .default('tcp:127.0.0.1:2855,tls:127.0.0.1:2856')
      .transform(parsed(listOf(listenOn(['tcp', 'tls'])), 'tcp:HOST:PORT or tls:HOST:PORT, by commas')),
    'Where chat sessions are taken (MSRP).',
  ),
  MSRP_ADVERTISED_HOST: variable(
    z
      .string()
      .default('')
      .transform((text, context) =>
        text === ''
          ? undefined
          : parsed((host) => (ipaddr.isValid(host) ? host : undefined), 'an IP address')(text, context),
      ),
    'IP address that clients reach MSRP_LISTEN by, when it is not the one listened on.',
  ),
  MSRP_TLS_CERTIFICATE: variable(
    z.string().default(''),
    'PEM file with the certificate for MSRP over TLS. Unset: a self-signed one is made in DATA_DIR at first start.',
  ),
  MSRP_TLS_KEY: variable(z.string().default(''), 'PEM file with the key of MSRP_TLS_CERTIFICATE.'),
  DATA_DIR: variable(z.string().min(1).default('./data'), 'Folder for what the program makes itself.'),
  AUTO_REPLY: variable(
    z.string().min(1).max(1000).default('I am offline but you can type a message'),
    'What a caller reads when a chat session is answered for an offline user.',
  ),
  SESSION_IDLE_SECONDS: variable(
    count(5, 86_400).default(90),
    'A chat session without a word for so long is ended, seconds.',
  ),
  MESSAGE_MAX_BYTES: variable(
    count(1000, 10_000_000).default(65_536),
    'Longest text taken, bytes, after decompression. A SIP MESSAGE carries 256 KB at most; beyond that only a chat session does.',
  ),
  MAILBOX_MAX_MESSAGES: variable(count(1, 1_000_000).default(1000), 'Most new texts a mailbox holds.'),
  MAX_SESSIONS: variable(count(1, 100_000).default(2000), 'Most chat sessions at one time.'),
  NODE_NAME: variable(
    z.string().min(1).max(64).default(hostname().slice(0, 64)),
    'Name of this node among those that share a database; must differ between them.',
    'the host’s name',
  ),
  HTTP_LISTEN: variable(
    z
      .string()
      .default('')
      .transform((text, context) => (text === '' ? undefined : parsed(hostPort, 'HOST:PORT')(text, context))),
    'Where `/live`, `/ready` and `/metrics` (Prometheus) are served. Unset: nowhere.',
  ),
  LOG_LEVEL: variable(z.enum(LOG_LEVELS).default('info'), `One of ${LOG_LEVELS.join(', ')}.`),
});

/** The program's settings, checked and typed. Made by {@link readConfig} only. */
export type Config = Readonly<Omit<z.infer<typeof VARIABLES>, 'MESSAGE_ACCOUNT'>> & {
  readonly MESSAGE_ACCOUNT: AddressOfRecord;
};

/** Reads the settings. Unknown variables are none of ours and are left alone. @throws InvalidConfig */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(
    Object.keys(VARIABLES.shape).flatMap((name) => {
      const value = environment[name]?.trim();
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
  const result = VARIABLES.safeParse(given);
  const faults: ConfigFault[] = result.success
    ? []
    : result.error.issues.map((issue) => ({ variable: issue.path.join('.'), problem: issue.message }));
  if (result.success) faults.push(...conflicts(result.data));
  if (!result.success || faults.length > 0) throw new InvalidConfig(faults);
  const { MESSAGE_ACCOUNT: account, ...rest } = result.data;
  return {
    ...rest,
    MESSAGE_ACCOUNT: account ?? AddressOfRecord.parse(`sip:mailbox@${firstOf(rest.DOMAINS)}`),
  };
}

function firstOf(domains: readonly string[]): string {
  return domains[0] ?? 'localhost';
}

/** Settings that are fine alone and wrong together. */
function conflicts(settings: z.infer<typeof VARIABLES>): ConfigFault[] {
  const faults: ConfigFault[] = [];
  if ((settings.MSRP_TLS_CERTIFICATE === '') !== (settings.MSRP_TLS_KEY === '')) {
    const missing = settings.MSRP_TLS_KEY === '' ? 'MSRP_TLS_KEY' : 'MSRP_TLS_CERTIFICATE';
    faults.push({ variable: missing, problem: 'certificate and key are given together or not at all' });
  }
  if (settings.DRACHTIO_SERVERS.length > 1 && settings.PRESENCE_SERVER === undefined) {
    faults.push({
      variable: 'PRESENCE_SERVER',
      problem:
        'needed with more than one of DRACHTIO_SERVERS: the built-in one is reached through one server only',
    });
  }
  const anywhere = settings.MSRP_LISTEN.some(({ host }) => host === '0.0.0.0' || host === '::');
  if (anywhere && settings.MSRP_ADVERTISED_HOST === undefined) {
    faults.push({
      variable: 'MSRP_ADVERTISED_HOST',
      problem: 'needed when MSRP_LISTEN is on every address: clients must be told one they can reach',
    });
  }
  if (settings.MESSAGE_ACCOUNT !== undefined && !settings.DOMAINS.includes(settings.MESSAGE_ACCOUNT.host)) {
    faults.push({ variable: 'MESSAGE_ACCOUNT', problem: 'its domain must be one of DOMAINS' });
  }
  return faults;
}

/** One row of the reference: name, default as written in the environment, meaning. */
export interface VariableReference {
  readonly name: string;
  readonly fallback: string;
  readonly meaning: string;
}

/** The reference of all variables, in the order of this file. */
export function variableReference(): VariableReference[] {
  return Object.entries(VARIABLES.shape).map(([name, schema]) => {
    const meta = schema.meta() as { description?: string; shown?: string } | undefined;
    return { name, fallback: meta?.shown ?? defaultOf(schema), meaning: meta?.description ?? '' };
  });
}

function defaultOf(schema: z.ZodType): string {
  const outer = schema instanceof z.ZodPipe ? (schema.in as z.ZodType) : schema;
  return outer instanceof z.ZodDefault ? String(outer.def.defaultValue) : '';
}

/** Reads the settings of this process; a `.env` file in the working directory fills in what is not set. @throws InvalidConfig */
export function loadConfig(): Config {
  if (existsSync('.env')) process.loadEnvFile('.env');
  return readConfig(process.env);
}
