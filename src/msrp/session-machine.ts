import type { SessionEnd } from './session.ts';

/**
 * The life of a session.
 *
 *   waiting ── the peer's first SEND, or its 200 to our bind ──> bound ── close(), connection lost ──> over
 *      └────── no peer in time, bind refused, peer not reached, close(), connection lost ───────────────┘
 *
 * A peer that goes on from elsewhere is waited for once more; its owner hears nothing of it:
 *
 *   bound ── move() ──> moved ── the peer's SEND over another connection, or its 200 to our bind ──> bound
 *                       │   ^ └─ no peer in time, bind refused, peer not reached, connection lost ──> over
 *    its SEND over the  │   │
 *    former connection  v   │ connection lost
 *                       stayed ── its SEND over another connection, or none in time ──> bound
 */
export type SessionState = 'waiting' | 'bound' | 'moved' | 'stayed' | 'over';

export type SessionEvent =
  | 'peer sent'
  | 'peer stayed'
  | 'bind accepted'
  | 'bind refused'
  | 'peer unreachable'
  | 'bind timeout'
  | 'connection closed'
  | 'moved'
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
      return state === 'waiting' ? { state: 'bound', tell: 'bound' } : { state: 'bound' };
    case 'peer stayed':
      return { state: state === 'moved' ? 'stayed' : state };
    case 'bind refused':
    case 'peer unreachable':
    case 'bind timeout':
      // A peer that spoke is there, whatever becomes of a bind of ours that crossed its SEND.
      return state === 'waiting' || state === 'moved' ? over('peer did not come') : { state: 'bound' };
    case 'connection closed':
      return state === 'stayed' ? { state: 'moved' } : over('connection lost');
    case 'moved':
      return { state: state === 'waiting' ? 'waiting' : 'moved' };
    case 'closed by us':
      return over('closed');
  }
}

function over(ended: SessionEnd): Transition {
  return { state: 'over', tell: { ended } };
}
