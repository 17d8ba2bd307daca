import type { Application, SipCommand } from '../control/application.ts';
import type { Dialog } from '../dialog/dialog.ts';
import type { Journey } from './departures.ts';

/** A request to be sent, for an application or by the engine itself. */
export interface Order {
  readonly method: string;
  readonly journey: Journey;
  readonly application: Application;
  /** Undefined for a request the engine sends of itself: nobody is told of it. */
  readonly command: SipCommand | undefined;
  /** The dialog it is sent in. */
  readonly dialog?: Dialog;
}
