import { MailboxError } from '../core/errors.ts';

/** No SIP server is connected, so no request can leave. */
export class NoSipServer extends MailboxError {
  constructor() {
    super('NO_SIP_SERVER', 'no SIP server is connected');
  }
}

/** The connection to the SIP server ended before it told what became of a request. */
export class SipServerLost extends MailboxError {
  constructor(name: string) {
    super('SIP_SERVER_LOST', `the connection to the SIP server ${name} is gone`);
  }
}

/** The SIP server does not know the dialog, or no longer. */
export class NoSuchDialog extends MailboxError {
  constructor(options?: { cause?: unknown }) {
    super('NO_SUCH_DIALOG', 'the SIP server knows no such dialog', options);
  }
}

/** We called an INVITE of ours off before it was answered. */
export class CalledOff extends MailboxError {
  constructor() {
    super('CALLED_OFF', 'the call was called off');
  }
}
