import type { ConnectionMember, MsrpConnection } from './connection.ts';
import type { RequestHead } from './frame.ts';
import { pathParts, sessionIdIn } from './uri.ts';

/** The session-ids of a path, which are what addresses rewritten on the way leave alone (RFC 6714 §5). */
export function sessionIdsOf(path: string): string[] {
  return pathParts(path).map((uri) => sessionIdIn(uri) ?? uri);
}

/** A session on one connection, and who speaks for it there. */
export class Binding {
  readonly connection: MsrpConnection;
  readonly #relayed: boolean;
  readonly #member: ConnectionMember;
  /** The session-ids of the peer's From-Path. */
  #speaker: readonly string[] | undefined;

  /** `relayed`: the peer's path leads over relays. */
  constructor(connection: MsrpConnection, relayed: boolean, member: ConnectionMember) {
    this.connection = connection;
    this.#relayed = relayed;
    this.#member = member;
    connection.join(member);
  }

  leave(): void {
    this.connection.leave(this.#member);
  }

  /**
   * Whether a request comes from the peer of this session rather than from somebody else behind the same connection.
   *
   * A connection of its own vouches for the peer. One that several sessions share, as back-to-back user agents do, or that leads
   * to a relay, does not: there From-Path must go on as it began. Session-ids are compared, not addresses, which session border
   * controllers rewrite (RFC 6714); nor the path of the SDP, since back-to-back user agents name themselves as they like. A relay
   * puts in what it gave to the client it forwards for, so another cannot pass for the peer; the failures it reports itself bear
   * the first part of the path only.
   */
  isPeer(head: RequestHead): boolean {
    if (!this.#relayed && this.connection.members <= 1) return true;
    return this.#goesOn(fromIds(head));
  }

  /** The peer has sent this. */
  heard(head: RequestHead): void {
    const ids = fromIds(head);
    if (this.#speaker === undefined || !this.#goesOn(ids)) this.#speaker = ids;
  }

  #goesOn(ids: readonly string[]): boolean {
    const speaker = this.#speaker;
    return speaker === undefined || ids.every((id, index) => id === speaker[index]);
  }
}

/** Of a request. */
export function fromIds({ headers }: RequestHead): string[] {
  return sessionIdsOf(headers.get('from-path') ?? '');
}

/** Whether a request names its sender as the SDP does. */
export function isAsOffered(head: RequestHead, path: string): boolean {
  return fromIds(head).join(' ') === sessionIdsOf(path).join(' ');
}

/** Whether a request comes from a hop of `path`, or from the peer at its end. */
export function isOnPath(head: RequestHead, path: string): boolean {
  const offered = sessionIdsOf(path);
  return fromIds(head).every((id, index) => id === offered[index]);
}
