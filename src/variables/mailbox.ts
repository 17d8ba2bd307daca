import { z } from 'zod';
import { headerName, listOf, noneOr, parsed, secondsByDomain, timeZone } from './values.ts';
import { ON_OFF, count, variable } from './variable.ts';

/** Mailboxes: what they hold, for how long, and how they speak to owners and senders. */
export const MAILBOX_VARIABLES = {
  MESSAGE_MAX_BYTES: variable(
    count(1000, 10_000_000).default(65_536),
    'Longest text taken, bytes, after decompression. A SIP MESSAGE carries 256 KB at most; beyond that only a chat session does.',
  ),
  MAILBOX_MAX_MESSAGES: variable(
    count(1, 1_000_000).default(1000),
    'Most texts a mailbox holds: new, read and scheduled ones together.',
  ),
  MAILBOX_MAX_BYTES: variable(
    count(1000, 100_000_000_000).default(50_000_000),
    'Most bytes of texts a mailbox holds.',
  ),
  MAILBOX_FULL: variable(
    z.enum(['drop-read', 'refuse']).default('drop-read'),
    'What gives way when a mailbox is full: `drop-read`: the texts read longest ago, save those their owner told to keep; `refuse`: nothing, the new text is refused. A text nobody has read is never dropped.',
  ),
  MAILBOX_FULL_STATUS: variable(
    z
      .enum(['413', '480', '486', '488', '600', '603'])
      .default('486')
      .transform((status) => Number(status)),
    'SIP status that refuses a MESSAGE to a full mailbox: 413, 480, 486, 488, 600 or 603.',
  ),
  MESSAGE_TTL: variable(
    z
      .string()
      .default('0')
      .transform(parsed(secondsByDomain, 'seconds, and DOMAIN=SECONDS for domains of their own, by commas')),
    'How long a text is kept that its owner does not fetch, seconds; 0: until she does. `604800,example.org=86400` says it for a domain of its own. A sender may set less by `Expires`.',
  ),
  KEEP_HEADERS: variable(
    z
      .string()
      .default('')
      .transform(
        parsed(noneOr(listOf(headerName)), 'names of headers that are not ours to write, by commas'),
      ),
    'Headers of a MESSAGE that are kept with its text, by commas: they are in the MESSAGE that brings it, and among the headers of message/cpim where it is fetched.',
  ),
  READ_RETENTION: variable(
    count(0, 315_360_000).default(604_800),
    'How long a text stays after it was read, counted as old, seconds. 0: it is gone at once. One its owner told to keep stays until she deletes it.',
  ),
  SCHEDULE_MAX_SECONDS: variable(
    count(0, 315_360_000).default(31_622_400),
    'How far ahead a text may be scheduled (`X-Deliver-At`, reminders), seconds. 0: none is.',
  ),
  AUTO_REPLY: variable(
    z.string().max(1000).default(''),
    'What a caller reads when a chat session is answered for an offline user who set no greeting of her own. Unset: `I am offline but you can type a message`, in the user’s language.',
  ),
  RETRIEVAL_MODE: variable(
    z.enum(['hangup', 'menu']).default('hangup'),
    'What happens once the owner has her new texts: `hangup`: the session ends; `menu`: it stays open for commands (`help` lists them), and a MESSAGE to MESSAGE_ACCOUNT is a command too.',
  ),
  DEFAULT_LANGUAGE: variable(
    z.enum(['en', 'es', 'de', 'fr']).default('en'),
    'Language the mailbox speaks to users who chose none: en, es, de or fr.',
  ),
  TIME_ZONE: variable(
    z.string().default('UTC').transform(parsed(timeZone, 'a time zone such as Europe/Madrid')),
    'Time zone of users who chose none, e.g. `Europe/Madrid`.',
  ),
  RECEIPTS: variable(
    ON_OFF.default('on'),
    'Whether senders are told what became of their texts when they ask for it (IMDN): stored, delivered, displayed, expired.',
  ),
  SENDER_NOTICE: variable(
    z.string().max(500).default(''),
    'What the sender of a MESSAGE is told when it was kept, e.g. `{to} is offline; your text was kept` (`{to}`: the user’s name, `{address}`: her address). Unset: nothing.',
  ),
  SENDER_NOTICE_SECONDS: variable(
    count(60, 2_592_000).default(3600),
    'For how long a sender who was told is not told again of the same user, seconds.',
  ),
};
