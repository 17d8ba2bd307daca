import { z } from 'zod';
import { header, listOf, noneOr, optional, parsed, sipUri } from './values.ts';
import { count, variable } from './variable.ts';

/** Bringing texts to users who come online. */
export const PUSH_VARIABLES = {
  DELIVERY: variable(
    z.enum(['mailbox', 'push', 'both']).default('mailbox'),
    'How texts reach their owner: `mailbox`: her lamp tells of them and she fetches them; `push`: we bring them when she comes online, and no lamp is lit; `both`.',
  ),
  PUSH_FROM: variable(
    z.enum(['account', 'author']).default('account'),
    'Who a text that is brought comes from, in SIP: `account`: MESSAGE_ACCOUNT, with the author named inside; `author`: its author, as if she sent it now. The proxy must let us speak for others.',
  ),
  PUSH_ATTEMPTS: variable(
    count(1, 100).default(8),
    'How often bringing texts is tried, at growing distances, until the user registers anew.',
  ),
  PUSH_HEADERS: variable(
    z
      .string()
      .default('')
      .transform(
        parsed(noneOr(listOf(header)), 'NAME: VALUE of headers that are not ours to write, by commas'),
      ),
    'Headers added to the calls and MESSAGEs that bring texts, e.g. `X-Offline: yes`, by commas.',
  ),
  REG_EVENT_SERVER: variable(
    z.string().default('').transform(optional(sipUri, 'a SIP URI')),
    'Server that tells who is online (registration event package, RFC 3680), e.g. `sip:10.0.0.5:5060`: asked for every user with new texts when DELIVERY is `push` or `both`. Unset: only a forwarded REGISTER or `POST /online` tells.',
  ),
};
