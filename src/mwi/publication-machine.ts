import { backoff } from '../core/backoff.ts';
import { MWI_LIMITS } from './limits.ts';
import type { DueSummary, PublicationState, PublishResponse, Schedule, VoicemailReport } from './ports.ts';
import type { PublicationMemory } from './publication-memory.ts';
import { NOTHING_REMEMBERED } from './publication-memory.ts';

/*
 * The publication of one lamp (RFC 3903 §4), one PUBLISH for each claim of its row. Every PUBLISH carries the full body,
 * unless the operator knows better: a refresh without one makes presence servers notify an empty body.
 *
 *                    due: initial                      due: modify or refresh, SIP-If-Match
 *                ┌──────────────────┐ 200 + tag  ┌──────────────────────────────┐
 *                │                  v            │                              v 200 + new tag
 *          ┌─────┴────┐         ┌───┴────────────┴┐                             │
 *   ─────> │  No tag  │ ──────> │    Published    │ <───────────────────────────┘
 *          └──────────┘         └─────────────────┘
 *            ^   ^   ^  412, at once   │  │  │  │
 *            │   │   └─────────────────┘  │  │  │ says `no` and did not change for 7 days
 *            │   │   500, 500: the tag    │  │  v
 *            │   └────────────────────────┘  │ ┌──────────┐
 *            │       its life is over        │ │ Let go   │ due again when it changes
 *            └───────────────────────────────┘ └──────────┘
 *
 *   In every state:  423                      → same state, at once with Min-Expires
 *                    408, 482, 5xx, no answer → same state, after back-off or Retry-After
 *                    any other 3xx, 4xx, 6xx  → same state, after five minutes: somebody has to look
 *                    nobody there             → no tag, after five minutes: phones notified without a presence server
 */

/** What the machine draws on beside a summary and what is remembered of it. */
export interface PublicationSurroundings {
  /** Epoch ms. */
  readonly now: number;
  /** Seconds to ask for. */
  readonly expires: number;
  /** A number in [0, 1), for jitter. */
  readonly fraction: () => number;
  /** Whether a refresh carries the body. */
  readonly refreshBody: boolean;
}

/** A PUBLISH on its way. */
export interface PublicationAttempt {
  /** SIP-If-Match; null for an initial publication. */
  readonly entityTag: string | null;
  /** Seconds. */
  readonly expires: number;
  /** Epoch ms. */
  readonly sentAt: number;
  /** A refresh without body. */
  readonly bare: boolean;
}

/** How a claim ends: what is kept of it, and when the summary is due again. */
export interface Settlement {
  readonly state: PublicationState;
  readonly schedule: Schedule;
  readonly memory: PublicationMemory;
  /** Seconds the presence server wants at least, for every publication to come. */
  readonly minExpires?: number;
  /** Nothing is to be sent to the presence server before, epoch ms (RFC 3261 §21.5.4). */
  readonly serverPausedUntil?: number;
  /** The answer will stay as it is until somebody looks at the presence server. */
  readonly stopped?: true;
  /** The presence server does not know the tag that it gave us. */
  readonly staleTag?: true;
}

/** What to do with a summary that is due: send a PUBLISH, or let the publication lapse. */
export type NextStep =
  | { readonly kind: 'publish'; readonly attempt: PublicationAttempt }
  | { readonly kind: 'let-go'; readonly settlement: Settlement };

/** Decides what a due summary needs. */
export function nextStep(summary: DueSummary, surroundings: PublicationSurroundings): NextStep {
  const { counts, changedAt, voicemail, state } = summary;
  const { now, expires, refreshBody } = surroundings;
  const unchanged = isUnchanged(summary);
  // What a voicemail said changes when its word ends.
  const quietSince = Math.max(changedAt, voicemail?.until ?? 0);
  const mayGo = counts.new === 0 && now - quietSince >= MWI_LIMITS.keepCleared;
  if (unchanged && mayGo) {
    const settlement = { state, schedule: { dueAt: null, notBefore: now }, memory: NOTHING_REMEMBERED };
    return { kind: 'let-go', settlement };
  }
  // RFC 3903 §4.1: a tag whose publication has lapsed is no longer sent.
  const isLive = state.expiresAt !== null && state.expiresAt > now;
  // A report that stands no longer is a change without a version of its own, and a restoration is for the body's sake.
  const saysNothingNew =
    unchanged &&
    state.restoreAt === null &&
    state.reassureAt === null &&
    (voicemail === null || standsAt(voicemail, now));
  const attempt = {
    entityTag: isLive ? state.entityTag : null,
    expires,
    sentAt: now,
    bare: isLive && saysNothingNew && !refreshBody,
  };
  return { kind: 'publish', attempt };
}

function isUnchanged({ wantedVersion, state }: DueSummary): boolean {
  return wantedVersion === state.publishedVersion && state.failures === 0;
}

/** Whether what the voicemail said still counts. */
export function standsAt(report: VoicemailReport | null, now: number): report is VoicemailReport {
  return report !== null && report.until > now;
}

/** Decides what follows from the answer to a PUBLISH. */
export function settlementOf(
  summary: DueSummary,
  attempt: PublicationAttempt,
  response: PublishResponse,
  memory: PublicationMemory,
  surroundings: PublicationSurroundings,
): Settlement {
  const attempted: Attempted = { summary, attempt, memory, surroundings };
  switch (response.kind) {
    case 'accepted':
      return accepted(attempted, response.entityTag, response.expires);
    case 'absent':
      return absent(attempted);
    case 'unanswered':
      return tryAgain(attempted, {});
    case 'rejected':
      return rejected(attempted, response);
  }
}

interface Attempted {
  readonly summary: DueSummary;
  readonly attempt: PublicationAttempt;
  readonly memory: PublicationMemory;
  readonly surroundings: PublicationSurroundings;
}

/** RFC 3903 §4.1.1: the Expires of the 200 rules, not what we asked for. */
function accepted(
  { summary, attempt, memory, surroundings }: Attempted,
  entityTag: string,
  grantedSeconds: number,
): Settlement {
  const { now, fraction } = surroundings;
  const { wantedVersion, state, voicemail } = summary;
  const life = Math.min(Math.max(grantedSeconds, 0), MWI_LIMITS.maxExpires) * 1000;
  // The server counts from when it got the request, so counting from when it left errs on the safe side.
  const expiresAt = attempt.sentAt + life;
  const restoreAt = restoreTime(attempt, state, expiresAt, now);
  const refreshAt = Math.max(attempt.sentAt + refreshAfter(life, fraction()), now + MWI_LIMITS.minRefresh);
  const reassureAt = state.failures > 0 ? now + MWI_LIMITS.reassure : stillToCome(state.reassureAt, now);
  // When the voicemail's word ends, the lamp reads differently without any change of ours.
  const voicemailEnds = standsAt(voicemail, attempt.sentAt) ? Math.max(voicemail.until, now) : Infinity;
  return {
    state: {
      entityTag,
      expiresAt,
      publishedVersion: wantedVersion,
      failures: 0,
      restoreAt,
      reassureAt,
      refusedWith: null,
    },
    schedule: {
      dueAt: Math.min(refreshAt, restoreAt ?? Infinity, reassureAt ?? Infinity, voicemailEnds),
      notBefore: Math.max(now, attempt.sentAt + MWI_LIMITS.minGap),
    },
    memory: { staleTags: attempt.entityTag === null ? memory.staleTags : 0, tagErrors: 0 },
  };
}

/** Nobody could be told, and nobody is at fault: her phone is not there. */
function absent({ summary: { state }, surroundings: { now, fraction } }: Attempted): Settlement {
  return {
    state: { ...state, entityTag: null, expiresAt: null, failures: 0, refusedWith: null },
    schedule: at(now + Math.round(MWI_LIMITS.absentRetry * (1 + 0.2 * fraction()))),
    memory: NOTHING_REMEMBERED,
  };
}

/** Spread over the end of the life, yet early enough that a lost answer is noticed before it is over. */
function refreshAfter(life: number, fraction: number): number {
  const { refreshWindow, refreshLead } = MWI_LIMITS;
  const spread = refreshWindow.from + (refreshWindow.to - refreshWindow.from) * fraction;
  return Math.min(life * spread, Math.max(life - refreshLead, life / 2));
}

function stillToCome(at: number | null, now: number): number | null {
  return at !== null && at > now ? at : null;
}

/**
 * An initial publication may stand beside one of ours that lives on unknown to us: its tag was in an answer that got lost,
 * or it lapsed so lately that the server has not noticed. When that one goes, watchers are told something else.
 */
function restoreTime(
  { entityTag }: PublicationAttempt,
  before: PublicationState,
  expiresAt: number,
  now: number,
): number | null {
  if (entityTag !== null) return stillToCome(before.restoreAt, now);
  const lapsed = (before.expiresAt ?? -Infinity) + MWI_LIMITS.lapseSlack;
  // After a failure a renewal may have taken effect whose answer was lost: that one lives longer.
  return lapsed > now && before.failures === 0 ? lapsed : expiresAt + MWI_LIMITS.lapseSlack;
}

type Rejection = Extract<PublishResponse, { readonly kind: 'rejected' }>;

function rejected(attempted: Attempted, response: Rejection): Settlement {
  const isConditional = attempted.attempt.entityTag !== null;
  const { status } = response;
  if (status === 412 && isConditional) return staleTag(attempted);
  if (status === 423) return tooBrief(attempted, response);
  if (status === 500 && isConditional) return tagError(attempted, response);
  // RFC 3261 §8.2.2.2: 482 is for a copy that came by another way; what became of the one before it is not known.
  const isUnknown = status === 408 || status === 482;
  if (isUnknown || (status >= 500 && status < 600)) return tryAgain(attempted, response);
  return stopped(attempted, response);
}

/** RFC 3903 §4.1, §11.3.2: 412 means that the server has no such event state: the full state again, without the tag. */
function staleTag(attempted: Attempted): Settlement {
  const { memory, surroundings } = attempted;
  const staleTags = memory.staleTags + 1;
  const excess = staleTags - MWI_LIMITS.staleTagsAtOnce;
  const delay = excess <= 0 ? 0 : backoff(MWI_LIMITS.publishBackoff, excess, surroundings.fraction());
  return {
    state: { ...failed(attempted), entityTag: null, expiresAt: null },
    schedule: at(surroundings.now + delay),
    memory: { staleTags, tagErrors: 0 },
    staleTag: true,
  };
}

/** RFC 3903 §4.2: 423 names the shortest life the server takes. */
function tooBrief(attempted: Attempted, response: Rejection): Settlement {
  const { minExpires = 0 } = response;
  if (minExpires <= attempted.attempt.expires || minExpires > MWI_LIMITS.maxExpires) {
    return stopped(attempted, response);
  }
  return {
    state: failed(attempted),
    schedule: at(attempted.surroundings.now),
    memory: attempted.memory,
    minExpires,
  };
}

/**
 * Kamailio answers 500 to a tag that is not of its own making, where RFC 3903 has 412, and to any request while its database
 * is down, after which the tag is good again. So the tag gets another chance before it is given up.
 */
function tagError(attempted: Attempted, response: Rejection): Settlement {
  const again = tryAgain(attempted, response);
  const tagErrors = attempted.memory.tagErrors + 1;
  if (tagErrors <= MWI_LIMITS.sameTagRetries) {
    return { ...again, memory: { ...again.memory, tagErrors } };
  }
  return {
    ...again,
    state: { ...again.state, entityTag: null, expiresAt: null },
    memory: { ...again.memory, tagErrors: 0 },
  };
}

/** It may or may not have taken effect. If it did, our tag is stale, which the next answer tells. */
function tryAgain(
  attempted: Attempted,
  response: Pick<Rejection, 'retryAfter'> & { status?: number },
): Settlement {
  const { now, fraction } = attempted.surroundings;
  const state = failed(attempted);
  const pause = backoff(MWI_LIMITS.publishBackoff, state.failures, fraction());
  const asked = retryAfter(response.retryAfter, fraction());
  return {
    state,
    schedule: at(now + Math.max(pause, asked)),
    memory: attempted.memory,
    ...(response.status === 503 && asked > 0 ? { serverPausedUntil: now + asked } : {}),
  };
}

function stopped(attempted: Attempted, response: Rejection): Settlement {
  const { now, fraction } = attempted.surroundings;
  const pause = MWI_LIMITS.stoppedRetry * (1 + 0.2 * fraction());
  const asked = retryAfter(response.retryAfter, fraction());
  return {
    state: { ...failed(attempted), refusedWith: response.status },
    schedule: at(now + Math.round(Math.max(pause, asked))),
    memory: attempted.memory,
    stopped: true,
  };
}

/** RFC 3261 §20.33, in ms: never sooner than asked, and not all at the same time. */
function retryAfter(seconds = 0, fraction: number): number {
  return Math.round(Math.min(seconds * 1000, MWI_LIMITS.retryAfterCeiling) * (1 + 0.1 * fraction));
}

function failed({ summary: { state } }: Attempted): PublicationState {
  return { ...state, failures: state.failures + 1, refusedWith: null };
}

/** Due then, and not before even when texts come or go: whatever failed will not do better for it. */
function at(time: number): Settlement['schedule'] {
  return { dueAt: time, notBefore: time };
}
