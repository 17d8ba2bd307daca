import type { Surroundings } from './app.ts';
import type { Config } from './config.ts';
import type { NoticeStore } from './mailbox/push/ports.ts';
import { SenderNotices } from './mailbox/sender-notice.ts';
import { SipNoticeSender } from './sip/notice-sender.ts';
import type { RequestSender } from './sip/request-sender.ts';

/** What tells authors of MESSAGEs that their texts were kept; undefined where the operator has nothing to say. */
export function prepareNotices(
  config: Config,
  surroundings: Surroundings,
  store: NoticeStore,
  requests: RequestSender,
): SenderNotices | undefined {
  const { SENDER_NOTICE: template, SENDER_NOTICE_SECONDS: seconds } = config;
  if (template === '') return undefined;
  return new SenderNotices({
    ...surroundings,
    store,
    sender: new SipNoticeSender({ requests, proxy: config.OUTBOUND_PROXY, logger: surroundings.logger }),
    template,
    window: seconds * 1000,
    messageAccount: config.MESSAGE_ACCOUNT,
  });
}

/** Forgets who was told so long ago that she would be told again; for the sweep of what is over. */
export function forgetNotices(
  config: Config,
  store: NoticeStore,
): (now: number, limit: number) => Promise<number> {
  return async (now, limit) => await store.forgetNotices(now - config.SENDER_NOTICE_SECONDS * 1000, limit);
}
