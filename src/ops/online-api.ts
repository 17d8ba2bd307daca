import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { StoreUnavailable } from '../mailbox/ports.ts';
import type { OnlineIntake } from '../mailbox/push/ports.ts';
import { authorise } from './bearer.ts';
import { readUser, userFault } from './named-user.ts';
import { storageUnavailable } from './storage-unavailable.ts';

export interface OnlineApiOptions {
  /** Undefined: texts are not brought to anybody, and the API is not there. */
  readonly users: OnlineIntake | undefined;
  /** What a caller must show; without one the API is not there. */
  readonly token: string | undefined;
  /** Served domains; the only one need not be named. */
  readonly domains: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

const LONGEST = 30 * 24 * 3600;

const USER = z.strictObject({ user: z.string().max(512) });

const ONLINE = USER.extend({
  /** Seconds. */
  expires: z.number().int().min(1).max(LONGEST).default(3600),
  /** SIP methods her phone takes. */
  methods: z
    .array(z.string().regex(/^[A-Za-z]{1,15}$/, 'expected a SIP method'))
    .min(1)
    .max(24)
    .optional(),
  /** Tells one registration from the next, where the caller knows. */
  session: z.string().max(512).default(''),
});

interface Fault {
  readonly field: string;
  readonly problem: string;
}

/** `POST /online` and `POST /offline`: the operator tells who comes and goes. */
export function onlineApi(options: OnlineApiOptions): (server: FastifyInstance) => Promise<void> {
  const { users, domains, clock } = options;
  return (server) => {
    server.addHook('onRequest', async (request, reply) => {
      if (users === undefined) {
        await reply.code(404).send({ faults: [{ field: '', problem: 'DELIVERY is mailbox' }] });
        return;
      }
      await authorise(options.token, request, reply);
    });
    server.post('/online', async (request, reply) => {
      const read = ONLINE.safeParse(request.body);
      const user = userOf(read, domains);
      if (user === undefined || !read.success)
        return await reply.code(400).send({ faults: faults(read, user) });
      const { expires, methods, session } = read.data;
      return await keep(options, reply, user, async () => {
        await users?.online({
          user,
          name: createHash('sha256').update(`http ${session}`).digest('hex'),
          until: clock.now() + expires * 1000,
          methods: methods?.map((method) => method.toUpperCase()) ?? null,
          hop: null,
        });
      });
    });
    server.post('/offline', async (request, reply) => {
      const read = USER.safeParse(request.body);
      const user = userOf(read, domains);
      if (user === undefined || !read.success)
        return await reply.code(400).send({ faults: faults(read, user) });
      return await keep(options, reply, user, async () => {
        await users?.offline(user);
      });
    });
    return Promise.resolve();
  };
}

type Read = z.ZodSafeParseResult<z.infer<typeof USER>>;

function userOf(read: Read, domains: readonly string[]): AddressOfRecord | undefined {
  return read.success ? readUser(read.data.user, domains) : undefined;
}

function faults(read: Read, user: AddressOfRecord | undefined): Fault[] {
  if (read.success) return userFault(user);
  return read.error.issues.map((issue) => ({ field: issue.path.join('.'), problem: issue.message }));
}

async function keep(
  { logger }: OnlineApiOptions,
  reply: FastifyReply,
  user: AddressOfRecord,
  work: () => Promise<void>,
): Promise<FastifyReply> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    logger.error({ user: user.toString(), error: describeError(error) }, 'who is online is not kept');
    return await storageUnavailable(reply);
  }
  return await reply.code(204).send();
}
