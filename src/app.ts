import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { prepareDeposits } from './app-deposits.ts';
import { prepareDesk } from './app-desk.ts';
import { CertificateRenewal, readCertificates } from './app-certificates.ts';
import { startBuiltInEngine, startMsrp } from './app-listeners.ts';
import { NO_LAMPS, OwnPublishers, builtInPresence, litLamps, publishing } from './app-presence.ts';
import { forgetNotices, prepareNotices } from './app-notices.ts';
import type { TextPush } from './app-push.ts';
import { preparePush } from './app-push.ts';
import type { TextFollowUp } from './app-receipts.ts';
import { prepareFollowUp } from './app-receipts.ts';
import type { RegistrationEvents } from './app-registrations.ts';
import { prepareRegistrations } from './app-registrations.ts';
import type { Voicemail } from './app-voicemail.ts';
import { prepareVoicemail } from './app-voicemail.ts';
import type { WebSockets } from './app-web-socket.ts';
import { startWebSockets } from './app-web-socket.ts';
import type { Config } from './config.ts';
import { InvalidConfig } from './config.ts';
import type { Clock } from './core/clock.ts';
import { withDeadline } from './core/deadline.ts';
import { describeError } from './core/errors.ts';
import type { Logger } from './core/logger.ts';
import type { Metrics } from './core/metrics.ts';
import type { Random } from './core/random.ts';
import { PagerMode } from './mailbox/pager-mode.ts';
import { ACCEPTED_TYPES } from './mailbox/read-body.ts';
import { Retrievals } from './mailbox/retrieval.ts';
import { SessionMode } from './mailbox/session-mode.ts';
import type { MsrpEndpoint } from './msrp/endpoint.ts';
import type { OnlineIntake } from './mailbox/push/ports.ts';
import type { LampTotals } from './mwi/ports.ts';
import type { Publisher } from './mwi/publisher.ts';
import { startPublisher } from './mwi/publisher.ts';
import type { VoicemailIntake } from './mwi/voicemail-intake.ts';
import type { AdmissionPolicy } from './sip/admission.ts';
import { SipAgent } from './sip/agent.ts';
import { NoSipServer } from './sip/server-errors.ts';
import { AuthenticatedRequests } from './sip/authenticated-requests.ts';
import { inviteRoute } from './sip/invite-route.ts';
import { messageRoute } from './sip/message-route.ts';
import { optionsRoute } from './sip/options-route.ts';
import { previousHop } from './sip/own-address.ts';
import { SipPagerSender } from './sip/pager-sender.ts';
import { publishRoute } from './sip/publish-route.ts';
import { subscribeRoute } from './sip/subscribe-route.ts';
import { SubscriberDialogs } from './sip/subscriber-dialogs.ts';
import { TrustedProxies } from './sip/trust.ts';
import type { Store, StoreOptions } from './store/store.ts';
import { openStore } from './store/store.ts';
import { sipCredentials } from './sip-credentials.ts';
import { storeSettings } from './store-settings.ts';
import { summarySettings } from './summary-settings.ts';

/** Longest wait for callers to answer that their calls end when the program stops, ms. */
const HANG_UP_LIMIT = 250;

/** Longest wait for retrievals by MESSAGE, and for commands, to end when the program stops, ms. */
const STOP_LIMIT = 3_000;

/** What every part is given from outside. */
export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The program while it runs. */
export interface App {
  /** What the SIP server listens on, as it says itself: `udp/127.0.0.1:5060,tcp/127.0.0.1:5060`. */
  readonly sip: string;
  readonly msrp: MsrpEndpoint['listeners'];
  /** Where SIP and MSRP are taken over WebSockets. */
  readonly webSockets: WebSockets['addresses'];
  /** Where what a voicemail says over HTTP goes. */
  readonly voicemail: VoicemailIntake;
  /** Where who is online is told; undefined with DELIVERY=mailbox. */
  readonly online: OnlineIntake | undefined;
  /** How many lamps there are, and how many are not as they should be. @throws StoreUnavailable */
  totals(): Promise<LampTotals>;
  /** Resolves while texts can be taken: a SIP server is connected and the database answers. */
  ready(): Promise<void>;
  /**
   * Reads keys and certificates again, for connections from now on; those there live on. What does not serve is logged, and
   * the old one stays.
   */
  renewCertificates(): Promise<void>;
  /** Ends calls, finishes what is in flight and closes everything, within a bounded time. */
  stop(): Promise<void>;
}

/** Wires the parts to each other and starts them; when one fails to start, those already started are stopped. */
export async function startApp(config: Config, surroundings: Surroundings): Promise<App> {
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (let next = stops.pop(); next !== undefined; next = stops.pop()) await next();
  };
  try {
    return await start(config, surroundings, stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  config: Config,
  surroundings: Surroundings,
  stops: (() => Promise<void> | void)[],
  stop: () => Promise<void>,
): Promise<App> {
  const { clock, random, logger } = surroundings;
  const certificates = await readCertificates(config, surroundings);
  if (certificates.faults.length > 0) throw new InvalidConfig(certificates.faults);
  const lamp: { publisher?: Publisher; voicemail?: Voicemail } = {};
  const texts: { followUp?: TextFollowUp; push?: TextPush; registrations?: RegistrationEvents } = {};
  const store = await open(config, surroundings, {
    onSummaryDirty: (owner) => {
      lamp.publisher?.wake();
      lamp.voicemail?.wake();
      texts.push?.textCame(owner);
      texts.registrations?.wake(owner);
    },
    onPushDue: () => texts.push?.wake(),
    onReceiptDue: () => texts.followUp?.wake(),
    onScheduled: () => texts.followUp?.wakeSchedule(),
  });
  stops.push(() => store.close());

  // What was kept is there before the ports are open.
  const dialogs = new SubscriberDialogs({
    ...surroundings,
    requests: { request: async (uri, options) => await agent.request(uri, options) },
  });
  const presence = builtInPresence(config, surroundings, store);
  stops.push(() => presence?.stop());
  await presence?.restore((kept) => dialogs.restore(kept));

  const endpoint = await startMsrp(config, surroundings, certificates.chat);
  stops.push(() => endpoint.close());

  const engine = await startBuiltInEngine(config, surroundings, certificates.sip);
  if (engine !== undefined) stops.push(() => engine.close());

  const webSockets = await startWebSockets(config, surroundings, {
    endpoint,
    engine,
    tls: certificates.chat,
  });
  stops.push(() => webSockets.close());
  const renewal = new CertificateRenewal(config, surroundings, {
    sip: (tls) => engine?.renewCertificate(tls),
    chat: (tls) => {
      endpoint.renewCertificate(tls);
      webSockets.renewCertificate(tls);
    },
  });

  const agent = new SipAgent({
    ...surroundings,
    servers: engine === undefined ? config.DRACHTIO_SERVERS : [engine.control],
    secret: engine === undefined ? config.DRACHTIO_SECRET : engine.secret,
  });
  stops.push(() => agent.stop());
  // Before SIP ends: a NOTIFY that fails because of that would end its subscription.
  stops.push(() => presence?.stop());
  const requests = new AuthenticatedRequests({
    ...surroundings,
    sender: agent,
    credentials: sipCredentials(config),
  });

  const followUp = prepareFollowUp(config, surroundings, store, requests, [forgetNotices(config, store)]);
  texts.followUp = followUp;
  stops.push(() => followUp.stop());
  const retrievals = new Retrievals({ ...surroundings, store, node: config.NODE_NAME });
  await retrievals.begin();
  const { profiles, deposits } = prepareDeposits(config, surroundings, store);
  const notices = prepareNotices(config, surroundings, store, requests);
  stops.push(() => notices?.stop());
  const desk = prepareDesk(config, surroundings, { store, retrievals, profiles, deposits, requests });
  const chats = new SessionMode({
    ...surroundings,
    endpoint,
    deposits,
    retrievals,
    desk,
    receipts: followUp.sessions,
    displayed: followUp.displayed,
    messageAccount: config.MESSAGE_ACCOUNT,
    profiles,
    idleTimeout: config.SESSION_IDLE_SECONDS * 1000,
    maxSessions: config.MAX_SESSIONS,
  });
  const pager = new PagerMode({ ...surroundings, retrievals, desk, profiles });
  const policy: AdmissionPolicy = {
    domains: new Set(config.DOMAINS),
    messageAccount: config.MESSAGE_ACCOUNT,
    trustedProxies: new TrustedProxies(config.TRUSTED_PROXIES),
    depositFrom: config.DEPOSIT_FROM,
  };
  const voicemail = await prepareVoicemail(config, surroundings, store, agent, requests);
  lamp.voicemail = voicemail;
  stops.push(() => voicemail.stop());

  const push = preparePush(config, surroundings, { store, retrievals, requests, agent, chats });
  texts.push = push;
  const registrations = prepareRegistrations(config, surroundings, {
    store,
    intake: push.users,
    agent,
    requests,
  });
  texts.registrations = registrations;
  stops.push(() => registrations.stop());

  const ownPublishers = new OwnPublishers(config);
  const sip = await agent.start({
    OPTIONS: optionsRoute(ACCEPTED_TYPES.join(', '), presence?.events ?? [], Object.keys(push.routes)),
    MESSAGE: messageRoute({
      policy,
      deposits,
      pager,
      displayed: followUp.displayed,
      notices,
      borrowed: push.borrowed,
      fullStatus: config.MAILBOX_FULL_STATUS,
      keepHeaders: config.KEEP_HEADERS,
      maxBytes: config.MESSAGE_MAX_BYTES,
      pagerSenderFor: (request) =>
        new SipPagerSender(requests, config.MESSAGE_ACCOUNT, config.OUTBOUND_PROXY ?? previousHop(request)),
    }),
    INVITE: inviteRoute({
      ...surroundings,
      policy,
      chats,
      borrowed: push.borrowed,
      maxBytes: config.MESSAGE_MAX_BYTES,
      ready: () => store.ready(),
      isBlocked: (owner, author) => store.isBlocked(owner, author),
      newSessionId: () => random.bytes(4).readUInt32BE(0),
    }),
    ...voicemail.routes,
    ...registrations.notifyRoutes(voicemail.routes['NOTIFY']),
    ...push.routes,
    ...(presence === undefined
      ? {}
      : {
          PUBLISH: publishRoute(presence, policy.domains, ownPublishers),
          SUBSCRIBE: subscribeRoute({ ...surroundings, presence, dialogs, policy }),
        }),
  });
  ownPublishers.listen(sip);

  if (litLamps(config)) {
    const publisher = startPublisher({
      ...surroundings,
      ...publishing(config, requests, sip, logger),
      store,
      node: config.NODE_NAME,
      body: summarySettings(config),
      expires: config.PUBLISH_EXPIRES,
      rate: config.PUBLISH_RATE,
    });
    lamp.publisher = publisher;
    stops.push(() => publisher.stop());
  }
  voicemail.watch();
  followUp.start();
  push.start();
  registrations.start();
  stops.push(async () => {
    // First, so that a call that ends now counts as no attempt.
    const brought = push.stop();
    // Who does not answer the BYE in time will see the connection end.
    await withDeadline(clock, HANG_UP_LIMIT, 'ending calls', chats.hangUpAll()).catch((error: unknown) => {
      logger.info({ error: describeError(error) }, 'stopped with calls that did not end');
    });
    // A text on its way to a phone that does not answer is new again when its lease ends.
    const done = Promise.all([pager.stop(), chats.idle()]);
    await withDeadline(clock, STOP_LIMIT, 'handing texts over', done).catch((error: unknown) => {
      logger.warn({ error: describeError(error) }, 'stopped with texts or commands on their way');
    });
    await brought;
  });
  const ready = async (): Promise<void> => {
    if (!agent.ready) throw new NoSipServer();
    await store.ready();
  };
  return {
    sip,
    msrp: endpoint.listeners,
    webSockets: webSockets.addresses,
    voicemail: voicemail.intake,
    online: push.users,
    totals: async () => (litLamps(config) ? await store.totals(clock.now()) : NO_LAMPS),
    ready,
    renewCertificates: () => renewal.renew(),
    stop,
  };
}

async function open(
  config: Config,
  surroundings: Surroundings,
  callbacks: Pick<StoreOptions, 'onSummaryDirty' | 'onReceiptDue' | 'onPushDue' | 'onScheduled'>,
): Promise<Store> {
  const file = /^sqlite:(.+)$/.exec(config.DATABASE_URL)?.[1];
  if (file !== undefined && file !== ':memory:') await mkdir(dirname(file), { recursive: true });
  return await openStore({
    ...surroundings,
    ...storeSettings(config),
    ...callbacks,
  });
}
