import { nextRequest } from '../dialog/dialog-state.ts';
import type { DialogState, NextRequest } from '../dialog/dialog-state.ts';
import type { Dialog } from '../dialog/dialog.ts';
import { parseCSeq } from '../message/cseq.ts';
import type { SipRequest } from '../message/sip-message.ts';
import type { Flow } from '../transport/transport.ts';
import type { ApplicationFields } from './application-fields.ts';
import { composeRequest } from './compose-request.ts';
import type { Departure, Journey } from './departures.ts';
import { departures } from './departures.ts';
import type { Surroundings } from './surroundings.ts';

const NO_BODY = Buffer.alloc(0);

/** A request of ours in a dialog: what an application adds to it, if one does. */
export interface InDialogRequest {
  readonly method: string;
  readonly next: NextRequest;
  /** The way the dialog began by, taken when its target cannot be reached. */
  readonly fallback: Flow;
  readonly fields?: ApplicationFields;
  readonly body?: Buffer;
}

/** The way of a request in a dialog, by its route set (RFC 3261 §12.2.1.1). */
export function journeyInDialog({ method, next, fallback, fields, body }: InDialogRequest): Journey {
  const draft = {
    method,
    uri: next.uri,
    fields: fields ?? { settable: new Map(), others: [] },
    body: body ?? NO_BODY,
    localTag: '',
    callId: '',
    dialogHeaders: next.headers,
  };
  return { nextHop: next.nextHop, compose: (way) => composeRequest(draft, way), fallback };
}

/** Headers an ACK repeats of its INVITE, for the proxies that asked for them (RFC 3261 §22.3). */
const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization']);

/** What the ACK to a 2xx repeats of our INVITE. */
export function dueAcknowledgement(invite: SipRequest): NonNullable<Dialog['unacknowledged']> {
  const credentials = [...invite.headers.entries()].filter(([name]) => CREDENTIALS.has(name.toLowerCase()));
  return { sequence: sequenceOf(invite), credentials };
}

/** That 2xx came again: its ACK was lost, or is still to come. */
export function repeatAcknowledgement(dialog: Dialog, invite: SipRequest): void {
  if (dialog.acknowledgement?.sequence === sequenceOf(invite)) dialog.acknowledgement.repeat();
}

/**
 * RFC 3261 §13.2.2.4: the ACK to a 2xx is a request of its own within the dialog, with the CSeq number of the INVITE.
 * It has no transaction: it goes the first way that takes it. Undefined when none does.
 */
export async function sendAcknowledgement(
  surroundings: Surroundings,
  state: DialogState,
  sequence: number,
  more: Omit<InDialogRequest, 'method' | 'next'>,
): Promise<Departure | undefined> {
  const next = nextRequest(state, 'ACK', sequence);
  const journey = journeyInDialog({ ...more, method: 'ACK', next });
  for await (const departure of departures(surroundings, journey)) {
    try {
      await departure.flow.send(departure.bytes);
      return departure;
    } catch {
      // The next way is tried.
    }
  }
  return undefined;
}

/** An application's headers for the ACK: the credentials of the INVITE take the place of any it gives. */
export function withCredentials(
  fields: ApplicationFields,
  credentials: readonly (readonly [string, string])[],
): ApplicationFields {
  const others = fields.others.filter(([name]) => !CREDENTIALS.has(name.toLowerCase()));
  return { settable: fields.settable, others: [...credentials, ...others] };
}

function sequenceOf(request: SipRequest): number {
  return parseCSeq(request.headers.get('CSeq') ?? '').sequence;
}
