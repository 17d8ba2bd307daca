import type { IncomingHttpHeaders } from 'node:http';

/** What is spoken over WebSockets here: RFC 7118 and RFC 7977. */
export type Subprotocol = 'sip' | 'msrp';

export const SUBPROTOCOLS: readonly Subprotocol[] = ['sip', 'msrp'];

/** An HTTP response that is no upgrade. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface UpgradeTerms {
  /** What is served: 'soon' for what nobody has taken yet. */
  readonly served: ReadonlyMap<Subprotocol, 'now' | 'soon'>;
  /** Pages that may connect, as browsers write them in `Origin`; undefined for any. */
  readonly origins: ReadonlySet<string> | undefined;
}

/** The answer to a request that asks for no WebSocket: nothing else is to be had here. */
export function upgradeRequired(): Refusal {
  return {
    ...refusal(426, 'Upgrade Required', 'WebSockets are served here, for sip and msrp, and nothing else.'),
    headers: { Upgrade: 'websocket' },
  };
}

/**
 * Judges a request to upgrade (RFC 6455 §4.2.1). The client names what it speaks in Sec-WebSocket-Protocol, and the first
 * served here counts; one that names none cannot be understood (RFC 7118 §4.1, RFC 7977 §4.1).
 */
export function judgeUpgrade(
  headers: IncomingHttpHeaders,
  { served, origins }: UpgradeTerms,
): Subprotocol | Refusal {
  if (headers.upgrade?.toLowerCase() !== 'websocket') return upgradeRequired();
  // A client that is no browser has no origin, and could claim any.
  if (origins !== undefined && headers.origin !== undefined && !origins.has(headers.origin.toLowerCase())) {
    return refusal(403, 'Forbidden', 'Pages of this origin may not connect.');
  }
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  const known = SUBPROTOCOLS.filter((name) => served.has(name));
  const chosen = known
    .filter((name) => offered.includes(name))
    .sort((a, b) => offered.indexOf(a) - offered.indexOf(b))[0];
  if (chosen === undefined) {
    return refusal(400, 'Bad Request', `Sec-WebSocket-Protocol must name one of: ${known.join(', ')}.`);
  }
  if (served.get(chosen) === 'now') return chosen;
  return {
    ...refusal(503, 'Service Unavailable', `${chosen} is not served yet.`),
    headers: { 'Retry-After': '1' },
  };
}

function refusal(status: number, reason: string, text: string): Refusal {
  return { status, reason, text: `${text}\n`, headers: {} };
}
