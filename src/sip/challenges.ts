import { MailboxError } from '../core/errors.ts';
import { SIP_LIMITS } from './limits.ts';

/** A header of challenges, or one that goes with them, that breaks its grammar or a limit of ours. */
export class MalformedChallenge extends MailboxError {
  constructor(problem: string) {
    super('MALFORMED_CHALLENGE', `unreadable challenge: ${problem}`);
  }
}

/** One challenge of a WWW-Authenticate or Proxy-Authenticate header. */
export interface Challenge {
  /** In lower case: `digest`. */
  readonly scheme: string;
  /** By name in lower case; values without quotes and escapes. */
  readonly parameters: ReadonlyMap<string, string>;
}

/*
 * RFC 3261 §25.1, RFC 9110 §11.3:
 *   challenge  = scheme LWS ( token68 / auth-param *( COMMA auth-param ) )
 *   auth-param = token EQUAL ( token / quoted-string ),  EQUAL = SWS "=" SWS,  COMMA = SWS "," SWS
 * A field holds one challenge, but several fields reach us joined by commas, so a comma may part parameters as well as
 * challenges: a token with no "=" behind it begins the next challenge. An unquoted value may hold more than a token does,
 * for servers that forget to quote base64.
 */
const SEPARATORS = /[\s,]*/y;
const SPACE = /\s*/y;
const TOKEN = /[\w!#$%&'*+.^`|~-]+/y;
const TOKEN68 = /[\w.~+/-]+=*(?=\s*(?:,|$))/y;
const QUOTED = /"([^"\\]*(?:\\.[^"\\]*)*)"/y;
const UNQUOTED = /[^\s,"]+/y;

/** Reads the challenges of one header, in their order; several fields of its name may be joined by commas. @throws MalformedChallenge */
export function parseChallenges(header: string): Challenge[] {
  const scanner = new Scanner(header);
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  while (!scanner.atEnd()) {
    const name = scanner.take(TOKEN, 'a name').toLowerCase();
    if (scanner.takeEqualSign()) {
      const current = challenges.at(-1);
      if (current === undefined) throw new MalformedChallenge('parameters without a scheme');
      scanner.takeValue(name, current.parameters);
    } else {
      challenges.push({ scheme: name, parameters: new Map() });
      scanner.skipToken68();
    }
  }
  return challenges;
}

/** Reads the parameters of an Authentication-Info header (RFC 7615 §3), by name in lower case. @throws MalformedChallenge */
export function parseAuthenticationInfo(header: string): ReadonlyMap<string, string> {
  const scanner = new Scanner(header);
  const parameters = new Map<string, string>();
  while (!scanner.atEnd()) {
    const name = scanner.take(TOKEN, 'a name').toLowerCase();
    if (!scanner.takeEqualSign()) throw new MalformedChallenge(`${name} has no value`);
    scanner.takeValue(name, parameters);
  }
  return parameters;
}

/** Text as a quoted-string (RFC 3261 §25.1). It must not hold control characters. */
export function quotedString(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** True when `text` holds what no header value may: a control character other than a tab. */
export function holdsControlCharacters(text: string): boolean {
  return Array.from(text).some((character) => {
    const code = character.codePointAt(0) ?? 0;
    return (code < 0x20 && character !== '\t') || code === 0x7f;
  });
}

/** Walks over a header once, from its start to its end. */
class Scanner {
  readonly #text: string;
  #position = 0;

  constructor(header: string) {
    if (Buffer.byteLength(header) > SIP_LIMITS.challengeBytes) throw new MalformedChallenge('too long');
    // RFC 3261 §7.3.1: a folded line counts as one space.
    this.#text = header.replace(/\r?\n[ \t]+/g, ' ').trimEnd();
    if (holdsControlCharacters(this.#text)) throw new MalformedChallenge('control characters');
  }

  /** Passes over commas and space, and tells whether there is nothing more. */
  atEnd(): boolean {
    this.#match(SEPARATORS);
    return this.#position === this.#text.length;
  }

  take(pattern: RegExp, what: string): string {
    const match = this.#match(pattern);
    if (match === null) throw new MalformedChallenge(`no ${what} at ${this.#position}`);
    return match[1] ?? match[0];
  }

  takeEqualSign(): boolean {
    const start = this.#position;
    this.#match(SPACE);
    if (this.#text[this.#position] === '=') {
      this.#position++;
      this.#match(SPACE);
      return true;
    }
    this.#position = start;
    return false;
  }

  /** RFC 7616 §3.3: a parameter that comes twice leaves open which one the server meant. */
  takeValue(name: string, parameters: Map<string, string>): void {
    if (parameters.has(name)) throw new MalformedChallenge(`${name} comes twice`);
    const value =
      this.#text[this.#position] === '"'
        ? this.take(QUOTED, 'end of a quoted string').replace(/\\(.)/gsu, '$1')
        : this.take(UNQUOTED, 'a value');
    if (!/^[\s,]?$/.test(this.#text.charAt(this.#position))) {
      throw new MalformedChallenge(`no comma behind ${name}`);
    }
    parameters.set(name, value);
  }

  /** What schemes other than digest may have in the place of parameters. */
  skipToken68(): void {
    const start = this.#position;
    this.#match(SPACE);
    if (this.#position === start || this.#match(TOKEN68) === null) this.#position = start;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#position;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#position = pattern.lastIndex;
    return match;
  }
}
