import type { Surroundings } from './app.ts';
import type { Config } from './config.ts';
import type { AddressOfRecord } from './core/address-of-record.ts';
import type { OnlineIntake, PushStore } from './mailbox/push/ports.ts';
import { RegistrationWatch } from './mailbox/push/registration-watch.ts';
import type { Route, SipAgent } from './sip/agent.ts';
import { notifyRoute } from './sip/notify-route.ts';
import { SipRegistrationSubscriber } from './sip/registration-subscriber.ts';
import type { RequestSender } from './sip/request-sender.ts';

/** What learns from registration events who is online. */
export interface RegistrationEvents {
  /** The route of NOTIFY; one that is of no subscription here goes on to `otherwise`, where there is one. */
  notifyRoutes(otherwise: Route | undefined): Readonly<Record<string, Route>>;
  /** Begins to subscribe, once SIP is there. */
  start(): void;
  /** A text was kept for `owner`. */
  wake(owner: AddressOfRecord): void;
  stop(): Promise<void>;
}

/** Prepares it; without REG_EVENT_SERVER, or with DELIVERY=mailbox, nobody is subscribed to. */
export function prepareRegistrations(
  config: Pick<Config, 'DELIVERY' | 'REG_EVENT_SERVER' | 'MESSAGE_ACCOUNT'>,
  surroundings: Surroundings,
  parts: {
    readonly store: Pick<PushStore, 'usersWithNewTexts'>;
    /** Undefined: nobody wants to know. */
    readonly intake: OnlineIntake | undefined;
    readonly agent: Pick<SipAgent, 'dialogOf'>;
    readonly requests: RequestSender;
  },
): RegistrationEvents {
  const { DELIVERY, REG_EVENT_SERVER: hop, MESSAGE_ACCOUNT: watcher } = config;
  const { store, intake, agent, requests } = parts;
  if (hop === undefined || intake === undefined || DELIVERY === 'mailbox') {
    const nothing = (): void => undefined;
    return {
      notifyRoutes: (otherwise) => (otherwise === undefined ? {} : { NOTIFY: otherwise }),
      start: nothing,
      wake: nothing,
      stop: () => Promise.resolve(),
    };
  }
  const subscriber = new SipRegistrationSubscriber({
    ...surroundings,
    requests,
    agent,
    nextHop: hop,
    watcher,
  });
  const watch = new RegistrationWatch({ ...surroundings, store, subscriber, intake, hop });
  let started = false;
  return {
    notifyRoutes: (otherwise) => ({ NOTIFY: notifyRoute([subscriber], otherwise) }),
    start: () => {
      started = true;
      watch.start();
    },
    // What is kept before there is SIP is found by the first look.
    wake: (owner) => {
      if (started) watch.wake(owner);
    },
    stop: () => watch.stop(),
  };
}
