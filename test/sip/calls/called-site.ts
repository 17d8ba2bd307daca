import { AddressOfRecord } from '../../../src/core/address-of-record.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { noMetrics } from '../../../src/core/metrics.ts';
import { hexToken, systemRandom } from '../../../src/core/random.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { startEngine } from '../../../src/engine/engine.ts';
import type { PushTarget } from '../../../src/mailbox/push/delivery-ports.ts';
import type { SessionModeOptions } from '../../../src/mailbox/session-mode.ts';
import { SessionMode } from '../../../src/mailbox/session-mode.ts';
import type { MsrpEndpoint } from '../../../src/msrp/endpoint.ts';
import { startMsrpEndpoint } from '../../../src/msrp/endpoint.ts';
import type { ListenerAddress } from '../../../src/msrp/listener.ts';
import type { MsrpLimits } from '../../../src/msrp/limits.ts';
import type { Route } from '../../../src/sip/agent.ts';
import { SipAgent } from '../../../src/sip/agent.ts';
import { AuthenticatedRequests } from '../../../src/sip/authenticated-requests.ts';
import { SipChatCaller } from '../../../src/sip/chat-caller.ts';
import type { Credentials } from '../../../src/sip/digest.ts';
import { inviteRoute } from '../../../src/sip/invite-route.ts';
import { TrustedProxies } from '../../../src/sip/trust.ts';
import { AnsweringPhone } from '../../doubles/answering-phone.ts';
import { JumpingClock } from '../../doubles/jumping-clock.ts';
import type { MsrpAnswerer } from '../../doubles/msrp-answerer.ts';
import { answerMsrp } from '../../doubles/msrp-answerer.ts';
import type { ChatOptions } from '../../doubles/msrp-chat.ts';
import { MsrpChat, chatOffer, pathOf } from '../../doubles/msrp-chat.ts';

export const ALICE = 'sip:alice@example.test';
export const MAILBOX = 'sip:mailbox@example.test';

export interface CalledSiteOptions {
  readonly listen?: readonly ListenerAddress[];
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly limits?: Partial<MsrpLimits>;
  readonly maxSessions?: number;
  readonly credentials?: Credentials;
  /** Starts what stands between us, at this UDP port, and the phone; its own port. Nothing unless told otherwise. */
  readonly proxy?: (udp: number) => Promise<number>;
}

/** Our end of calls to users, through the built-in engine, and a phone. */
export class CalledSite {
  readonly phone: AnsweringPhone;
  readonly caller: SipChatCaller;
  readonly chats: SessionMode;
  readonly clock: JumpingClock;
  readonly engine: Engine;
  readonly endpoint: MsrpEndpoint;
  /** Notices of the owner's client, as they were taken. */
  readonly notices: string[] = [];
  readonly #agent: SipAgent;
  readonly #open: { close(): unknown }[] = [];

  private constructor(
    parts: {
      readonly phone: AnsweringPhone;
      readonly clock: JumpingClock;
      readonly engine: Engine;
      readonly endpoint: MsrpEndpoint;
      readonly agent: SipAgent;
    },
    { credentials, maxSessions = 10 }: CalledSiteOptions,
  ) {
    this.phone = parts.phone;
    this.clock = parts.clock;
    this.engine = parts.engine;
    this.endpoint = parts.endpoint;
    this.#agent = parts.agent;
    const surroundings = surroundingsWith(this.clock);
    // Of what a mailbox is made of, a call of ours needs no more than this.
    this.chats = new SessionMode({
      ...surroundings,
      endpoint: this.endpoint,
      displayed: {
        take: (_owner: AddressOfRecord, contentType: string) => {
          this.notices.push(contentType);
          return Promise.resolve();
        },
      },
      maxSessions,
    } as unknown as SessionModeOptions);
    this.caller = new SipChatCaller({
      ...surroundings,
      requests: new AuthenticatedRequests({ ...surroundings, sender: this.#agent, credentials }),
      dialogs: this.#agent,
      chats: this.chats,
      proxy: undefined,
      newSessionId: () => 4711,
      maxBytes: 10_000,
    });
  }

  static async open(options: CalledSiteOptions = {}): Promise<CalledSite> {
    const clock = new JumpingClock();
    const surroundings = surroundingsWith(clock);
    const secret = hexToken(systemRandom, 64);
    const engine = await startEngine({
      ...surroundings,
      clock: systemClock,
      listen: (['udp', 'tcp'] as const).map((protocol) => ({ protocol, host: '127.0.0.1', port: 0 })),
      control: { host: '127.0.0.1', port: 0 },
      secret,
      // As the program has it: a call that comes back is answered by our own rules.
      returned: 'hand-up',
    });
    const endpoint = await startMsrpEndpoint({
      ...surroundings,
      listen: options.listen ?? [{ transport: 'tcp', host: '127.0.0.1', port: 0 }],
      ...(options.tls === undefined ? {} : { tls: options.tls }),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    const agent = new SipAgent({ ...surroundings, servers: [engine.control], secret });
    await agent.start({ INVITE: mailboxCalls(surroundings) });
    const udp = engine.sip.find(({ protocol }) => protocol === 'udp')?.port ?? 0;
    const phone = await AnsweringPhone.open((await options.proxy?.(udp)) ?? udp);
    return new CalledSite({ phone, clock, engine, endpoint, agent }, options);
  }

  /** Ends everything; timers of ours that are left then. */
  async close(): Promise<number> {
    for (const each of this.#open.reverse()) await each.close();
    this.#agent.stop();
    await this.phone.close();
    await this.engine.close();
    await this.endpoint.close();
    return this.clock.pendingTimers;
  }

  get target(): PushTarget {
    return {
      to: AddressOfRecord.parse(ALICE),
      from: MAILBOX,
      fromName: '',
      hop: this.phone.uri,
    };
  }

  /** The passive side of a chat with who made this offer. */
  async passive(offer: string, options?: ChatOptions, tls?: CalledSiteOptions['tls']): Promise<MsrpAnswerer> {
    return this.#keep(await answerMsrp(pathOf(offer), options, tls));
  }

  /** The active side of a chat with who made this offer, from where `own` says. */
  async active(own: string, offer: string, options?: ChatOptions): Promise<MsrpChat> {
    return this.#keep(await MsrpChat.open(own, pathOf(offer), options));
  }

  #keep<T extends { close(): unknown }>(each: T): T {
    this.#open.push(each);
    return each;
  }
}

/** What a passive phone answers. */
export function passiveAnswer(path: string): string {
  return chatOffer(path, { setup: 'passive' });
}

/** Calls that come to us: none is to be answered in these tests. */
function mailboxCalls(surroundings: ReturnType<typeof surroundingsWith>): Route {
  return inviteRoute({
    ...surroundings,
    policy: {
      domains: new Set(['example.test']),
      messageAccount: AddressOfRecord.parse(MAILBOX),
      trustedProxies: new TrustedProxies([]),
      depositFrom: 'anyone',
    },
    chats: {
      transports: new Set(['tcp'] as const),
      prepare: () => {
        throw new Error('a call came to the mailbox');
      },
    },
    newSessionId: () => 1,
    maxBytes: 10_000,
    ready: () => Promise.resolve(),
    isBlocked: () => Promise.resolve(false),
  });
}

function surroundingsWith(clock: JumpingClock): {
  readonly clock: JumpingClock;
  readonly random: typeof systemRandom;
  readonly logger: typeof silentLogger;
  readonly metrics: typeof noMetrics;
} {
  return { clock, random: systemRandom, logger: silentLogger, metrics: noMetrics };
}
