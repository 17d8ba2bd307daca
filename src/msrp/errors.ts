import { MailboxError } from '../core/errors.ts';

/** Bytes that are no MSRP: what follows on the connection cannot be told apart any more. */
export class MalformedMsrp extends MailboxError {
  constructor(what: string) {
    super('MALFORMED_MSRP', what);
  }
}

/** A text that is no MSRP URI (RFC 4975 §6). */
export class MalformedMsrpUri extends MailboxError {
  constructor(text: string) {
    super('MALFORMED_MSRP_URI', `not an MSRP URI: ${JSON.stringify(text.slice(0, 200))}`);
  }
}

/** The owner of a session does not take a message: the status and comment to answer (RFC 4975 §10). */
export class MessageRefused extends MailboxError {
  readonly status: number;
  readonly comment: string;

  constructor(status: number, comment: string) {
    super('MESSAGE_REFUSED', `${status} ${comment}`);
    this.status = status;
    this.comment = comment;
  }
}

/** The peer refused a message of ours, in its response or in a report after it. */
export class SendFailed extends MailboxError {
  readonly status: number;
  readonly comment: string;

  constructor(status: number, comment: string) {
    super('SEND_FAILED', `the peer answered ${status} ${comment}`.trim());
    this.status = status;
    this.comment = comment;
  }
}

/** No response within the time RFC 4975 §7.1.1 gives: the message counts as not delivered. */
export class SendTimedOut extends MailboxError {
  constructor(limit: number) {
    super('SEND_TIMED_OUT', `no response within ${limit} ms`);
  }
}

/** As many messages of ours wait in the session as may. */
export class SendQueueFull extends MailboxError {
  constructor(limit: number) {
    super('SEND_QUEUE_FULL', `${limit} messages wait to be sent already`);
  }
}

/** No connection to the peer could be made in the active role. */
export class PeerUnreachable extends MailboxError {
  constructor(uri: string, cause: unknown) {
    super('PEER_UNREACHABLE', `no connection to ${uri}`, { cause });
  }
}

/** Nothing listens for this transport. */
export class NoMsrpListener extends MailboxError {
  constructor(transport: string) {
    super('NO_MSRP_LISTENER', `nothing listens for MSRP over ${transport}`);
  }
}

/** The session ended before the message was answered. */
export class SessionClosed extends MailboxError {
  constructor(why: string) {
    super('SESSION_CLOSED', `the session ended: ${why}`);
  }
}
