import type { Surroundings } from './app.ts';
import type { Config } from './config.ts';
import { AddressOfRecord } from './core/address-of-record.ts';
import type { ChatCaller } from './mailbox/push/delivery-ports.ts';
import { PushIntake } from './mailbox/push/intake.ts';
import type { OnlineIntake, PushStore } from './mailbox/push/ports.ts';
import type { Pushes } from './mailbox/push/push.ts';
import { startPushes } from './mailbox/push/push.ts';
import type { Retrievals } from './mailbox/retrieval.ts';
import type { SessionMode } from './mailbox/session-mode.ts';
import type { Route, SipAgent } from './sip/agent.ts';
import { BorrowedNames } from './sip/borrowed-names.ts';
import { SipChatCaller } from './sip/chat-caller.ts';
import { SipPushPager } from './sip/push-pager.ts';
import { registerRoute } from './sip/register-route.ts';
import type { RequestSender } from './sip/request-sender.ts';
import { TrustedProxies } from './sip/trust.ts';

/** What brings texts to users who come online. */
export interface TextPush {
  /** Where what is learnt of who is online goes; undefined with DELIVERY=mailbox: texts are brought to nobody. */
  readonly users: OnlineIntake | undefined;
  /** SIP requests that tell of it. */
  readonly routes: Readonly<Record<string, Route>>;
  /** What leaves in authors' names. */
  readonly borrowed: BorrowedNames;
  /** Begins to bring texts, once SIP is there. */
  start(): void;
  /** A push may be due. */
  wake(): void;
  /** A text came for `user`. */
  textCame(user: AddressOfRecord): void;
  stop(): Promise<void>;
}

/** Undefined where nothing listens for MSRP: every text goes by MESSAGE. */
function chatCaller(
  config: Config,
  surroundings: Surroundings,
  { requests, agent, chats }: { requests: RequestSender; agent: SipAgent; chats: SessionMode },
  naming: { readonly borrowed?: BorrowedNames; readonly vouchesFor: (uri: string) => boolean },
): ChatCaller | undefined {
  if (chats.transports.size === 0) return undefined;
  return new SipChatCaller({
    ...surroundings,
    requests,
    dialogs: agent,
    chats,
    ...naming,
    proxy: config.OUTBOUND_PROXY,
    headers: config.PUSH_HEADERS,
    newSessionId: () => surroundings.random.bytes(4).readUInt32BE(0),
    maxBytes: config.MESSAGE_MAX_BYTES,
  });
}

/** Prepares it. With DELIVERY=mailbox nothing is taken and nothing brought. */
export function preparePush(
  config: Config,
  surroundings: Surroundings,
  parts: {
    readonly store: PushStore;
    readonly retrievals: Retrievals;
    readonly requests: RequestSender;
    readonly agent: SipAgent;
    readonly chats: SessionMode;
  },
): TextPush {
  const borrowed = new BorrowedNames();
  if (config.DELIVERY === 'mailbox') {
    const nothing = (): void => undefined;
    return {
      users: undefined,
      routes: {},
      borrowed,
      start: nothing,
      wake: nothing,
      textCame: nothing,
      stop: () => Promise.resolve(),
    };
  }
  const { store, retrievals, requests } = parts;
  let pushes: Pushes | undefined;
  const isAuthors = config.PUSH_FROM === 'author';
  // Proxies let nobody speak for a user of ours who has not shown to be that. Of others they know nothing, and nor do we.
  const isVerified = (uri: string): boolean =>
    config.DEPOSIT_FROM === 'trusted' && config.DOMAINS.includes(AddressOfRecord.tryParse(uri)?.host ?? '');
  const isAccount = (uri: string): boolean => uri === config.MESSAGE_ACCOUNT.toString();
  const vouchesFor = (uri: string): boolean => isAccount(uri) || isVerified(uri);
  const naming = isAuthors ? { borrowed, vouchesFor } : { vouchesFor };
  const wake = (): void => pushes?.wake();
  const users = new PushIntake({ ...surroundings, store, wake });
  const register = registerRoute({
    users,
    domains: new Set(config.DOMAINS),
    trustedProxies: new TrustedProxies(config.TRUSTED_PROXIES),
    clock: surroundings.clock,
  });
  return {
    users,
    routes: { REGISTER: register },
    borrowed,
    start: () => {
      const pager = new SipPushPager({
        requests,
        ...naming,
        proxy: config.OUTBOUND_PROXY,
        vouchesFor: isAuthors ? isVerified : () => false,
        headers: config.PUSH_HEADERS,
      });
      pushes ??= startPushes({
        ...surroundings,
        store,
        retrievals,
        caller: chatCaller(config, surroundings, parts, naming),
        pager,
        account: config.MESSAGE_ACCOUNT,
        pushFrom: config.PUSH_FROM,
        keptHeaders: config.KEEP_HEADERS,
        attempts: config.PUSH_ATTEMPTS,
        node: config.NODE_NAME,
      });
    },
    wake,
    textCame: (user) => users.textCame(user),
    stop: async () => {
      await pushes?.stop();
    },
  };
}
