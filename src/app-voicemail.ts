import type { Surroundings } from './app.ts';
import type { Config } from './config.ts';
import { VoicemailIntake } from './mwi/voicemail-intake.ts';
import type { VoicemailWatcher } from './mwi/voicemail-watcher.ts';
import { startVoicemailWatcher } from './mwi/voicemail-watcher.ts';
import { startVoicemailPublications } from './presence/voicemail-publications.ts';
import type { Route, SipAgent } from './sip/agent.ts';
import { publishRoute } from './sip/publish-route.ts';
import type { RequestSender } from './sip/request-sender.ts';
import { SipSummarySubscriber } from './sip/summary-subscriber.ts';
import { voicemailNotifyRoute } from './sip/voicemail-notify-route.ts';
import { voicemailSenders } from './sip/voicemail-senders.ts';
import type { Store } from './store/store.ts';

/** The ways by which a voicemail's counts come in. */
export interface Voicemail {
  readonly intake: VoicemailIntake;
  /** SIP requests by which it tells of its own accord. */
  readonly routes: Readonly<Record<string, Route>>;
  /** Begins to ask it, once SIP is there. */
  watch(): void;
  /** There may be a new mailbox. */
  wake(): void;
  stop(): Promise<void>;
}

/** Prepares what takes a voicemail's counts: over SIP when VOICEMAIL_MWI names it, over HTTP in any case. */
export async function prepareVoicemail(
  config: Config,
  surroundings: Surroundings,
  store: Store,
  agent: SipAgent,
  requests: RequestSender,
): Promise<Voicemail> {
  const { clock, random, logger } = surroundings;
  const intake = new VoicemailIntake(store, surroundings);
  const { VOICEMAIL_MWI: voicemail } = config;
  if (voicemail === undefined) {
    const nothing = (): void => undefined;
    return { intake, routes: {}, watch: nothing, wake: nothing, stop: () => Promise.resolve() };
  }
  const subscriber = new SipSummarySubscriber({ requests, agent, nextHop: voicemail, clock, random, logger });
  const senders = await voicemailSenders(config.TRUSTED_PROXIES, voicemail, logger);
  const domains = new Set(config.DOMAINS);
  const notify = voicemailNotifyRoute({
    sink: intake,
    domains,
    senders,
    keepSeconds: config.VOICEMAIL_KEEP_SECONDS,
    subscriber,
    clock,
  });
  // A presence server of our own takes the voicemail's PUBLISH itself, and merges it.
  const takesPublish = config.PRESENCE_SERVER !== undefined || config.MWI_UNSOLICITED === 'on';
  const publications = takesPublish
    ? startVoicemailPublications({
        ...surroundings,
        report: (user, body, until) => intake.report('publication', user, body, until),
      })
    : undefined;
  let watcher: VoicemailWatcher | undefined;
  return {
    intake,
    routes: {
      NOTIFY: notify,
      ...(publications === undefined ? {} : { PUBLISH: publishRoute(publications, domains, senders) }),
    },
    watch: () => {
      watcher ??= startVoicemailWatcher({ ...surroundings, store, subscriber, node: config.NODE_NAME });
    },
    wake: () => watcher?.wake(),
    stop: async () => {
      await watcher?.stop();
      publications?.stop();
    },
  };
}
