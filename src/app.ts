import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TextFollowUp } from './app-receipts.ts';
import { prepareFollowUp } from './app-receipts.ts';
import type { Voicemail } from './app-voicemail.ts';
import { prepareVoicemail } from './app-voicemail.ts';
import type { WebSockets } from './app-web-socket.ts';
import { startWebSockets } from './app-web-socket.ts';
import type { Config } from './config.ts';
import type { Clock } from './core/clock.ts';
import { withDeadline } from './core/deadline.ts';
import { describeError } from './core/errors.ts';
import type { Logger } from './core/logger.ts';
import type { Metrics } from './core/metrics.ts';
import type { Random } from './core/random.ts';
import { hexToken } from './core/random.ts';
import type { Engine } from './engine/engine.ts';
import { startEngine } from './engine/engine.ts';
import { Deposits } from './mailbox/deposit.ts';
import { PagerMode } from './mailbox/pager-mode.ts';
import { ACCEPTED_TYPES } from './mailbox/read-body.ts';
import { Retrievals } from './mailbox/retrieval.ts';
import { SessionMode } from './mailbox/session-mode.ts';
import type { MsrpEndpoint } from './msrp/endpoint.ts';
import { startMsrpEndpoint } from './msrp/endpoint.ts';
import type { KeyAndCertificate } from './msrp/self-signed-certificate.ts';
import { selfSignedCertificate } from './msrp/self-signed-certificate.ts';
import type { LampTotals } from './mwi/ports.ts';
import type { Publisher, PublisherOptions } from './mwi/publisher.ts';
import { startPublisher } from './mwi/publisher.ts';
import type { VoicemailIntake } from './mwi/voicemail-intake.ts';
import type { PresenceServer } from './presence/ports.ts';
import { startPresenceServer } from './presence/presence-server.ts';
import type { AdmissionPolicy } from './sip/admission.ts';
import { NoSipServer, SipAgent } from './sip/agent.ts';
import { AuthenticatedRequests } from './sip/authenticated-requests.ts';
import { inviteRoute } from './sip/invite-route.ts';
import { messageRoute } from './sip/message-route.ts';
import { optionsRoute } from './sip/options-route.ts';
import { ownRanges, ownUri, previousHop } from './sip/own-address.ts';
import { SipPagerSender } from './sip/pager-sender.ts';
import { SipPublishSender } from './sip/publish-sender.ts';
import { publishRoute } from './sip/publish-route.ts';
import type { RequestSender } from './sip/request-sender.ts';
import { subscribeRoute } from './sip/subscribe-route.ts';
import { SubscriberDialogs } from './sip/subscriber-dialogs.ts';
import { TrustedProxies } from './sip/trust.ts';
import { UnsolicitedNotifySender } from './sip/unsolicited-notify-sender.ts';
import type { Store, StoreOptions } from './store/store.ts';
import { openStore } from './store/store.ts';
import { sipCredentials } from './sip-credentials.ts';
import { summarySettings } from './summary-settings.ts';

/** How long requests wait for the routes of a program that just started, ms. */
const OPENING_LIMIT = 5_000;

/** Longest wait for retrievals by MESSAGE to end when the program stops, ms. */
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
  /** How many lamps there are, and how many are not as they should be. @throws StoreUnavailable */
  totals(): Promise<LampTotals>;
  /** Resolves while texts can be taken: a SIP server is connected and the database answers. */
  ready(): Promise<void>;
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
  const lamp: { publisher?: Publisher; voicemail?: Voicemail } = {};
  const texts: { followUp?: TextFollowUp } = {};
  const store = await open(config, surroundings, {
    onSummaryDirty: () => {
      lamp.publisher?.wake();
      lamp.voicemail?.wake();
    },
    onReceiptDue: () => texts.followUp?.wake(),
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

  const tls = wantsTls(config) ? await certificate(config, surroundings) : undefined;
  const endpoint = await startMsrp(config, surroundings, tls);
  stops.push(() => endpoint.close());

  const engine = await startBuiltInEngine(config, surroundings);
  if (engine !== undefined) stops.push(() => engine.close());

  const webSockets = await startWebSockets(config, surroundings, { endpoint, engine, tls });
  stops.push(() => webSockets.close());

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

  const followUp = prepareFollowUp(config, surroundings, store, requests);
  texts.followUp = followUp;
  stops.push(() => followUp.stop());
  const retrievals = new Retrievals({ ...surroundings, store, node: config.NODE_NAME });
  await retrievals.begin();
  const deposits = new Deposits({
    ...surroundings,
    store,
    maxBytes: config.MESSAGE_MAX_BYTES,
    ttl: config.MESSAGE_TTL,
    receipts: config.RECEIPTS === 'on',
  });
  const chats = new SessionMode({
    ...surroundings,
    endpoint,
    deposits,
    retrievals,
    receipts: followUp.sessions,
    displayed: followUp.displayed,
    messageAccount: config.MESSAGE_ACCOUNT,
    autoReply: config.AUTO_REPLY,
    idleTimeout: config.SESSION_IDLE_SECONDS * 1000,
    maxSessions: config.MAX_SESSIONS,
  });
  const pager = new PagerMode(retrievals, logger);
  const policy: AdmissionPolicy = {
    domains: new Set(config.DOMAINS),
    messageAccount: config.MESSAGE_ACCOUNT,
    trustedProxies: new TrustedProxies(config.TRUSTED_PROXIES),
    depositFrom: config.DEPOSIT_FROM,
  };
  const voicemail = await prepareVoicemail(config, surroundings, store, agent, requests);
  lamp.voicemail = voicemail;
  stops.push(() => voicemail.stop());

  const ownPublishers = new OwnPublishers(config);
  const sip = await agent.start({
    OPTIONS: optionsRoute(ACCEPTED_TYPES.join(', '), presence?.events ?? []),
    MESSAGE: messageRoute({
      policy,
      deposits,
      pager,
      displayed: followUp.displayed,
      maxBytes: config.MESSAGE_MAX_BYTES,
      pagerSenderFor: (request) =>
        new SipPagerSender(requests, config.MESSAGE_ACCOUNT, config.OUTBOUND_PROXY ?? previousHop(request)),
    }),
    INVITE: inviteRoute({
      ...surroundings,
      policy,
      chats,
      maxBytes: config.MESSAGE_MAX_BYTES,
      ready: () => store.ready(),
      newSessionId: () => random.bytes(4).readUInt32BE(0),
    }),
    ...voicemail.routes,
    ...(presence === undefined
      ? {}
      : {
          PUBLISH: publishRoute(presence, policy.domains, ownPublishers),
          SUBSCRIBE: subscribeRoute({ ...surroundings, presence, dialogs, policy }),
        }),
  });
  ownPublishers.listen(sip);

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
  voicemail.watch();
  followUp.start();
  stops.push(async () => {
    chats.hangUpAll();
    // A text on its way to a phone that does not answer is new again when its lease ends.
    await withDeadline(clock, STOP_LIMIT, 'handing texts over', pager.idle()).catch((error: unknown) => {
      logger.warn({ error: describeError(error) }, 'stopped with texts on their way');
    });
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
    totals: () => store.totals(clock.now()),
    ready,
    stop,
  };
}

/** To whom and how lamps are published: a presence server of the site's, our own, or the phones themselves. */
function publishing(
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
class OwnPublishers {
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
function builtInPresence(
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

async function open(
  config: Config,
  surroundings: Surroundings,
  callbacks: Pick<StoreOptions, 'onSummaryDirty' | 'onReceiptDue'>,
): Promise<Store> {
  const file = /^sqlite:(.+)$/.exec(config.DATABASE_URL)?.[1];
  if (file !== undefined && file !== ':memory:') await mkdir(dirname(file), { recursive: true });
  return await openStore({
    ...surroundings,
    url: config.DATABASE_URL,
    limits: {
      maxNewMessages: config.MAILBOX_MAX_MESSAGES,
      maxMessageBytes: config.MESSAGE_MAX_BYTES,
    },
    ...callbacks,
  });
}

function wantsTls(config: Config): boolean {
  return [...config.MSRP_LISTEN, ...config.WS_LISTEN].some(
    ({ protocol }) => protocol === 'tls' || protocol === 'wss',
  );
}

async function startMsrp(
  config: Config,
  surroundings: Surroundings,
  tls: KeyAndCertificate | undefined,
): Promise<MsrpEndpoint> {
  return await startMsrpEndpoint({
    ...surroundings,
    listen: config.MSRP_LISTEN.map(({ protocol, host, port }) => ({ transport: protocol, host, port })),
    limits: { maxMessageBytes: config.MESSAGE_MAX_BYTES, chunkOver: config.MSRP_CHUNK_OVER },
    ...(config.MSRP_ADVERTISED_HOST === undefined ? {} : { advertisedHost: config.MSRP_ADVERTISED_HOST }),
    ...(tls === undefined ? {} : { tls }),
  });
}

async function certificate(config: Config, surroundings: Surroundings): Promise<KeyAndCertificate> {
  if (config.MSRP_TLS_CERTIFICATE !== '') {
    const [cert, key] = await Promise.all([
      readFile(config.MSRP_TLS_CERTIFICATE, 'utf8'),
      readFile(config.MSRP_TLS_KEY, 'utf8'),
    ]);
    return { cert, key };
  }
  return await selfSignedCertificate(join(config.DATA_DIR, 'tls'), surroundings);
}

type BuiltInEngine = Pick<Engine, 'control' | 'attach' | 'close'> & { readonly secret: string };

/** The engine of our own, unless drachtio-servers take its place. */
async function startBuiltInEngine(
  config: Config,
  surroundings: Surroundings,
): Promise<BuiltInEngine | undefined> {
  if (config.DRACHTIO_SERVERS.length > 0) return undefined;
  const secret = hexToken(surroundings.random, 128);
  const engine = await startEngine({
    ...surroundings,
    listen: config.SIP_LISTEN,
    control: { host: '127.0.0.1', port: 0 },
    secret,
    holdUntilServed: OPENING_LIMIT,
  });
  const { control, attach, close } = engine;
  return { control, attach, close, secret };
}
