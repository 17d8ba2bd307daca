import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { MWI_LIMITS } from '../../src/mwi/limits.ts';
import type { DueSummary, PublicationState, PublishResponse } from '../../src/mwi/ports.ts';
import { NOTHING_PUBLISHED } from '../../src/mwi/ports.ts';
import type {
  PublicationAttempt,
  PublicationSurroundings,
  Settlement,
} from '../../src/mwi/publication-machine.ts';
import { nextStep, settlementOf } from '../../src/mwi/publication-machine.ts';
import type { PublicationMemory } from '../../src/mwi/publication-memory.ts';
import { NOTHING_REMEMBERED, PublicationMemories } from '../../src/mwi/publication-memory.ts';

const NOW = Date.UTC(2026, 0, 1);
const UNKNOWN = NOTHING_PUBLISHED;
const LIVING: PublicationState = {
  ...NOTHING_PUBLISHED,
  entityTag: 'a.1',
  expiresAt: NOW + 1_000_000,
  publishedVersion: 3,
};

function summary(state: PublicationState, wantedVersion = 4, fresh = 1): DueSummary {
  const counts = { new: fresh, old: 2, newUrgent: 0, oldUrgent: 0 };
  return {
    target: AddressOfRecord.parse('sip:alice@example.com'),
    claim: { node: 'one', until: NOW + MWI_LIMITS.claim },
    counts,
    wantedVersion,
    changedAt: NOW,
    voicemail: null,
    state,
  };
}

const surroundings = (fraction = 0.5, now = NOW, refreshBody = true): PublicationSurroundings => ({
  now,
  expires: 3600,
  fraction: () => fraction,
  refreshBody,
});

function attemptOf(due: DueSummary, now = NOW, refreshBody = true): PublicationAttempt {
  const step = nextStep(due, surroundings(0.5, now, refreshBody));
  if (step.kind !== 'publish') throw new Error('nothing was to be published');
  return step.attempt;
}

function after(
  state: PublicationState,
  response: PublishResponse,
  options: { memory?: PublicationMemory; fraction?: number; fresh?: number } = {},
): Settlement {
  const due = summary(state, 4, options.fresh ?? 1);
  const memory = options.memory ?? NOTHING_REMEMBERED;
  return settlementOf(due, attemptOf(due), response, memory, surroundings(options.fraction));
}

const ok = (expires = 3600): PublishResponse => ({ kind: 'accepted', entityTag: 'b.2', expires });
const no = (status: number, more: { minExpires?: number; retryAfter?: number } = {}): PublishResponse => ({
  kind: 'rejected',
  status,
  reason: '',
  ...more,
});
const lost: PublishResponse = { kind: 'unanswered', cause: new Error('lost') };

describe('publication machine: what is sent', () => {
  it('is an initial PUBLISH while there is no tag', () => {
    expect(attemptOf(summary(UNKNOWN))).to.deep.equal({
      entityTag: null,
      expires: 3600,
      sentAt: NOW,
      bare: false,
    });
  });

  it('carries the tag while the publication lives, changed or not', () => {
    expect(attemptOf(summary(LIVING)).entityTag).to.equal('a.1');
    expect(attemptOf(summary(LIVING, 3)).entityTag).to.equal('a.1');
  });

  it('is an initial PUBLISH once the publication has lapsed', () => {
    expect(attemptOf(summary({ ...LIVING, expiresAt: NOW + 1 })).entityTag).to.equal('a.1');
    expect(attemptOf(summary({ ...LIVING, expiresAt: NOW })).entityTag).to.equal(null);
  });

  it('goes without body only where the operator says so, and only when there is nothing new to say', () => {
    const bare = (due: DueSummary, refreshBody = false): boolean => attemptOf(due, NOW, refreshBody).bare;
    const report = { body: 'Messages-Waiting: no\r\n', until: NOW + 1 };
    expect(bare(summary(LIVING, 3))).to.equal(true);
    expect(bare({ ...summary(LIVING, 3), voicemail: report })).to.equal(true);
    expect(bare(summary(LIVING, 3), true), 'by default').to.equal(false);
    expect(bare(summary(LIVING, 4)), 'changed').to.equal(false);
    expect(bare(summary({ ...LIVING, failures: 1 }, 3)), 'perhaps changed').to.equal(false);
    expect(bare(summary({ ...LIVING, restoreAt: NOW }, 3)), 'to restore').to.equal(false);
    expect(bare(summary({ ...LIVING, expiresAt: NOW }, 3)), 'lapsed').to.equal(false);
    const silent = { ...summary(LIVING, 3), voicemail: { ...report, until: NOW } };
    expect(bare(silent), 'the voicemail’s word ended').to.equal(false);
  });
});

describe('publication machine: 200', () => {
  it('keeps the new tag, the life granted and the version', () => {
    expect(after({ ...LIVING, failures: 3 }, ok(1800)).state).to.deep.equal({
      entityTag: 'b.2',
      expiresAt: NOW + 1_800_000,
      publishedVersion: 4,
      failures: 0,
      restoreAt: null,
      reassureAt: NOW + MWI_LIMITS.reassure,
      refusedWith: null,
    });
  });

  it('says it once more after a failure: what was given up may arrive late, and say what was true before', () => {
    const first = after({ ...LIVING, failures: 1 }, ok());
    const reassureAt = NOW + MWI_LIMITS.reassure;
    expect([first.state.reassureAt, first.schedule.dueAt]).to.deep.equal([reassureAt, reassureAt]);
    expect(after(first.state, ok()).schedule.dueAt, 'a change before').to.equal(reassureAt);
    const due = summary(first.state);
    const step = surroundings(0.5, reassureAt);
    const second = settlementOf(due, attemptOf(due, reassureAt, false), ok(), NOTHING_REMEMBERED, step);
    expect(second.state.reassureAt).to.equal(null);
    expect(second.schedule.dueAt).to.be.above(reassureAt + 3_600_000 * 0.7);
    expect(attemptOf(summary(first.state, 4), reassureAt, false).bare).to.equal(false);
  });

  it('publishes again when what the voicemail said stands no longer', () => {
    const until = NOW + 60_000;
    const due = { ...summary(LIVING), voicemail: { body: '', until } };
    const { schedule } = settlementOf(due, attemptOf(due), ok(), NOTHING_REMEMBERED, surroundings());
    expect(schedule.dueAt).to.equal(until);
    const over = { ...due, voicemail: { body: '', until: NOW } };
    const after = settlementOf(over, attemptOf(over), ok(), NOTHING_REMEMBERED, surroundings());
    expect(after.schedule.dueAt).to.be.above(NOW + 3_600_000 * 0.7);
  });

  it('refreshes between 80 and 95 % of the life granted', () => {
    const dueAt = (fraction: number): number => after(LIVING, ok(), { fraction }).schedule.dueAt ?? 0;
    expect(dueAt(0) - NOW).to.equal(0.8 * 3_600_000);
    expect(dueAt(0.999999) - NOW).to.be.within(0.94 * 3_600_000, 0.95 * 3_600_000);
  });

  it('leaves time for a lost answer where the life allows, and refreshes before any life is over', () => {
    for (const life of [4, 10, 60, 120, 600, 3600, 86_400]) {
      const dueAt = after(LIVING, ok(life), { fraction: 0.99 }).schedule.dueAt ?? Infinity;
      const expiresAt = NOW + life * 1000;
      expect(dueAt).to.be.below(expiresAt);
      if (life > 80) expect(expiresAt - dueAt).to.be.at.least(MWI_LIMITS.refreshLead);
    }
  });

  it('does not turn into a storm when the server grants no life at all', () => {
    for (const life of [0, -1]) {
      const { state, schedule } = after(LIVING, ok(life));
      expect(schedule.dueAt).to.equal(NOW + MWI_LIMITS.minRefresh);
      expect(state.expiresAt).to.equal(NOW);
    }
  });

  it('leaves a gap before the next change is sent', () => {
    expect(after(LIVING, ok()).schedule.notBefore).to.equal(NOW + MWI_LIMITS.minGap);
  });
});

describe('publication machine: 412', () => {
  it('forgets the tag and publishes the full state at once', () => {
    const { state, schedule } = after(LIVING, no(412));
    expect(state).to.deep.equal({ ...LIVING, entityTag: null, expiresAt: null, failures: 1 });
    expect(schedule).to.deep.equal({ dueAt: NOW, notBefore: NOW });
  });

  it('waits longer and longer when every fresh tag turns out stale', () => {
    let memory = NOTHING_REMEMBERED;
    const delays: number[] = [];
    for (let round = 0; round < 12; round++) {
      const stale = after(LIVING, no(412), { memory });
      delays.push((stale.schedule.dueAt ?? 0) - NOW);
      // The initial publication between them is accepted: that alone proves nothing.
      memory = after(UNKNOWN, ok(), { memory: stale.memory }).memory;
    }
    expect(delays.slice(0, MWI_LIMITS.staleTagsAtOnce)).to.deep.equal([0, 0, 0]);
    expect(delays[MWI_LIMITS.staleTagsAtOnce]).to.be.above(0);
    expect(delays.at(-1)).to.equal(MWI_LIMITS.publishBackoff.ceiling * 0.75);
    expect(after(LIVING, ok(), { memory }).memory.staleTags).to.equal(0);
  });

  it('in answer to an initial publication is a refusal like others', () => {
    const { state, stopped } = after(UNKNOWN, no(412));
    expect([state.failures, stopped]).to.deep.equal([1, true]);
  });
});

describe('publication machine: 500 to a conditional request', () => {
  it('tries the same tag again, then goes without', () => {
    const first = after(LIVING, no(500));
    expect(first.state.entityTag).to.equal('a.1');
    expect(first.schedule.dueAt).to.be.above(NOW);
    const second = after(first.state, no(500), { memory: first.memory });
    expect(second.state).to.include({ entityTag: null, expiresAt: null });
  });

  it('gives the tag its second chance also after failures of another kind', () => {
    expect(after({ ...LIVING, failures: 5 }, no(500)).state.entityTag).to.equal('a.1');
  });
});

describe('publication machine: other failures', () => {
  it('423 asks again at once, with the shortest life the server takes', () => {
    const { schedule, minExpires, state } = after(LIVING, no(423, { minExpires: 7200 }));
    expect([schedule.dueAt, minExpires, state.entityTag]).to.deep.equal([NOW, 7200, 'a.1']);
  });

  it('423 that does not help is left to the operator', () => {
    for (const minExpires of [undefined, 60, 3600, MWI_LIMITS.maxExpires + 1]) {
      const settled = after(LIVING, no(423, minExpires === undefined ? {} : { minExpires }));
      expect(settled.stopped).to.equal(true);
      expect(settled.schedule.dueAt).to.be.at.least(NOW + MWI_LIMITS.stoppedRetry);
    }
  });

  for (const response of [lost, no(408), no(482), no(503), no(500), no(504)]) {
    const name = response.kind === 'rejected' ? String(response.status) : response.kind;
    it(`${name} backs off, longer each time, with jitter, up to a ceiling`, () => {
      const delay = (failures: number, fraction: number): number =>
        (after({ ...UNKNOWN, failures }, response, { fraction }).schedule.dueAt ?? 0) - NOW;
      expect([delay(0, 0), delay(0, 0.5), delay(1, 0), delay(2, 0)]).to.deep.equal([500, 750, 1000, 2000]);
      expect(delay(1_000, 0.999999)).to.be.at.most(MWI_LIMITS.publishBackoff.ceiling);
    });

    it(`${name} keeps the tag, and changes wait with everything else`, () => {
      const { state, schedule } = after(LIVING, response);
      expect(state).to.deep.equal({ ...LIVING, failures: 1 });
      expect(schedule.notBefore).to.equal(schedule.dueAt);
    });
  }

  it('obeys Retry-After, up to a limit; after 503 for the whole server', () => {
    const settled = after(LIVING, no(503, { retryAfter: 120 }), { fraction: 0 });
    expect(settled.schedule.dueAt).to.equal(NOW + 120_000);
    expect(settled.serverPausedUntil).to.equal(NOW + 120_000);
    expect(after(LIVING, no(500, { retryAfter: 120 }), { fraction: 0 }).serverPausedUntil).to.equal(
      undefined,
    );
    expect(after(LIVING, no(503, { retryAfter: 1e9 }), { fraction: 0 }).schedule.dueAt).to.equal(
      NOW + MWI_LIMITS.retryAfterCeiling,
    );
  });

  for (const status of [302, 400, 401, 403, 404, 407, 489, 603]) {
    it(`${status} is tried again slowly`, () => {
      const { stopped, schedule, state } = after(LIVING, no(status));
      expect(stopped).to.equal(true);
      expect(schedule.dueAt).to.be.within(NOW + MWI_LIMITS.stoppedRetry, NOW + MWI_LIMITS.stoppedRetry * 1.2);
      expect(schedule.notBefore).to.equal(schedule.dueAt);
      expect(state.entityTag).to.equal('a.1');
      expect(state.refusedWith).to.equal(status);
      expect(after(state, lost).state.refusedWith).to.equal(null);
      expect(after(state, ok()).state.refusedWith).to.equal(null);
    });
  }

  it('nobody to be told is no failure, and is tried again slowly', () => {
    const { state, schedule, stopped } = after(LIVING, { kind: 'absent' });
    expect(state).to.deep.equal({ ...LIVING, entityTag: null, expiresAt: null });
    expect(schedule.dueAt).to.be.within(NOW + MWI_LIMITS.absentRetry, NOW + MWI_LIMITS.absentRetry * 1.2);
    expect([schedule.notBefore, stopped]).to.deep.equal([schedule.dueAt, undefined]);
  });
});

describe('publication machine: older publications of ours that may lapse', () => {
  it('publishes again after the life of one that an initial publication may stand beside', () => {
    const initial = after(UNKNOWN, ok());
    const restoreAt = NOW + 3_600_000 + MWI_LIMITS.lapseSlack;
    expect(initial.state.restoreAt).to.equal(restoreAt);
    const late = NOW + 3_000_000;
    const due = summary(initial.state);
    const refreshed = settlementOf(due, attemptOf(due, late), ok(), initial.memory, surroundings(0.5, late));
    expect(refreshed.schedule.dueAt).to.equal(restoreAt);
    const again = summary(refreshed.state);
    const restored = settlementOf(
      again,
      attemptOf(again, restoreAt),
      ok(),
      refreshed.memory,
      surroundings(0.5, restoreAt),
    );
    expect(restored.state.restoreAt).to.equal(null);
  });

  it('publishes again soon when the one before lapsed so lately that the server may yet notify it', () => {
    const { state, schedule } = after({ ...LIVING, expiresAt: NOW - 10_000 }, ok());
    expect(state.restoreAt).to.equal(NOW - 10_000 + MWI_LIMITS.lapseSlack);
    expect(schedule.dueAt).to.equal(state.restoreAt);
  });
});

describe('publication machine: a cleared lamp', () => {
  const cleared = after({ ...LIVING, publishedVersion: 4 }, ok(), { fresh: 0 });
  const later = NOW + MWI_LIMITS.keepCleared;

  it('is kept alive, counted from when it changed last', () => {
    const due = summary({ ...cleared.state, expiresAt: later + 1000 }, 4, 0);
    expect(nextStep(due, surroundings(0.5, later - 1)).kind).to.equal('publish');
  });

  it('is let go seven days after the last change', () => {
    const step = nextStep(summary(cleared.state, 4, 0), surroundings(0.5, later));
    expect(step.kind === 'let-go' && step.settlement.schedule.dueAt).to.equal(null);
  });

  it('is never let go while texts wait, after a change, while the last attempt failed or a voicemail has its say', () => {
    const report = { body: 'Messages-Waiting: no\r\n', until: later + 1 };
    const ended = { ...report, until: later - MWI_LIMITS.keepCleared + 1 };
    for (const due of [
      { ...summary(cleared.state, 4, 0), voicemail: ended },
      summary(cleared.state, 4, 1),
      summary(cleared.state, 5, 0),
      summary({ ...cleared.state, failures: 1 }, 4, 0),
      { ...summary(cleared.state, 4, 0), voicemail: report },
    ]) {
      expect(nextStep(due, surroundings(0.5, later)).kind).to.equal('publish');
    }
  });
});

describe('publication memories', () => {
  it('are bounded: the one longest out of sight goes', () => {
    const memories = new PublicationMemories(2);
    const memory = { ...NOTHING_REMEMBERED, staleTags: 1 };
    memories.set('a', memory);
    memories.set('b', memory);
    memories.set('a', memory);
    memories.set('c', memory);
    expect([memories.size, memories.get('b').staleTags, memories.get('a').staleTags]).to.deep.equal([
      2, 0, 1,
    ]);
  });

  it('hold nothing for mailboxes with nothing to remember', () => {
    const memories = new PublicationMemories();
    memories.set('a', { ...NOTHING_REMEMBERED, staleTags: 1 });
    memories.set('a', NOTHING_REMEMBERED);
    expect(memories.size).to.equal(0);
  });
});
