import { createHash } from 'node:crypto';
import { MailboxError } from '../core/errors.ts';
import type { Challenge } from './challenges.ts';
import { holdsControlCharacters, quotedString } from './challenges.ts';

/*
 * Digest access authentication as a SIP client does it: RFC 3261 §22.4, RFC 7616 §3.4, RFC 8760.
 *   response = KD(H(A1), nonce ":" nc ":" cnonce ":" qop ":" H(A2))   with qop=auth
 *            = KD(H(A1), nonce ":" H(A2))                             without
 *   A1       = username ":" realm ":" password                        MD5, SHA-256
 *            = H(username ":" realm ":" password) ":" nonce ":" cnonce   MD5-sess, SHA-256-sess
 *   A2       = method ":" uri
 *   KD(s, d) = H(s ":" d)
 */

/** No challenge can be met: none is digest, or each asks for something we do not speak, or for another realm. */
export class NoUsableChallenge extends MailboxError {
  constructor(problems: readonly string[]) {
    super('NO_USABLE_CHALLENGE', `no usable challenge: ${problems.join('; ') || 'there is none'}`);
  }
}

/** A user name or a realm that cannot stand in a header. */
export class UnusableCredentials extends MailboxError {
  constructor(which: string) {
    super('UNUSABLE_CREDENTIALS', `${which} is empty or holds control characters`);
  }
}

/** What we prove to know. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** Challenges for any other realm are left unanswered; without it those for every realm are answered. */
  readonly realm?: string;
}

interface Algorithm {
  readonly name: string;
  readonly hash: 'md5' | 'sha256';
  /** A1 is bound to the nonce and cnonce a session began with. */
  readonly session: boolean;
}

/** Weakest first. */
const ALGORITHMS: readonly Algorithm[] = [
  { name: 'MD5', hash: 'md5', session: false },
  { name: 'MD5-sess', hash: 'md5', session: true },
  { name: 'SHA-256', hash: 'sha256', session: false },
  { name: 'SHA-256-sess', hash: 'sha256', session: true },
];

/** A digest challenge we can meet. */
export interface DigestChallenge {
  readonly realm: string;
  readonly nonce: string;
  /** Sent back as it came. */
  readonly opaque: string | undefined;
  readonly algorithm: Algorithm;
  /** The challenge named its algorithm, so the answer does. */
  readonly algorithmNamed: boolean;
  /** False for a server of RFC 2069, which knows neither cnonce nor nonce count. */
  readonly qopAuth: boolean;
  /** The nonce of the credentials it answers was too old; they themselves may be good. */
  readonly stale: boolean;
}

/** What one request adds to an answer. */
export interface DigestRequest {
  readonly method: string;
  /** The Request-URI. */
  readonly uri: string;
  readonly cnonce: string;
  /** Which request this is that uses the nonce; the first is 1. */
  readonly nonceCount: number;
  /** The nonce the session began with; the challenge's own unless the server named a next one. */
  readonly sessionNonce?: string;
}

/**
 * The challenge to meet: the one with the strongest algorithm; of several alike the first, which the server prefers
 * (RFC 8760 §2.4 leaves it to local policy to go by strength).
 * @throws NoUsableChallenge
 */
export function chooseChallenge(challenges: readonly Challenge[], realm?: string): DigestChallenge {
  const problems = new Set<string>();
  let chosen: DigestChallenge | undefined;
  for (const challenge of challenges) {
    const digest = readDigestChallenge(challenge);
    if (typeof digest === 'string') problems.add(digest);
    else if (realm !== undefined && digest.realm !== realm) problems.add('it is for another realm');
    else if (chosen === undefined || strength(digest) > strength(chosen)) chosen = digest;
  }
  if (chosen === undefined) throw new NoUsableChallenge([...problems]);
  return chosen;
}

/** The value of Authorization or Proxy-Authorization that meets `challenge`. */
export function digestAnswer(
  challenge: DigestChallenge,
  { username, password }: Credentials,
  request: DigestRequest,
): string {
  const { realm, nonce, opaque, algorithm, algorithmNamed, qopAuth } = challenge;
  const { method, uri, cnonce, sessionNonce = nonce } = request;
  const hash = (text: string): string => createHash(algorithm.hash).update(text, 'utf8').digest('hex');
  const secret = hash(`${username}:${realm}:${password}`);
  const a1 = algorithm.session ? hash(`${secret}:${sessionNonce}:${cnonce}`) : secret;
  const a2 = hash(`${method}:${uri}`);
  const count = request.nonceCount.toString(16).padStart(8, '0');
  const response = qopAuth
    ? hash(`${a1}:${nonce}:${count}:${cnonce}:auth:${a2}`)
    : hash(`${a1}:${nonce}:${a2}`);
  const parameters = [
    `username=${quotedString(username)}`,
    `realm=${quotedString(realm)}`,
    `nonce=${quotedString(nonce)}`,
    `uri=${quotedString(uri)}`,
    `response="${response}"`,
    ...(algorithmNamed ? [`algorithm=${algorithm.name}`] : []),
    ...(opaque === undefined ? [] : [`opaque=${quotedString(opaque)}`]),
    ...(qopAuth ? ['qop=auth', `nc=${count}`, `cnonce=${quotedString(cnonce)}`] : []),
  ];
  return `Digest ${parameters.join(', ')}`;
}

/** @throws UnusableCredentials */
export function checkCredentials({ username, realm }: Credentials): void {
  if (username === '' || holdsControlCharacters(username)) throw new UnusableCredentials('the user name');
  if (realm !== undefined && holdsControlCharacters(realm)) throw new UnusableCredentials('the realm');
}

/** A string says why a challenge cannot be met. */
function readDigestChallenge({ scheme, parameters }: Challenge): DigestChallenge | string {
  if (scheme !== 'digest') return `the scheme is ${scheme}`;
  const realm = parameters.get('realm');
  const nonce = parameters.get('nonce');
  if (realm === undefined || nonce === undefined) return 'realm or nonce is missing';
  const named = parameters.get('algorithm');
  const name = (named ?? 'MD5').toLowerCase();
  const algorithm = ALGORITHMS.find((known) => known.name.toLowerCase() === name);
  // RFC 3261 §22.4: a challenge whose algorithm is unknown is passed over.
  if (algorithm === undefined) return `the algorithm is ${name}`;
  const offered = parameters.get('qop');
  const qopAuth = (offered ?? '')
    .toLowerCase()
    .split(',')
    .some((option) => option.trim() === 'auth');
  if (offered !== undefined && !qopAuth) return `qop is ${offered}`;
  // A1 needs a cnonce, which RFC 2617 §3.2.2 forbids where the server did not offer qop.
  if (algorithm.session && !qopAuth) return `${algorithm.name} comes without qop`;
  return {
    realm,
    nonce,
    opaque: parameters.get('opaque'),
    algorithm,
    algorithmNamed: named !== undefined,
    qopAuth,
    stale: parameters.get('stale')?.toLowerCase() === 'true',
  };
}

function strength({ algorithm, qopAuth }: DigestChallenge): number {
  return 2 * ALGORITHMS.indexOf(algorithm) + (qopAuth ? 1 : 0);
}
