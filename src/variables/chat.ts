import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { listOf, listenOn, noneOr, optional, origin, parsed } from './values.ts';
import { count, variable } from './variable.ts';

/** Chat sessions: where they are taken, and how long they last. */
export const CHAT_VARIABLES = {
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
  SESSION_IDLE_SECONDS: variable(
    count(5, 86_400).default(90),
    'A chat session without a word for so long is ended, seconds.',
  ),
  MAX_SESSIONS: variable(count(1, 100_000).default(2000), 'Most chat sessions at one time.'),
};
