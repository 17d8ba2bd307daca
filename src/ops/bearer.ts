import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Answers whoever does not show HTTP_TOKEN (RFC 6750 §2.1, §3). */
export async function authorise(
  token: string | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  if (token === undefined) {
    await reply.code(404).send({ faults: [{ field: '', problem: 'HTTP_TOKEN is not set' }] });
    return;
  }
  const shown = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
  if (shown !== undefined && isSame(shown, token)) return;
  await reply
    .code(401)
    .header('WWW-Authenticate', shown === undefined ? 'Bearer' : 'Bearer error="invalid_token"')
    .send({ faults: [{ field: '', problem: 'expected Authorization: Bearer HTTP_TOKEN' }] });
}

/** Takes the same time for every wrong token. */
function isSame(shown: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(shown), digest(token));
}
