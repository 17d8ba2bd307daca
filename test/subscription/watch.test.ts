import { expect } from 'chai';
import fc from 'fast-check';
import { SUBSCRIPTION_LIMITS } from '../../src/subscription/limits.ts';
import type {
  Notification,
  RefreshResponse,
  SubscribeResponse,
  Subscription,
} from '../../src/subscription/ports.ts';
import type { Watch, WatchSurroundings, WatchTurn } from '../../src/subscription/watch.ts';
import { NEW_WATCH } from '../../src/subscription/watch.ts';
import {
  afterNotify,
  afterRefresh,
  afterSubscribe,
  dueStep,
  endOf,
} from '../../src/subscription/watch-turns.ts';

const NOW = 1_700_000_000_000;
const NO_SUBSCRIPTION = {} as Subscription;

function at(now: number, fraction = 0.5): WatchSurroundings {
  return { now, expires: 3600, fraction: () => fraction };
}

function notification(parts: Partial<Notification<string>> = {}): Notification<string> {
  return { state: 'active', expires: 3600, reason: '', retryAfter: null, body: 'x', ...parts };
}

function asking(): Watch {
  const step = dueStep(NEW_WATCH, at(NOW));
  if (step.kind !== 'subscribe') throw new Error(step.kind);
  return step.watch;
}

const accepted = (expires = 3600): SubscribeResponse => {
  return { kind: 'accepted', subscription: NO_SUBSCRIPTION, expires };
};

/** Subscribed at NOW for `expires` seconds, and heard a second later. */
function standing(expires = 3600): Watch {
  const { watch } = afterSubscribe(asking(), accepted(expires), at(NOW));
  return afterNotify(watch, notification({ expires: expires - 1 }), at(NOW + 1_000)).watch;
}

function refreshing(): Watch {
  const step = dueStep(standing(), at(NOW + 3_000_000));
  if (step.kind !== 'refresh') throw new Error(step.kind);
  return step.watch;
}

const rejected = (status: number, more = {}): Extract<RefreshResponse, { kind: 'rejected' }> => {
  return { kind: 'rejected', status, reason: '', ...more };
};

describe('the watch machine', () => {
  it('expects the NOTIFY within the time of RFC 6665’s Timer N', () => {
    const { dueAt, watch } = afterSubscribe(asking(), accepted(), at(NOW + 20));
    expect(dueAt).to.equal(NOW + SUBSCRIPTION_LIMITS.notifyDeadline);
    const step = dueStep(watch, at(dueAt ?? 0));
    expect(step).to.have.nested.property('turn.watch.phase', 'unasked');
    expect(step).to.have.nested.property('turn.drop', true);
  });

  for (const [life, earliest, latest] of [
    [3600, 2700, 3240],
    [600, 450, 540],
    [100, 50, 50],
    [8, 5, 5],
  ] as const) {
    it(`refreshes a life of ${life} s between ${earliest} and ${latest} s`, () => {
      for (const fraction of [0, 0.5, 0.999]) {
        const { watch } = afterSubscribe(asking(), accepted(life), at(NOW));
        const heard = afterNotify(watch, notification({ expires: null }), at(NOW, fraction));
        const seconds = ((heard.dueAt ?? 0) - NOW) / 1000;
        expect(seconds).to.be.within(earliest, latest);
      }
    });
  }

  it('believes the NOTIFY on what is left, more than the 2xx', () => {
    const { watch } = afterSubscribe(asking(), accepted(3600), at(NOW));
    const heard = afterNotify(watch, notification({ expires: 100 }), at(NOW)).watch;
    expect(heard).to.include({ phase: 'subscribed', endsAt: NOW + 100_000 });
  });

  it('does not believe a life beyond all measure', () => {
    const { watch } = afterSubscribe(asking(), accepted(2 ** 31 - 1), at(NOW));
    expect(watch).to.include({ endsAt: NOW + SUBSCRIPTION_LIMITS.longestExpires * 1000 });
  });

  it('ends with the NOTIFY that ended it before its 2xx came', () => {
    const early = afterNotify(asking(), notification({ state: 'terminated', reason: 'rejected' }), at(NOW));
    const turn = afterSubscribe(early.watch, accepted(), at(NOW + 10));
    expect(turn).to.include({ drop: true, letGo: true });
  });

  const gone = [404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604];
  it(`takes a refresh answered ${gone.join(', ')} for the end of the subscription`, () => {
    for (const status of gone) {
      expect(afterRefresh(refreshing(), rejected(status), at(NOW + 3_000_010)).drop, `${status}`).to.equal(
        true,
      );
    }
  });

  it('keeps the subscription after a refresh answered 408, 500, 503 or not at all, and tries again', () => {
    const responses = [...[408, 500, 503].map((status) => rejected(status)), silence];
    for (const response of responses) {
      const turn = afterRefresh(refreshing(), response, at(NOW + 3_000_010));
      expect(turn.drop).to.equal(undefined);
      expect(turn.watch).to.include({ phase: 'subscribed', heard: true });
      expect((turn.dueAt ?? 0) - (NOW + 3_000_010)).to.be.within(500, 60_000);
    }
  });

  it('gives up a subscription that would be over before the next try', () => {
    const turn = afterRefresh(refreshing(), rejected(503, { retryAfter: 600 }), at(NOW + 3_000_010));
    expect(turn).to.include({ drop: true, dueAt: NOW + 3_600_010 });
  });

  it('asks again at once, for longer, when told that its life is too brief', () => {
    const first = afterSubscribe(asking(), rejected(423, { minExpires: 7200 }), at(NOW));
    expect(first).to.include({ dueAt: NOW, minExpires: 7200 });
    const refresh = afterRefresh(refreshing(), rejected(423, { minExpires: 7200 }), at(NOW + 3_000_010));
    expect(refresh).to.include({ dueAt: NOW + 3_000_010, minExpires: 7200 });
    expect(refresh.drop).to.equal(undefined);
  });

  it('is not led round in circles by a 423 that asks for nothing longer, or for too much', () => {
    for (const more of [{}, { minExpires: 60 }, { minExpires: 10_000_000 }]) {
      const turn = afterSubscribe(asking(), rejected(423, more), at(NOW));
      expect(turn).to.include({ letGo: true, refusedWith: 423 });
    }
  });

  it('ignores the answer to a refresh when the subscription ended meanwhile', () => {
    const { watch } = afterNotify(refreshing(), notification({ state: 'terminated' }), at(NOW + 3_000_005));
    const turn = afterRefresh(watch, { kind: 'accepted', expires: 3600 }, at(NOW + 3_000_010));
    expect(turn.watch).to.equal(watch);
  });

  it('knows when the subscription ends that a NOTIFY came of', () => {
    const end = NOW + 3_600_000;
    expect(endOf(standing(), notification({ expires: 60 }), NOW)).to.equal(NOW + 60_000);
    expect(endOf(standing(), notification({ expires: null }), NOW)).to.equal(end);
    const last = notification({ state: 'terminated', expires: null, reason: 'timeout' });
    expect(endOf(standing(), last, end + 5)).to.equal(end);
    expect(endOf(NEW_WATCH, last, NOW)).to.equal(NOW);
  });

  it('never stands still, is never due in the past by its own doing, and never asks twice at once', () => {
    interface Event {
      readonly kind: string;
      readonly status: number;
      readonly reason: string;
    }
    const events = fc.array(
      fc.record<Event>({
        kind: fc.constantFrom('accept', 'reject', 'silence', 'notify', 'terminate', 'time'),
        status: fc.constantFrom(200, 403, 404, 408, 423, 480, 481, 489, 500, 503, 604),
        reason: fc.constantFrom('', 'deactivated', 'timeout', 'probation', 'giveup', 'noresource'),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(events, (happenings) => {
        let turn: WatchTurn = { watch: NEW_WATCH, dueAt: NOW };
        let now = NOW;
        const isAsking = (): boolean => ['asking', 'refreshing'].includes(turn.watch.phase);
        for (const { kind, status, reason } of happenings) {
          now += 100;
          const before: WatchTurn = turn;
          if (kind === 'time') {
            if (turn.dueAt === null) continue;
            now = Math.max(now, turn.dueAt);
            const step = dueStep(turn.watch, at(now));
            turn = step.kind === 'none' ? step.turn : { watch: step.watch, dueAt: null };
          } else if (kind === 'notify' || kind === 'terminate') {
            if (turn.watch.phase === 'unasked') continue;
            const state = kind === 'notify' ? 'active' : 'terminated';
            turn = afterNotify(turn.watch, notification({ state, reason }), at(now));
          } else if (isAsking()) {
            turn = answer(turn.watch, kind, status, now);
          }
          expect(turn.dueAt === null, JSON.stringify([before, turn])).to.equal(isAsking());
          if (turn.dueAt !== null && turn !== before && turn.watch.phase === 'unasked') {
            expect(turn.dueAt).to.be.at.least(now);
          }
        }
      }),
    );
  });
});

const silence = { kind: 'unanswered', cause: new Error('lost') } as const;

function answer(watch: Watch, kind: string, status: number, now: number): WatchTurn {
  const response = kind === 'silence' ? silence : rejected(Math.max(status, 300));
  if (watch.phase === 'asking') {
    return afterSubscribe(watch, kind === 'accept' ? accepted() : response, at(now));
  }
  const refreshed: RefreshResponse = { kind: 'accepted', expires: 3600 };
  return afterRefresh(watch, kind === 'accept' ? refreshed : response, at(now));
}
