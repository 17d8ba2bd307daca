import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { MWI_LIMITS } from '../../src/mwi/limits.ts';
import type { DueSummary, PublicationState, PublishResponse } from '../../src/mwi/ports.ts';
import type { PublicationAttempt, Settlement } from '../../src/mwi/publication-machine.ts';
import { nextStep, settlementOf } from '../../src/mwi/publication-machine.ts';
import type { PublicationMemory } from '../../src/mwi/publication-memory.ts';
import { NOTHING_REMEMBERED, PublicationMemories } from '../../src/mwi/publication-memory.ts';

const NOW = Date.UTC(2026, 0, 1);
const UNKNOWN: PublicationState = { entityTag: null, expiresAt: null, publishedVersion: 0, failures: 0 };
const LIVING: PublicationState = {
  entityTag: 'a.1',
  expiresAt: NOW + 1_000_000,
  publishedVersion: 3,
  failures: 0,
};

function summary(state: PublicationState, wantedVersion = 4, fresh = 1): DueSummary {
  const counts = { new: fresh, old: 2, newUrgent: 0, oldUrgent: 0 };
  return { owner: AddressOfRecord.parse('sip:alice@example.com'), counts, wantedVersion, state };
}

const surroundings = (fraction = 0.5, now = NOW): Parameters<typeof nextStep>[2] => ({
  now,
  expires: 3600,
  fraction: () => fraction,
});

function attemptOf(due: DueSummary, memory = NOTHING_REMEMBERED, now = NOW): PublicationAttempt {
  const step = nextStep(due, memory, surroundings(0.5, now));
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
  return settlementOf(due, attemptOf(due, memory), response, memory, surroundings(options.fraction));
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
    expect(attemptOf(summary(UNKNOWN))).to.deep.equal({ entityTag: null, expires: 3600, sentAt: NOW });
  });

  it('carries the tag while the publication lives, changed or not', () => {
    expect(attemptOf(summary(LIVING)).entityTag).to.equal('a.1');
    expect(attemptOf(summary(LIVING, 3)).entityTag).to.equal('a.1');
  });

  it('is an initial PUBLISH once the publication has lapsed', () => {
    expect(attemptOf(summary({ ...LIVING, expiresAt: NOW + 1 })).entityTag).to.equal('a.1');
    expect(attemptOf(summary({ ...LIVING, expiresAt: NOW })).entityTag).to.equal(null);
  });
});

describe('publication machine: 200', () => {
  it('keeps the new tag, the life granted and the version', () => {
    expect(after({ ...LIVING, failures: 3 }, ok(1800)).state).to.deep.equal({
      entityTag: 'b.2',
      expiresAt: NOW + 1_800_000,
      publishedVersion: 4,
      failures: 0,
    });
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
    expect(state).to.deep.equal({ entityTag: null, expiresAt: null, publishedVersion: 3, failures: 1 });
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

  for (const response of [lost, no(408), no(503), no(500), no(504)]) {
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
    });
  }
});

describe('publication machine: older publications of ours that may lapse', () => {
  it('publishes again after the life of one that an initial publication may stand beside', () => {
    const initial = after(UNKNOWN, ok());
    const restoreAt = NOW + 3_600_000 + MWI_LIMITS.lapseSlack;
    expect(initial.memory.restoreAt).to.equal(restoreAt);
    const late = NOW + 3_000_000;
    const due = summary({ ...LIVING, expiresAt: NOW + 3_600_000 });
    const refreshed = settlementOf(
      due,
      attemptOf(due, initial.memory, late),
      ok(),
      initial.memory,
      surroundings(0.5, late),
    );
    expect(refreshed.schedule.dueAt).to.equal(restoreAt);
    const restored = settlementOf(
      due,
      { entityTag: 'a.1', expires: 3600, sentAt: restoreAt },
      ok(),
      refreshed.memory,
      surroundings(0.5, restoreAt),
    );
    expect(restored.memory.restoreAt).to.equal(null);
  });

  it('publishes again soon when the one before lapsed so lately that the server may yet notify it', () => {
    const { memory, schedule } = after({ ...LIVING, expiresAt: NOW - 10_000 }, ok());
    expect(memory.restoreAt).to.equal(NOW - 10_000 + MWI_LIMITS.lapseSlack);
    expect(schedule.dueAt).to.equal(memory.restoreAt);
  });
});

describe('publication machine: a cleared lamp', () => {
  const clearedAt = after({ ...LIVING, publishedVersion: 4 }, ok(), { fresh: 0 });

  it('is kept alive, counted from when it was first published', () => {
    expect(clearedAt.memory.cleared).to.deep.equal({ version: 4, since: NOW });
    const later = NOW + MWI_LIMITS.keepCleared - 1;
    const state = { ...clearedAt.state, expiresAt: later + 1000 };
    const due = summary(state, 4, 0);
    expect(nextStep(due, clearedAt.memory, surroundings(0.5, later)).kind).to.equal('publish');
    const again = settlementOf(
      due,
      attemptOf(due, clearedAt.memory, later),
      ok(),
      clearedAt.memory,
      surroundings(0.5, later),
    );
    expect(again.memory.cleared).to.deep.equal({ version: 4, since: NOW });
  });

  it('is let go seven days after the last change', () => {
    const later = NOW + MWI_LIMITS.keepCleared;
    const step = nextStep(summary(clearedAt.state, 4, 0), clearedAt.memory, surroundings(0.5, later));
    expect(step.kind === 'let-go' && step.settlement.schedule.dueAt).to.equal(null);
  });

  it('is never let go while texts wait, after a change, or while the last attempt failed', () => {
    const later = surroundings(0.5, NOW + MWI_LIMITS.keepCleared);
    for (const due of [
      summary(clearedAt.state, 4, 1),
      summary(clearedAt.state, 5, 0),
      summary({ ...clearedAt.state, failures: 1 }, 4, 0),
    ]) {
      expect(nextStep(due, clearedAt.memory, later).kind).to.equal('publish');
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
