/** What to answer a SEND. */
export interface Verdict {
  readonly status: number;
  readonly comment: string;
  /** Headers of a success report to send after the response; undefined when none is wanted or due. */
  readonly report?: { readonly messageId: string; readonly byteRange: string };
}

/** What keeps a request from a session. */
export type Refusal = Pick<Verdict, 'status' | 'comment'>;

/** The verdicts of a session, with the sections of RFC 4975 they follow. */
export const VERDICTS = {
  ok: { status: 200, comment: 'OK' },
  /** §10.4: 408 says that it was not delivered in time, and may be tried again. */
  notDelivered: { status: 408, comment: 'Not delivered' },
  /** §10.4: nothing of it is to come that could be stopped. */
  noRoomAtLast: { status: 408, comment: 'No room now' },
  /** §10.5: 413 asks to stop sending this message. */
  tooLarge: { status: 413, comment: 'Larger than we take' },
  tooMany: { status: 413, comment: 'Too many unfinished messages' },
  noRoom: { status: 413, comment: 'No room for unfinished messages now' },
  noMessageId: { status: 400, comment: 'No Message-ID' },
  unreadableRange: { status: 400, comment: 'Unreadable Byte-Range' },
  unreadablePath: { status: 400, comment: 'Unreadable From-Path' },
  /** §10.3. */
  mistrusted: { status: 403, comment: 'Not over TLS as offered, or not the certificate of the offer' },
  notThePeer: { status: 403, comment: 'The session of somebody else' },
  /** §10.8. */
  ended: { status: 481, comment: 'The session has ended' },
  /** §10.10. */
  elsewhere: { status: 506, comment: 'Bound to another connection' },
} as const satisfies Readonly<Record<string, Verdict>>;
