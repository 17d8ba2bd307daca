import { MailboxError } from '../core/errors.ts';

/** A WebSocket connection that ended under what was to go over it. */
export class WebSocketLost extends MailboxError {
  constructor(what: string, options?: { cause?: unknown }) {
    super('WEB_SOCKET_LOST', what, options);
  }
}

/** An address that could not be listened on. */
export class NoWebSocketListener extends MailboxError {
  constructor(what: string, options?: { cause?: unknown }) {
    super('NO_WEB_SOCKET_LISTENER', what, options);
  }
}
