import type { AddressOfRecord } from '../../core/address-of-record.ts';
import type { Clock } from '../../core/clock.ts';
import { MailboxError, describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Counter, Metrics } from '../../core/metrics.ts';
import { PagerDeliveryFailed } from '../ports.ts';
import type { Courier } from './delivery.ts';
import { ChatCourier, MessageCourier } from './delivery.ts';
import type { ChatCaller, PushPager } from './delivery-ports.ts';
import { CallFailed, NothingSent } from './delivery-ports.ts';
import type { PushFrom } from './identity.ts';
import { PUSH_LIMITS } from './limits.ts';
import type { PushWay } from './policy.ts';
import { verdictOnCall, verdictOnMessage, waysTo } from './policy.ts';
import type { Push } from './ports.ts';
import { Recently } from '../recently.ts';
import type { Retrievals } from '../retrieval.ts';

export interface PushAttemptsOptions {
  readonly retrievals: Pick<Retrievals, 'run'>;
  /** Undefined: no chats are had here, and every text goes by MESSAGE. */
  readonly caller: ChatCaller | undefined;
  readonly pager: PushPager;
  readonly account: AddressOfRecord;
  readonly pushFrom: PushFrom;
  /** Names of headers kept with texts: KEEP_HEADERS. */
  readonly keptHeaders?: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * What came of one attempt.
 *   brought      all new texts are hers
 *   nothing new  there was none
 *   refused      her phone does not take what is left, in any way
 *   no way       her phone takes neither chats nor MESSAGEs: it was not asked
 *   elsewhere    a retrieval of hers, or a push to another address of hers, hands them over
 *   failed       nobody answered, or not now
 *   not sent     nothing leaves here: that says nothing of her phone
 *   passed over  goes on with the next claim: we stop, or this one is nearly over
 */
export type AttemptOutcome =
  'brought' | 'nothing new' | 'refused' | 'no way' | 'elsewhere' | 'failed' | 'not sent' | 'passed over';

/** How long an attempt may last. */
export interface AttemptLeave {
  /** Whether another text may be begun. */
  mayGoOn(): boolean;
  /** How long from now until it must be over, ms. */
  left(): number;
  /** Whether we are about to end: what fails then says nothing of her phone. */
  stopping(): boolean;
}

/** A text is not begun any more: the program stops, or the claim is nearly over. */
class PushBrokenOff extends MailboxError {
  constructor() {
    super('PUSH_BROKEN_OFF', 'the push goes on later');
  }
}

/** Hands users who are online their new texts, by the ways their phones take. */
export class PushAttempts {
  readonly #options: PushAttemptsOptions;
  readonly #texts: Counter;
  /** Registrations whose phone takes no chats. */
  readonly #withoutChat: Recently;
  /** The same of MESSAGEs. */
  readonly #withoutMessage: Recently;

  constructor(options: PushAttemptsOptions) {
    const { clock, metrics } = options;
    this.#options = options;
    this.#withoutChat = new Recently({ clock, ...PUSH_LIMITS.withoutWay });
    this.#withoutMessage = new Recently({ clock, ...PUSH_LIMITS.withoutWay });
    this.#texts = metrics.counter('texts_pushed_total', 'Texts brought to users who are online, by the way', [
      'by',
    ]);
  }

  /** Never rejects. */
  async attempt(push: Push, leave: AttemptLeave): Promise<AttemptOutcome> {
    const ways = this.#waysTo(push);
    if (ways.length === 0) return 'no way';
    for (const way of ways) {
      if (!leave.mayGoOn()) return 'passed over';
      const outcome = await this.#bring(push, way, ways, leave);
      if (outcome !== 'refused') return outcome;
    }
    // Calls were kept few for the sake of a way that is none: they go on.
    const { pushFrom } = this.#options;
    return pushFrom === 'author' && this.#waysTo(push).join() === 'chat' && ways.length > 1
      ? 'passed over'
      : 'refused';
  }

  #waysTo(push: Push): readonly PushWay[] {
    const phone = phoneOf(push);
    const canChat = this.#options.caller !== undefined && !this.#withoutChat.has(phone);
    return waysTo(push.methods, canChat).filter((way) => way === 'chat' || !this.#withoutMessage.has(phone));
  }

  /** Never rejects. */
  async #bring(
    push: Push,
    way: PushWay,
    ways: readonly PushWay[],
    leave: AttemptLeave,
  ): Promise<AttemptOutcome> {
    const { retrievals, clock, logger } = this.#options;
    const { user } = push;
    const fields = { user: user.toString(), way };
    const courier = this.#courier(push, way, ways);
    const patience = clock.after(leave.left(), () => courier.breakOff());
    try {
      const result = await retrievals.run(user, async (message) => {
        if (!leave.mayGoOn()) throw new PushBrokenOff();
        await courier.deliver(message);
        this.#texts.add({ by: way });
      });
      const { delivered, refused, elsewhere } = result;
      if (delivered + refused > 0) logger.info({ ...fields, delivered, refused }, 'texts brought');
      if (elsewhere > 0) return 'elsewhere';
      if (refused > 0) return 'refused';
      return delivered > 0 ? 'brought' : 'nothing new';
    } catch (error) {
      const outcome = this.#verdictOn(error, push, leave);
      logger.info({ ...fields, outcome, error: describeError(error) }, 'bringing texts broke off');
      return outcome;
    } finally {
      patience.cancel();
      await courier.end();
    }
  }

  #courier({ user, hop }: Push, way: PushWay, ways: readonly PushWay[]): Courier {
    const { caller, pager, pushFrom, keptHeaders = [], account, clock, logger } = this.#options;
    const options = { registration: { user, hop }, pushFrom, keptHeaders, account, clock, logger };
    if (way !== 'chat' || caller === undefined) return new MessageCourier(pager, options);
    // What goes beyond takes the other way, where there is one.
    return new ChatCourier(caller, options, ways.includes('message') ? PUSH_LIMITS.calls : Infinity);
  }

  #verdictOn(error: unknown, push: Push, leave: AttemptLeave): AttemptOutcome {
    if (error instanceof PushBrokenOff || leave.stopping()) return 'passed over';
    if (error instanceof NothingSent) return 'not sent';
    if (error instanceof CallFailed) {
      const verdict = verdictOnCall(error.status);
      if (verdict !== 'later') this.#withoutChat.add(phoneOf(push));
      return verdict === 'no chat' ? 'refused' : 'failed';
    }
    if (error instanceof PagerDeliveryFailed && verdictOnMessage(error.status) === 'no MESSAGE') {
      this.#withoutMessage.add(phoneOf(push));
      return 'refused';
    }
    return 'failed';
  }
}

function phoneOf({ user, name }: Push): string {
  return `${user.toString()} ${name}`;
}
