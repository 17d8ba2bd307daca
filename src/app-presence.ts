import type { Surroundings } from './app.ts';
import type { Config } from './config.ts';
import type { Logger } from './core/logger.ts';
import type { LampTotals } from './mwi/ports.ts';
import type { PublisherOptions } from './mwi/publisher.ts';
import type { PresenceServer } from './presence/ports.ts';
import { startPresenceServer } from './presence/presence-server.ts';
import { ownRanges, ownUri } from './sip/own-address.ts';
import { SipPublishSender } from './sip/publish-sender.ts';
import type { RequestSender } from './sip/request-sender.ts';
import { TrustedProxies } from './sip/trust.ts';
import { UnsolicitedNotifySender } from './sip/unsolicited-notify-sender.ts';
import type { Store } from './store/store.ts';

/** Whether lamps tell of texts: with DELIVERY=push they stay as they are. */
export function litLamps({ DELIVERY }: Pick<Config, 'DELIVERY'>): boolean {
  return DELIVERY !== 'push';
}

/** What there is to tell of lamps where none is lit. */
export const NO_LAMPS: LampTotals = { lamps: 0, behind: 0, due: 0, failing: 0, refused: new Map() };

/** To whom and how lamps are published: a presence server of the site's, our own, or the phones themselves. */
export function publishing(
  config: Config,
  requests: RequestSender,
  sip: string,
  logger: Logger,
): Pick<PublisherOptions, 'sender' | 'refreshBody' | 'beacon'> {
  const { MESSAGE_ACCOUNT: messageAccount, OUTBOUND_PROXY: proxy } = config;
  if (config.MWI_UNSOLICITED === 'on' && proxy !== undefined) {
    const sender = new UnsolicitedNotifySender({ requests, proxy, messageAccount, logger });
    return { sender, refreshBody: true, beacon: null };
  }
  const server = config.PRESENCE_SERVER ?? ownUri(sip) ?? 'sip:127.0.0.1';
  const every = config.PRESENCE_CHECK_SECONDS * 1000;
  return {
    sender: new SipPublishSender(requests, server, logger),
    refreshBody: config.PUBLISH_REFRESH_BODY === 'on',
    beacon: every === 0 ? null : { target: messageAccount, every },
  };
}

/** Who may PUBLISH to the built-in presence server: the trusted proxies, and we ourselves once we know our addresses. */
export class OwnPublishers {
  readonly #config: Config;
  #proxies: TrustedProxies;

  constructor(config: Config) {
    this.#config = config;
    this.#proxies = new TrustedProxies(config.TRUSTED_PROXIES);
  }

  listen(listening: string): void {
    this.#proxies = new TrustedProxies([...this.#config.TRUSTED_PROXIES, ...ownRanges(listening)]);
  }

  trusts(sourceAddress: string): boolean {
    return this.#proxies.trusts(sourceAddress);
  }
}

/** The presence server of our own; undefined where there is another. */
export function builtInPresence(
  config: Config,
  surroundings: Surroundings,
  store: Store,
): PresenceServer | undefined {
  if (config.PRESENCE_SERVER !== undefined || config.MWI_UNSOLICITED === 'on') return undefined;
  return startPresenceServer({
    ...surroundings,
    store: store.presence(config.NODE_NAME),
    messageAccount: config.MESSAGE_ACCOUNT.toString(),
  });
}
