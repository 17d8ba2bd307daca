import type { Timer } from '../../core/clock.ts';
import type { Application } from '../control/application.ts';
import type { Flow } from '../transport/transport.ts';
import type { DialogState } from './dialog-state.ts';

/** A request of ours that may not go out yet: sends it, or says that there is no dialog to send it in any more. */
interface Waiting {
  readonly go: () => void;
  readonly drop: () => void;
}

/** A dialog and whose it is. */
export interface Dialog {
  /** What the application calls it: `<Call-ID>;from-tag=<From tag of the first request>`. */
  readonly id: string;
  /** The method that began it: a call or a subscription. */
  readonly kind: 'INVITE' | 'SUBSCRIBE';
  readonly owner: Application;
  /**
   * The way its first request took; taken again when the peer's Contact cannot be reached. A peer that came by WebSocket may
   * come back by another one.
   */
  flow: Flow;
  state: DialogState;
  /**
   * Ours to repeat until the peer's ACK comes: CSeq number of the INVITE, whether that ACK answers an offer of ours, and how
   * to stop.
   */
  accepted: { readonly sequence: number; readonly answers: boolean; readonly stop: () => void } | undefined;
  /** Our ACK to the peer's last 2xx, repeated when that 2xx is. */
  acknowledgement: { readonly sequence: number; readonly repeat: () => void } | undefined;
  /** Our INVITE got a 2xx and no ACK was sent yet: its CSeq number, and what the ACK repeats of it. */
  unacknowledged:
    { readonly sequence: number; readonly credentials: readonly (readonly [string, string])[] } | undefined;
  /** An INVITE of ours is in progress. */
  inviting: boolean;
  /** An INVITE of the peer is in progress; answers it when the dialog ends before the application does. */
  invited: { readonly refuse: (status: number) => void } | undefined;
  /** Our UPDATE with an offer that has no answer yet. */
  offering: object | undefined;
  /** An UPDATE of the peer that has no answer yet. */
  updated: object | undefined;
  /** Our BYE, which waits for the ACK to our 2xx. */
  parting: Waiting | undefined;
  /** Our re-INVITE, which waits for the same. */
  postponed: Waiting | undefined;
  /** Milliseconds since the Unix epoch. */
  lapsesAt: number;
  lapse: Timer | undefined;
  /** A second, nearer end after a failure that says the peer does not know the dialog. */
  doomed: Timer | undefined;
}
