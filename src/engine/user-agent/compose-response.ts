import type { SipRequest, SipResponse } from '../message/sip-message.ts';
import { reasonPhrase } from '../message/reason-phrases.ts';
import { responseTo } from '../transaction/response-to.ts';
import type { ApplicationFields } from './application-fields.ts';
import { secureContact } from './secure-contact.ts';

/** An application's answer to a request. */
export interface ResponseDraft {
  readonly request: SipRequest;
  readonly status: number;
  /** '' for the usual phrase. */
  readonly reason: string;
  readonly fields: ApplicationFields;
  readonly body: Buffer;
  readonly localTag: string;
  /** Our Contact on the way the request came; asked for when it is needed. */
  readonly contact: () => string;
}

/** Requests whose 2xx tells where we are reached from now on (RFC 3261 §12.1.1, §12.2.2). */
const CONTACT_IN_ANSWER: ReadonlySet<string> = new Set(['INVITE', 'SUBSCRIBE', 'UPDATE']);

/** Requests whose 2xx creates a dialog. */
export const DIALOG_CREATING: ReadonlySet<string> = new Set(['INVITE', 'SUBSCRIBE']);

/** Fills in what a response needs; of the headers that are the engine's only Contact is the application's to set. */
export function composeResponse(draft: ResponseDraft): SipResponse {
  const { request, status, fields } = draft;
  const reason = draft.reason === '' ? reasonPhrase(status) : draft.reason;
  const response = responseTo(request, status, draft.localTag, reason);
  const { headers } = response;
  const early = request.method === 'INVITE' && status > 100 && status < 200;
  const success = status >= 200 && status < 300;
  // §12.1.1: a response that creates a dialog repeats the route that was recorded.
  if (DIALOG_CREATING.has(request.method) && (early || success)) {
    for (const value of request.headers.fields('Record-Route')) headers.append('Record-Route', value);
  }
  const contact = fields.settable.get('contact');
  if (contact !== undefined) headers.append('Contact', contact);
  else if (early || (success && CONTACT_IN_ANSWER.has(request.method))) {
    const { headers: asked, uri } = request;
    headers.append(
      'Contact',
      secureContact(draft.contact(), uri, asked.get('Record-Route') ?? asked.get('Contact')),
    );
  }
  for (const [name, value] of fields.others) headers.append(name, value);
  return { ...response, body: draft.body };
}
