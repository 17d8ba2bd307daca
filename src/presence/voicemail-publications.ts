import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import { unavailable } from './answers.ts';
import { EventStateCompositor } from './event-state-compositor.ts';
import type { PresenceLimits } from './limits.ts';
import { PRESENCE_LIMITS } from './limits.ts';
import { MessageSummaryPackage } from './message-summary-package.ts';
import { NOTHING_KEPT } from './nothing-kept.ts';
import type { Answer, PublishCommand } from './ports.ts';

/** What a voicemail that publishes says of `user`, until `until` (epoch ms); null: nothing any more. */
export type PublishedReport = (user: AddressOfRecord, body: string | null, until: number) => Promise<void>;

export interface VoicemailPublicationsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Keeps it; rejects when it could not. */
  readonly report: PublishedReport;
  /** Limits that differ from {@link PRESENCE_LIMITS}. */
  readonly limits?: Partial<PresenceLimits>;
}

/** A compositor for voicemails that PUBLISH to us while phones subscribe elsewhere: what it composes is reported. */
export interface VoicemailPublications {
  /** Serves one PUBLISH (RFC 3903 §6); a 200 means that the report is kept. */
  publish(command: PublishCommand): Promise<Answer>;
  stop(): void;
}

/** A lapse a moment away has come: the compositor's timer and our note of it are not made in one instant. */
const SLACK = 1_000;

export function startVoicemailPublications(options: VoicemailPublicationsOptions): VoicemailPublications {
  const { clock, random, logger, metrics, report } = options;
  const limits = { ...PRESENCE_LIMITS, ...options.limits };
  const lamp = new MessageSummaryPackage();
  /** When each publication lapses, by user and entity tag. */
  const lapses = new Map<string, Map<string, number>>();

  const tell = async (user: AddressOfRecord): Promise<void> => {
    const own = lapses.get(user.toString()) ?? new Map<string, number>();
    for (const [tag, at] of own) if (at <= clock.now() + SLACK) own.delete(tag);
    if (own.size > 0) {
      await report(user, compositor.bodyOf(user, lamp), Math.max(...own.values()));
      return;
    }
    lapses.delete(user.toString());
    await report(user, null, clock.now());
  };

  /** Users a PUBLISH is being served for: what it changes is told with its answer. */
  const serving = new Map<string, number>();
  const compositor: EventStateCompositor = new EventStateCompositor({
    ...{ clock, random, logger, metrics, limits },
    packages: new Map([[lamp.name, lamp]]),
    // What it reports is kept.
    store: NOTHING_KEPT,
    onChange: (user) => {
      if (serving.has(user.toString())) return;
      tell(user).catch((error: unknown) => {
        // What was told before stands no longer than its own publications.
        logger.warn({ user: user.toString(), error: describeError(error) }, 'a lapse could not be told');
      });
    },
  });

  const serve = async (command: PublishCommand): Promise<Answer> => {
    const user = command.presentity.toString();
    serving.set(user, (serving.get(user) ?? 0) + 1);
    try {
      return await compositor.publish(command);
    } finally {
      const others = (serving.get(user) ?? 1) - 1;
      if (others > 0) serving.set(user, others);
      else serving.delete(user);
    }
  };

  /** Notes what a 200 means for when the user's publications lapse. */
  const note = ({ presentity, entityTag }: PublishCommand, answer: Answer): void => {
    const own = lapses.get(presentity.toString()) ?? new Map<string, number>();
    lapses.set(presentity.toString(), own);
    if (entityTag !== undefined) own.delete(entityTag);
    const seconds = Number(answer.headers['Expires']);
    if (seconds > 0) own.set(answer.headers['SIP-ETag'] ?? '', clock.now() + seconds * 1000);
  };

  return {
    publish: async (command) => {
      const answer = await serve(command);
      if (answer.status !== 200) return answer;
      note(command, answer);
      try {
        await tell(command.presentity);
        return answer;
      } catch (error) {
        // As if it had never come: the publisher's next try gets 412 or begins anew, and nothing is counted twice.
        const entityTag = answer.headers['SIP-ETag'] ?? '';
        const removal = { ...withoutBody(command), entityTag, expires: 0 };
        note(removal, await serve(removal));
        logger.error(
          { user: command.presentity.toString(), error: describeError(error) },
          'a voicemail’s PUBLISH could not be kept',
        );
        return unavailable('Mailbox storage unavailable', limits.retryAfter);
      }
    },
    stop: () => compositor.stop(),
  };
}

function withoutBody({ presentity, event }: PublishCommand): PublishCommand {
  return { presentity, event };
}
