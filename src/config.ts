import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import type { ConfigFault } from './config-conflicts.ts';
import { conflicts } from './config-conflicts.ts';
import {
  cidr,
  databaseUrl,
  domain,
  hostPort,
  listOf,
  listenOn,
  noneOr,
  optional,
  origin,
  parsed,
  sipUri,
  wordsOf,
} from './config-values.ts';
import { AddressOfRecord } from './core/address-of-record.ts';
import { MailboxError } from './core/errors.ts';

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

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

const count = (least: number, most: number) => z.coerce.number().int().min(least).max(most);

const ON_OFF = z.enum(['on', 'off']);

/** Headers that can be told of a text (RFC 3842 §3.5). */
const MESSAGE_HEADERS = ['From', 'Subject', 'Date', 'Priority', 'Message-ID', 'Message-Context'] as const;

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
      .transform(parsed(noneOr(listOf(hostPort)), 'HOST:PORT of drachtio-servers, by commas')),
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
      .transform(optional((uri) => AddressOfRecord.tryParse(uri), 'sip:USER@DOMAIN')),
    'The address users call to fetch their texts, the same for all; the lamp carries it as Message-Account. Unset: `sip:mailbox@` the first of DOMAINS.',
  ),
  OUTBOUND_PROXY: variable(
    z.string().default('').transform(optional(sipUri, 'a SIP URI')),
    'Proxy for the MESSAGEs that hand texts to phones without MSRP and receipts to senders, and for NOTIFYs with MWI_UNSOLICITED. Unset: the proxy the request came from.',
  ),
  PRESENCE_SERVER: variable(
    z.string().default('').transform(optional(sipUri, 'a SIP URI')),
    'Presence server that takes our PUBLISH, e.g. `sip:10.0.0.5:5060;transport=tcp`. Unset: the built-in one.',
  ),
  PUBLISH_EXPIRES: variable(
    count(60, 86_400).default(3600),
    'How long a lamp’s publication lives before it is refreshed, seconds.',
  ),
  PUBLISH_RATE: variable(
    count(1, 20_000).default(500),
    'Most PUBLISHes a second; fewer while the presence server answers late. It must refresh all lamps within PUBLISH_EXPIRES: 500 keeps a million with 3600.',
  ),
  PUBLISH_REFRESH_BODY: variable(
    ON_OFF.default('on'),
    'Whether a refresh carries the body. Kamailio notifies an empty body without; `off` is for servers that do not.',
  ),
  PRESENCE_CHECK_SECONDS: variable(
    count(0, 3600).default(20),
    'How often a publication of our own tells whether the presence server forgot everything, seconds; all lamps are published anew then. 0: never.',
  ),
  SIP_AUTH_USER: variable(
    z.string().max(256).default(''),
    'User name for servers that challenge our requests (401, 407).',
  ),
  SIP_AUTH_PASSWORD: variable(z.string().max(256).default(''), 'Password of SIP_AUTH_USER.'),
  SIP_AUTH_REALM: variable(
    z.string().max(256).default(''),
    'Realm SIP_AUTH_PASSWORD is meant for. Unset: any that asks.',
  ),
  MWI_CONTEXT_CLASS: variable(
    z.enum(['text-message', 'pager-message']).default('text-message'),
    'What our texts are counted as in the lamp’s body: `text-message` or `pager-message`.',
  ),
  MWI_MESSAGE_HEADERS: variable(
    z
      .string()
      .default('')
      .transform(parsed(wordsOf(MESSAGE_HEADERS), MESSAGE_HEADERS.join(', '))),
    `What the lamp’s body tells of the newest texts, by commas: ${MESSAGE_HEADERS.join(', ')}. Unset: nothing.`,
  ),
  MWI_VOICE_LINE: variable(
    ON_OFF.default('off'),
    'Whether the body has `Voice-Message: 0/0 (0/0)` where no voicemail is known: Asterisk takes none without.',
  ),
  MWI_UNSOLICITED: variable(
    ON_OFF.default('off'),
    'For sites without a presence server: phones are sent NOTIFYs nobody subscribed to, through OUTBOUND_PROXY, in place of PUBLISHes.',
  ),
  VOICEMAIL_MWI: variable(
    z.string().default('').transform(optional(sipUri, 'a SIP URI')),
    'Voicemail whose counts stand beside ours in one lamp, e.g. `sip:10.0.0.9:5060`: we subscribe to it for every user, and take its PUBLISH and NOTIFY.',
  ),
  VOICEMAIL_KEEP_SECONDS: variable(
    count(60, 2_592_000).default(86_400),
    'How long counts stand that the voicemail told without saying how long, seconds.',
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
  WS_LISTEN: variable(
    z
      .string()
      .default('')
      .transform(parsed(noneOr(listOf(listenOn(['wss', 'ws']))), 'ws:HOST:PORT or wss:HOST:PORT, by commas')),
    'Where browsers come in, e.g. `wss:0.0.0.0:8443`: SIP and MSRP over WebSockets on one port. Unset: nowhere.',
  ),
  WS_ORIGINS: variable(
    z
      .string()
      .default('')
      .transform(
        parsed(noneOr(listOf(origin)), 'https://HOST or http://HOST, with :PORT where it has one, by commas'),
      ),
    'Web pages that may connect to WS_LISTEN, e.g. `https://chat.example.com`. Unset: any.',
  ),
  MSRP_ADVERTISED_HOST: variable(
    z
      .string()
      .default('')
      .transform(optional((host) => (ipaddr.isValid(host) ? host : undefined), 'an IP address')),
    'IP address that clients reach MSRP_LISTEN and WS_LISTEN by, when it is not the one listened on.',
  ),
  MSRP_TLS_CERTIFICATE: variable(
    z.string().default(''),
    'PEM file with the certificate for MSRP over TLS. Unset: a self-signed one is made in DATA_DIR at first start.',
  ),
  MSRP_TLS_KEY: variable(z.string().default(''), 'PEM file with the key of MSRP_TLS_CERTIFICATE.'),
  MSRP_CHUNK_OVER: variable(
    count(0, 10_000_000).default(0),
    'Texts longer than so many bytes go out over MSRP in chunks of 2048, which lets other sessions on the same connection, as behind a relay, take turns. 0: never; widespread clients take each chunk for a text, or fail.',
  ),
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
  MESSAGE_TTL: variable(
    count(0, 315_360_000).default(0),
    'How long a text is kept that its owner does not fetch, seconds. 0: until she does. A sender may set less by `Expires`.',
  ),
  RECEIPTS: variable(
    ON_OFF.default('on'),
    'Whether senders are told what became of their texts when they ask for it (IMDN): stored, delivered, displayed, expired.',
  ),
  MAX_SESSIONS: variable(count(1, 100_000).default(2000), 'Most chat sessions at one time.'),
  NODE_NAME: variable(
    z.string().min(1).max(64).default(hostname().slice(0, 64)),
    'Name of this node among those that share a database; must differ between them.',
    'the host’s name',
  ),
  HTTP_LISTEN: variable(
    z.string().default('').transform(optional(hostPort, 'HOST:PORT')),
    'Where `/live`, `/ready`, `/status` and `/metrics` (Prometheus) are served. Unset: nowhere.',
  ),
  HTTP_TOKEN: variable(
    z.string().max(256).default(''),
    'Bearer token for what changes something over HTTP (`PUT /voicemail/USER`). Unset: nothing does.',
  ),
  LOG_LEVEL: variable(z.enum(LOG_LEVELS).default('info'), `One of ${LOG_LEVELS.join(', ')}.`),
});

/** The settings as read, before what depends on others is filled in. */
export type Settings = Readonly<z.infer<typeof VARIABLES>>;

/** The program's settings, checked and typed. Made by {@link readConfig} only. */
export type Config = Omit<Settings, 'MESSAGE_ACCOUNT'> & {
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
