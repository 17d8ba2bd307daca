import { z } from 'zod';
import { optional, parsed, sipUri, wordsOf } from './values.ts';
import { ON_OFF, count, variable } from './variable.ts';

/** Headers that can be told of a text (RFC 3842 §3.5). */
const MESSAGE_HEADERS = ['From', 'Subject', 'Date', 'Priority', 'Message-ID', 'Message-Context'] as const;

/** The lamp: what is published of a mailbox, where, and beside which voicemail. */
export const LAMP_VARIABLES = {
  PRESENCE_SERVER: variable(
    z.string().default('').transform(optional(sipUri, 'a SIP URI')),
    'Presence server that takes our PUBLISH, e.g. `sip:10.0.0.5:5060;transport=tcp`. Unset: the built-in one.',
  ),
  PUBLISH_EXPIRES: variable(
    count(60, 86_400).default(3600),
    'How long a lamp’s publication lives before it is refreshed, seconds.',
  ),
  PUBLISH_RATE: variable(
    count(1, 20_000).default(500),
    'Most PUBLISHes a second; fewer while the presence server answers late. It must refresh all lamps within PUBLISH_EXPIRES: 500 keeps a million with 3600.',
  ),
  PUBLISH_REFRESH_BODY: variable(
    ON_OFF.default('on'),
    'Whether a refresh carries the body. Kamailio notifies an empty body without; `off` is for servers that do not.',
  ),
  PRESENCE_CHECK_SECONDS: variable(
    count(0, 3600).default(20),
    'How often a publication of our own tells whether the presence server forgot everything, seconds; all lamps are published anew then. 0: never.',
  ),
  MWI_CONTEXT_CLASS: variable(
    z.enum(['text-message', 'pager-message']).default('text-message'),
    'What our texts are counted as in the lamp’s body: `text-message` or `pager-message`.',
  ),
  MWI_MESSAGE_HEADERS: variable(
    z
      .string()
      .default('')
      .transform(parsed(wordsOf(MESSAGE_HEADERS), MESSAGE_HEADERS.join(', '))),
    `What the lamp’s body tells of the newest texts, by commas: ${MESSAGE_HEADERS.join(', ')}. Unset: nothing.`,
  ),
  MWI_VOICE_LINE: variable(
    ON_OFF.default('off'),
    'Whether the body has `Voice-Message: 0/0 (0/0)` where no voicemail is known: Asterisk takes none without.',
  ),
  MWI_UNSOLICITED: variable(
    ON_OFF.default('off'),
    'For sites without a presence server: phones are sent NOTIFYs nobody subscribed to, through OUTBOUND_PROXY, in place of PUBLISHes.',
  ),
  VOICEMAIL_MWI: variable(
    z.string().default('').transform(optional(sipUri, 'a SIP URI')),
    'Voicemail whose counts stand beside ours in one lamp, e.g. `sip:10.0.0.9:5060`: we subscribe to it for every user, and take its PUBLISH and NOTIFY.',
  ),
  VOICEMAIL_KEEP_SECONDS: variable(
    count(60, 2_592_000).default(86_400),
    'How long counts stand that the voicemail told without saying how long, seconds.',
  ),
};
