import { PagerDeliveryFailed } from '../mailbox/ports.ts';
import type { SipHeader } from '../mailbox/kept-headers.ts';
import type { PushPager, PushTarget } from '../mailbox/push/delivery-ports.ts';
import { NothingSent } from '../mailbox/push/delivery-ports.ts';
import type { BorrowedNames } from './borrowed-names.ts';
import type { DrachtioResponse, HeaderMap } from './drachtio.ts';
import { SIP_LIMITS } from './limits.ts';
import { OWN_MESSAGE_HEADER } from './loop.ts';
import { formatNameAddress, headerSafe } from './name-address.ts';
import type { RequestSender } from './request-sender.ts';
import { NoSipServer } from './server-errors.ts';

export interface SipPushPagerOptions {
  readonly requests: RequestSender;
  /** SIP URI of the operator's proxy; undefined: the hop that told that she is online, else her own domain. */
  readonly proxy: string | undefined;
  /** Whether to vouch for whom From names (RFC 3325), a SIP URI. */
  readonly vouchesFor: (uri: string) => boolean;
  /** Told of what leaves in an author's name. */
  readonly borrowed?: BorrowedNames;
  /** Added to each: PUSH_HEADERS. */
  readonly headers?: readonly SipHeader[];
}

type Body = Parameters<PushPager['send']>[1];

/** Brings texts as MESSAGEs (RFC 3428) to one phone of a user who is online. */
export class SipPushPager implements PushPager {
  readonly maxBytes = SIP_LIMITS.pagerBody;
  readonly #options: SipPushPagerOptions;

  constructor(options: SipPushPagerOptions) {
    this.#options = options;
  }

  async send(target: PushTarget, body: Body): Promise<void> {
    const { status, reason } = await this.#send(target, body);
    if (status >= 300) throw new PagerDeliveryFailed(status, reason);
  }

  async #send(target: PushTarget, body: Body): Promise<DrachtioResponse> {
    const proxy = this.#options.proxy ?? target.hop;
    const to = target.to.toString();
    const answered = this.#options.borrowed?.begin({
      ...{ method: 'MESSAGE', to, from: target.from, words: body.content },
    });
    try {
      return await this.#options.requests.request(to, {
        method: 'MESSAGE',
        ...(proxy === null ? {} : { proxy }),
        headers: this.#headers(target, body),
        body: body.content,
      });
    } catch (cause) {
      if (cause instanceof NoSipServer) throw new NothingSent({ cause });
      throw new PagerDeliveryFailed(0, 'no answer', { cause });
    } finally {
      answered?.();
    }
  }

  #headers(
    { to, from, fromName }: PushTarget,
    { contentType, writtenAt, subject, headers = [] }: Body,
  ): HeaderMap {
    const date = sipDate(writtenAt);
    const identity = formatNameAddress({ displayName: fromName, uri: from });
    return {
      ...headerMap([...(this.#options.headers ?? []), ...asFit(headers)]),
      From: identity,
      To: `<${to.toString()}>`,
      'Content-Type': contentType,
      ...(date === undefined ? {} : { Date: date }),
      ...(subject === '' ? {} : { Subject: headerSafe(subject, SIP_LIMITS.headerValue) }),
      ...(this.#options.vouchesFor(from) ? { 'P-Asserted-Identity': identity } : {}),
      ...ONE_PHONE,
      ...OWN_MESSAGE_HEADER,
    };
  }
}

/** As they may stand in a request. */
export function headerMap(headers: readonly SipHeader[]): HeaderMap {
  return Object.fromEntries(
    headers.map(({ name, value }) => [name, headerSafe(value, SIP_LIMITS.headerValue)]),
  );
}

/** As many as there is room for, the first ones first. */
function asFit(headers: readonly SipHeader[]): SipHeader[] {
  let room: number = SIP_LIMITS.keptHeaders;
  return headers.filter(({ name, value }) => {
    const bytes = Buffer.byteLength(name) + Buffer.byteLength(value.slice(0, SIP_LIMITS.headerValue));
    if (bytes > room) return false;
    room -= bytes;
    return true;
  });
}

/** RFC 3841 §9.1: a user with two phones shall not get a text on both. */
const ONE_PHONE: HeaderMap = { 'Request-Disposition': 'no-fork' };

/** RFC 3261 §20.17: an RFC 1123 date, GMT. Undefined for a time it cannot name. */
function sipDate(at: number): string | undefined {
  const date = new Date(at);
  const year = date.getUTCFullYear();
  return year >= 1970 && year <= 9999 ? date.toUTCString() : undefined;
}
