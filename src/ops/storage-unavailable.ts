import type { FastifyReply } from 'fastify';

/** Seconds a refused caller is asked to wait when the cause is likely to pass. */
const RETRY_AFTER = 5;

/** Nothing was kept, and the caller may come again. */
export async function storageUnavailable(reply: FastifyReply): Promise<FastifyReply> {
  return await reply
    .code(503)
    .header('Retry-After', String(RETRY_AFTER))
    .send({ faults: [{ field: '', problem: 'the storage is unavailable' }] });
}
