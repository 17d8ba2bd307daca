import { z } from 'zod';
import { AddressOfRecord } from '../core/address-of-record.ts';
import { cidr, domain, hostPort, listOf, listenOn, noneOr, optional, parsed, sipUri } from './values.ts';
import { count, variable } from './variable.ts';

/** Where SIP comes in and goes out, and who is served. */
export const SIP_VARIABLES = {
  SIP_LISTEN: variable(
    z
      .string()
      .default('udp:127.0.0.1:5060,tcp:127.0.0.1:5060')
      .transform(parsed(listOf(listenOn(['udp', 'tcp'])), 'udp:HOST:PORT or tcp:HOST:PORT, by commas')),
    'Where the built-in SIP engine listens.',
  ),
  SIP_T1_MS: variable(
    count(10, 4_000).default(500),
    'Built-in engine only: T1 of RFC 3261, the time a SIP message and its answer are thought to take, ms. What is not answered over UDP is sent again after T1, and given up after 64 times T1.',
  ),
  SIP_T2_MS: variable(
    count(10, 60_000).default(4_000),
    'Built-in engine only: T2 of RFC 3261, the longest time between two sendings of the same message, ms. Not below SIP_T1_MS.',
  ),
  SIP_T4_MS: variable(
    count(10, 60_000).default(5_000),
    'Built-in engine only: T4 of RFC 3261, how long a message may be on its way, ms.',
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
  SIP_AUTH_USER: variable(
    z.string().max(256).default(''),
    'User name for servers that challenge our requests (401, 407).',
  ),
  SIP_AUTH_PASSWORD: variable(z.string().max(256).default(''), 'Password of SIP_AUTH_USER.'),
  SIP_AUTH_REALM: variable(
    z.string().max(256).default(''),
    'Realm SIP_AUTH_PASSWORD is meant for. Unset: any that asks.',
  ),
};
