import { z } from 'zod';
import { AddressOfRecord } from '../core/address-of-record.ts';
import {
  cidr,
  domain,
  hostPort,
  listOf,
  listenAdvertised,
  noneOr,
  optional,
  parsed,
  sipUri,
} from './values.ts';
import { ON_OFF, count, variable } from './variable.ts';

/** Where SIP comes in and goes out, and who is served. */
export const SIP_VARIABLES = {
  SIP_LISTEN: variable(
    z
      .string()
      .default('udp:127.0.0.1:5060,tcp:127.0.0.1:5060')
      .transform(
        parsed(
          listOf(listenAdvertised(['udp', 'tcp', 'tls'])),
          'udp:HOST:PORT, tcp:HOST:PORT or tls:HOST:PORT, by commas, /HOST:PORT behind one that peers reach by that',
        ),
      ),
    'Where the built-in SIP engine listens: `udp:`, `tcp:` or `tls:` with address and port; IPv6 in brackets. Behind a NAT the address from outside follows a slash: `udp:10.0.0.5:5060/203.0.113.7:5060`.',
  ),
  SIP_TLS_CERTIFICATE: variable(
    z.string().default(''),
    'PEM file with the certificate for SIP over TLS, and behind it those that lead to its root. Unset: that of MSRP_TLS_CERTIFICATE, else the self-signed one.',
  ),
  SIP_TLS_KEY: variable(z.string().default(''), 'PEM file with the key of SIP_TLS_CERTIFICATE.'),
  SIP_TLS_CA: variable(
    z.string().default(''),
    'PEM file with the certificates that vouch for servers we connect to by TLS; a self-signed one vouches for itself. Unset: the public authorities Node.js knows.',
  ),
  SIP_TLS_VERIFY: variable(
    ON_OFF.default('on'),
    'Whether a server we connect to by TLS must prove by its certificate that it has the name it was looked up by. `off`: anyone at its address is believed.',
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
    'Proxy for the MESSAGEs that hand texts to phones without MSRP and receipts to senders, and for NOTIFYs with MWI_UNSOLICITED, which get there as they are. Unset: the proxy the request came from.',
  ),
  SIP_OUTBOUND_PROXY: variable(
    z.string().default('').transform(optional(sipUri, 'a SIP URI')),
    'Built-in engine only: proxy for whatever begins without a next hop of its own, by OUTBOUND_PROXY or otherwise, as the first Route (RFC 3261 §8.1.2): `sip:proxy.example.com;lr`. Without `;lr` it is a strict router of RFC 2543. Unset: such requests go to the servers of their domain (RFC 3263).',
  ),
  TRUSTED_PROXIES: variable(
    z
      .string()
      .default('127.0.0.0/8,::1/128')
      .transform(parsed(listOf(cidr), 'IP ranges such as 10.0.0.0/24, by commas')),
    'Whose word on a caller’s identity counts: the IP ranges of your proxies.',
  ),
  SIP_SOURCE_RATE: variable(
    count(0, 100_000).default(50),
    'Built-in engine only: requests a second that one address (of IPv6: one /64) may begin, after a quiet time four seconds’ worth at once. Further ones get 503, then nothing. TRUSTED_PROXIES, which send what everybody does, are not counted. 0: no limit.',
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
