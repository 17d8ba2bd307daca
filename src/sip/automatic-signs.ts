import type { AutomaticSigns } from '../mailbox/sender-notice-policy.ts';
import type { DrachtioRequest } from './drachtio.ts';
import { hasOwnMark } from './loop.ts';
import { parseNameAddress, splitHeaderList } from './name-address.ts';

/** What a request says of having been written by a program. */
export function automaticSigns(request: DrachtioRequest): AutomaticSigns {
  const value = (name: string): string | null => request.get(name) ?? null;
  return {
    ownMark: hasOwnMark(request),
    autoSubmitted: value('Auto-Submitted'),
    precedence: value('Precedence'),
    autoResponseSuppress: value('X-Auto-Response-Suppress'),
    listId: value('List-Id'),
    automata: [value('Contact'), value('Accept-Contact')].some(saysAutomata),
  };
}

/*
 * RFC 3840 §9: a feature without value is true, and so is one that lists TRUE: `;automata`, `;automata="TRUE"`. Of Contact it
 * says what the sender is; with Accept-Contact (RFC 3841 §9.2) she asks for an automaton, and needs no words from one.
 */
function saysAutomata(value: string | null): boolean {
  return splitHeaderList(value ?? '').some((part) => {
    const parameters = parseNameAddress(part)?.parameters ?? part.replace(/^[^;]*/, '');
    return /;\s*automata\s*(?:;|$|=\s*"?[^";]*(?<!!)\btrue\b)/i.test(parameters);
  });
}
