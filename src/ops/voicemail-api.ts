import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { formatMessageSummary } from '../im/message-summary.ts';
import { StoreUnavailable } from '../mailbox/ports.ts';
import { authorise } from './bearer.ts';
import { readUser, userFault } from './named-user.ts';
import { storageUnavailable } from './storage-unavailable.ts';

/** Where what a voicemail says over HTTP goes. */
export interface VoicemailCounts {
  /**
   * Keeps it; resolves after the commit. `body`: a message summary, null: nothing any more. `until`: how long it stands, epoch
   * ms. @throws StoreUnavailable
   */
  report(source: 'http', user: AddressOfRecord, body: string | null, until: number): Promise<void>;
}

export interface VoicemailApiOptions {
  readonly sink: VoicemailCounts;
  /** What a caller must show; without one the API is not there. */
  readonly token: string | undefined;
  /** Served domains; the only one need not be named. */
  readonly domains: readonly string[];
  /** How long counts stand that do not say so themselves, seconds. */
  readonly keepSeconds: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** RFC 3842 §5.2: a count is less than 2**32. */
const count = z
  .number()
  .int()
  .min(0)
  .max(2 ** 32 - 1);
const LONGEST_KEEP = 30 * 24 * 3600;

const COUNTS = z
  .strictObject({
    new: count,
    old: count,
    newUrgent: count.optional(),
    oldUrgent: count.optional(),
    /** Whom phones call for these messages. */
    account: z
      .string()
      .max(512)
      .regex(/^sips?:[\x21\x23-\x3b\x3d\x3f-\x7e]+$/, 'expected a SIP URI')
      .optional(),
    keepSeconds: z.number().int().min(1).max(LONGEST_KEEP).optional(),
  })
  .refine((counts) => (counts.newUrgent ?? 0) <= counts.new, {
    path: ['newUrgent'],
    message: 'more urgent messages than new ones',
  })
  .refine((counts) => (counts.oldUrgent ?? 0) <= counts.old, {
    path: ['oldUrgent'],
    message: 'more urgent messages than old ones',
  });

type Counts = z.infer<typeof COUNTS>;

/** `PUT /voicemail/:user` and `DELETE /voicemail/:user`: how many voice messages a user has, told by her voicemail. */
export function voicemailApi(options: VoicemailApiOptions): (server: FastifyInstance) => Promise<void> {
  const { clock, keepSeconds } = options;
  const path = '/voicemail/:user';
  return (server) => {
    server.addHook('onRequest', async (request, reply) => await authorise(options.token, request, reply));
    server.put<{ Params: { user: string } }>(path, async (request, reply) => {
      const user = readUser(request.params.user, options.domains);
      const counts = COUNTS.safeParse(request.body);
      if (user === undefined || !counts.success) {
        const faults = (counts.error?.issues ?? []).map((issue) => ({
          field: issue.path.join('.'),
          problem: issue.message,
        }));
        return await reply.code(400).send({ faults: [...userFault(user), ...faults] });
      }
      const until = clock.now() + (counts.data.keepSeconds ?? keepSeconds) * 1000;
      return await keep(options, reply, user, bodyOf(counts.data), until);
    });
    server.delete<{ Params: { user: string } }>(path, async (request, reply) => {
      const user = readUser(request.params.user, options.domains);
      if (user === undefined) return await reply.code(400).send({ faults: userFault(user) });
      return await keep(options, reply, user, null, clock.now());
    });
    return Promise.resolve();
  };
}

async function keep(
  { sink, logger }: VoicemailApiOptions,
  reply: FastifyReply,
  user: AddressOfRecord,
  body: string | null,
  until: number,
): Promise<FastifyReply> {
  try {
    await sink.report('http', user, body, until);
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    logger.error({ user: user.toString(), error: describeError(error) }, 'voicemail counts not kept');
    return await storageUnavailable(reply);
  }
  return await reply.code(204).send();
}

function bodyOf(counts: Counts): string {
  const { newUrgent, oldUrgent } = counts;
  const isUrgentKnown = newUrgent !== undefined || oldUrgent !== undefined;
  return formatMessageSummary({
    waiting: counts.new > 0,
    account: counts.account ?? null,
    classes: new Map([
      [
        'voice-message',
        {
          new: counts.new,
          old: counts.old,
          urgent: isUrgentKnown ? { new: newUrgent ?? 0, old: oldUrgent ?? 0 } : null,
        },
      ],
    ]),
    headerBlocks: [],
  });
}
