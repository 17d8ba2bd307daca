import type { Visitor } from '../mailbox/desk/visit.ts';
import { acceptedLanguages } from './accept-language.ts';
import type { RetrievalAdmission } from './admission.ts';
import type { DrachtioRequest } from './drachtio.ts';
import { previousHop } from './own-address.ts';

/** The owner who came for her texts. Only a trusted proxy brings one, so that there is a way back through it. */
export function visitorOf(request: DrachtioRequest, { owner, caller }: RetrievalAdmission): Visitor {
  return {
    owner,
    name: caller.displayName,
    languages: acceptedLanguages(request.get('Accept-Language')),
    hop: previousHop(request),
  };
}
