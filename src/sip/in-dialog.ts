import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { CallDialog, DrachtioRequest, DrachtioResponse } from './drachtio.ts';

/**
 * Lets only `methods` into a dialog; any other gets 405. Left to itself, drachtio-srf answers 200 to requests nobody listens
 * for, so that a text in a MESSAGE would be acknowledged and lost, and it throws at some it does not expect.
 * @param handle takes them in the place of drachtio-srf
 */
export function allowInDialog(
  dialog: Pick<CallDialog, 'handle'>,
  methods: readonly string[],
  logger: Logger,
  handle: (request: DrachtioRequest, response: DrachtioResponse) => void = dialog.handle.bind(dialog),
): void {
  dialog.handle = (request, response) => {
    if (!methods.includes(request.method)) {
      logger.info({ method: request.method, callId: request.get('Call-ID') }, 'refused in a dialog');
      response.send(405, 'Method Not Allowed', { headers: { Allow: methods.join(', ') } });
      return;
    }
    try {
      handle(request, response);
    } catch (error) {
      logger.error({ method: request.method, error: describeError(error) }, 'request in a dialog failed');
      if (!response.finalResponseSent) response.send(500, 'Internal Error', {});
    }
  };
}
