import type { SessionEnd } from './session.ts';

/**
 * The life of a session.
 *
 *   waiting ── the peer's first SEND, or its 200 to our bind ──> bound ── close(), connection lost ──> over
 *      └────── no peer in time, bind refused, peer not reached, close(), connection lost ───────────────┘
 */
export type SessionState = 'waiting' | 'bound' | 'over';

export type SessionEvent =
  | 'peer sent'
  | 'bind accepted'
  | 'bind refused'
  | 'peer unreachable'
  | 'bind timeout'
  | 'connection closed'
  | 'closed by us';

/** The state after an event, and what the owner of the session is to be told. */
export interface Transition {
  readonly state: SessionState;
  readonly tell?: 'bound' | { readonly ended: SessionEnd };
}

/** Pure. Whatever comes after the end changes nothing; a second bind neither. */
export function transition(state: SessionState, event: SessionEvent): Transition {
  if (state === 'over') return { state };
  switch (event) {
    case 'peer sent':
    case 'bind accepted':
      return state === 'bound' ? { state } : { state: 'bound', tell: 'bound' };
    case 'bind refused':
    case 'peer unreachable':
    case 'bind timeout':
      // A peer that spoke is there, whatever becomes of a bind of ours that crossed its SEND.
      return state === 'bound' ? { state } : over('peer did not come');
    case 'connection closed':
      return over('connection lost');
    case 'closed by us':
      return over('closed');
  }
}

function over(ended: SessionEnd): Transition {
  return { state: 'over', tell: { ended } };
}
