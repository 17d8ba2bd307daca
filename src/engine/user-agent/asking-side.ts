import type { Application } from '../control/application.ts';
import type { Dialog } from '../dialog/dialog.ts';
import type { SipRequest } from '../message/sip-message.ts';

/** What the side that is asked needs of the one that asks. */
export interface AskingSide {
  /** Ends a call that nobody acknowledged. */
  hangUp(dialog: Dialog, reason: string): void;
  /** An INVITE of ours with this Call-ID and From tag waits for its final response. */
  isCalling(callId: string, localTag: string): boolean;
  /** The application that sent this request, if the branch at its very bottom is of one of ours that is under way. */
  senderOf(request: SipRequest, branch: string): Application | undefined;
}
