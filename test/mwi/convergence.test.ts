import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { CheckOptions, LampFetcher } from '../../src/mwi/convergence.ts';
import { checkLamps, findingsOf } from '../../src/mwi/convergence.ts';
import type { Finding } from '../../src/mwi/finding.ts';
import { PROBLEMS } from '../../src/mwi/finding.ts';
import { MWI_LIMITS } from '../../src/mwi/limits.ts';
import type { LampRecord } from '../../src/mwi/ports.ts';
import { NOTHING_PUBLISHED } from '../../src/mwi/ports.ts';
import { duration } from '../../src/mwi/record-faults.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { AuditedLamps, HOUR, NOW, published, rightLamp } from './audited-lamps.ts';
import { bodyOf, counts } from './publisher-harness.ts';

const SECOND = 1_000;
const GRACE = MWI_LIMITS.checkGrace;

function tells(answer: (target: AddressOfRecord) => string | null): LampFetcher {
  return { fetch: (target) => Promise.resolve(answer(target)) };
}

/** What is found of these lamps, with a clock that goes on by itself where the check waits. */
async function check(
  lamps: AuditedLamps | LampRecord,
  options: Partial<CheckOptions> = {},
): Promise<Finding[]> {
  const clock = new FakeClock(NOW);
  const progress = { over: false };
  const found = findingsOf({
    audit: lamps instanceof AuditedLamps ? lamps : new AuditedLamps(lamps),
    clock,
    expectedBody: (record) => bodyOf(record.counts),
    ...options,
  }).finally(() => {
    progress.over = true;
  });
  while (!progress.over) await clock.advance(100);
  expect(clock.pendingTimers).to.equal(0);
  return await found;
}

async function only(lamp: LampRecord, options: Partial<CheckOptions> = {}): Promise<Finding> {
  const [finding, ...more] = await check(lamp, options);
  expect(more).to.deep.equal([]);
  if (finding === undefined) throw new Error('nothing was found');
  return finding;
}

const BEHIND = { wantedVersion: 4, changedAt: NOW - HOUR } as const;

describe('the check of a lamp against the database', () => {
  it('finds nothing where counts, versions and life are right', async () => {
    expect(await check(rightLamp('alice'))).to.deep.equal([]);
  });

  it('counts-wrong: the counts kept are not those of the texts', async () => {
    const finding = await only(rightLamp('alice', { counts: counts(2, 1) }));
    expect(finding).to.include({ problem: 'counts-wrong', severity: 'wrong' });
    expect(finding.target.toString()).to.equal('sip:alice@example.com');
    expect(finding.detail).to.include('2/1 (0/0)').and.include('1/0 (0/0)');
  });

  it('counts-wrong: urgent ones too, and beside what is the matter with the publication', async () => {
    const lamp = rightLamp('alice', {
      counts: { ...counts(1), newUrgent: 1 },
      state: published({ refusedWith: 403, failures: 1 }),
    });
    expect((await check(lamp)).map(({ problem }) => problem)).to.deep.equal(['counts-wrong', 'refused']);
  });

  it('refused: says the status and what to look at', async () => {
    const state = { ...NOTHING_PUBLISHED, refusedWith: 489, failures: 2 };
    const finding = await only(rightLamp('alice', { ...BEHIND, state }));
    expect(finding).to.include({ problem: 'refused', severity: 'wrong' });
    expect(finding.detail).to.include('489').and.include('2 times');
    expect(finding.advice).to.include('presence_mwi');
  });

  it('claim-lapsed: the node that claimed it is gone and no other took over', async () => {
    const claim = { node: 'one', until: NOW - GRACE };
    const finding = await only(rightLamp('alice', { ...BEHIND, claim }));
    expect(finding).to.include({ problem: 'claim-lapsed', severity: 'late' });
    expect(finding.detail).to.include('one');
  });

  it('overdue: behind, due for long, and nobody took it', async () => {
    const schedule = { dueAt: NOW - GRACE, notBefore: 0 };
    expect(await only(rightLamp('alice', { ...BEHIND, schedule }))).to.include({
      problem: 'overdue',
      severity: 'late',
    });
  });

  it('overdue: a refresh nobody sends while the publication lives yet', async () => {
    const schedule = { dueAt: NOW - GRACE, notBefore: 0 };
    const finding = await only(rightLamp('alice', { schedule }));
    expect(finding).to.include({ problem: 'overdue', severity: 'late' });
    expect(finding.detail).to.include('2 h');
  });

  it('failing: behind, and the tries are in vain', async () => {
    const state = published({ failures: 3 });
    const schedule = { dueAt: NOW + 8 * SECOND, notBefore: NOW + 8 * SECOND };
    const finding = await only(rightLamp('alice', { ...BEHIND, state, schedule }));
    expect(finding).to.include({ problem: 'failing', severity: 'late' });
    expect(finding.detail).to.include('3 times').and.include('8 s');
  });

  it('failing: a note while what was published lives', async () => {
    const schedule = { dueAt: NOW + 8 * SECOND, notBefore: NOW + 8 * SECOND };
    const finding = await only(rightLamp('alice', { state: published({ failures: 1 }), schedule }));
    expect(finding).to.include({ problem: 'failing', severity: 'note' });
  });

  it('never-due: behind, and nothing will tell the presence server', async () => {
    for (const dueAt of [null, NOW + HOUR]) {
      const schedule = { dueAt, notBefore: 0 };
      expect(await only(rightLamp('alice', { ...BEHIND, schedule }))).to.include({
        problem: 'never-due',
        severity: 'wrong',
      });
    }
  });

  it('never-due: published, but never to be refreshed', async () => {
    const schedule = { dueAt: null, notBefore: 0 };
    expect(await only(rightLamp('alice', { schedule }))).to.include({ problem: 'never-due' });
  });

  it('version-ahead: the presence server was told of more than there is', async () => {
    const finding = await only(rightLamp('alice', { state: published({ publishedVersion: 9 }) }));
    expect(finding).to.include({ problem: 'version-ahead', severity: 'wrong' });
  });

  it('lapsed: texts wait and no publication lives', async () => {
    for (const state of [
      published({ expiresAt: NOW - 1 }),
      published({ expiresAt: null, entityTag: null }),
    ]) {
      expect(await only(rightLamp('alice', { state }))).to.include({ problem: 'lapsed', severity: 'wrong' });
    }
  });

  it('lapsed: none wait, but the word of it is to be kept alive for seven days', async () => {
    const state = published({ expiresAt: NOW - 1 });
    const empty = { counts: counts(0, 1), counted: counts(0, 1), state };
    const soon = { ...empty, changedAt: NOW - MWI_LIMITS.keepCleared + SECOND };
    expect(await only(rightLamp('alice', soon))).to.include({ problem: 'lapsed' });
    const later = { ...empty, changedAt: NOW - MWI_LIMITS.keepCleared };
    expect(await check(rightLamp('alice', later))).to.deep.equal([]);
  });

  it('takes a lamp that is on its way for right', async () => {
    const unpublished = { ...BEHIND, state: NOTHING_PUBLISHED };
    const onItsWay: Partial<LampRecord>[] = [
      { schedule: { dueAt: NOW - GRACE + 1, notBefore: 0 } },
      { schedule: { dueAt: NOW, notBefore: 0 } },
      { schedule: { dueAt: NOW + 100, notBefore: NOW + 100 } },
      { schedule: { dueAt: NOW - HOUR, notBefore: 0 }, claim: { node: 'one', until: NOW + 1 } },
      { schedule: { dueAt: NOW - HOUR, notBefore: 0 }, claim: { node: 'one', until: NOW - GRACE + 1 } },
    ];
    for (const changes of onItsWay) {
      expect(await check(rightLamp('alice', { ...unpublished, ...changes }))).to.deep.equal([]);
    }
  });

  it('takes an address for right that never had anything to show', async () => {
    const lamp = rightLamp('alice', {
      counts: counts(0),
      counted: counts(0),
      wantedVersion: 0,
      state: NOTHING_PUBLISHED,
      schedule: { dueAt: null, notBefore: 0 },
    });
    expect(await check(lamp)).to.deep.equal([]);
    expect(await check(lamp, { fetcher: tells(() => null) })).to.deep.equal([]);
  });

  it('no-lamp: an address asked for that nobody left a text', async () => {
    const bob = AddressOfRecord.parse('sip:bob@example.com');
    const audit = new AuditedLamps(rightLamp('alice', { counts: counts(5) }));
    const found = await check(audit, { only: [bob] });
    expect(found.map(({ problem, severity }) => [problem, severity])).to.deep.equal([['no-lamp', 'note']]);
  });

  it('takes whatever is the matter with the beacon for a note', async () => {
    const state = { ...NOTHING_PUBLISHED, refusedWith: 404, failures: 2 };
    const beacon = rightLamp('mailbox', { ...BEHIND, state });
    expect(await only(beacon, { beacon: beacon.target })).to.include({
      problem: 'refused',
      severity: 'note',
    });
  });

  it('looks at every lamp once, in pages', async () => {
    const users = Array.from({ length: 2 * MWI_LIMITS.checkPage + 1 }, (_, index) =>
      rightLamp(`user${index}`),
    );
    const audit = new AuditedLamps(...users);
    const seen = new Set<string>();
    let lamps = 0;
    const clock = new FakeClock(NOW);
    for await (const { target } of checkLamps({ audit, clock, expectedBody: ({ counts: c }) => bodyOf(c) })) {
      seen.add(target.toString());
      lamps += 1;
    }
    expect(seen.size).to.equal(users.length);
    expect(lamps).to.equal(users.length);
    expect(audit.looks).to.deep.equal([MWI_LIMITS.checkPage, MWI_LIMITS.checkPage, MWI_LIMITS.checkPage]);
  });
});

describe('the check of a lamp against what a phone is told', () => {
  const lamp = rightLamp('alice');
  const told = (body: string | null): Partial<CheckOptions> => ({ fetcher: tells(() => body) });

  it('finds nothing where the bytes are the same', async () => {
    expect(await check(lamp, told(bodyOf(counts(1))))).to.deep.equal([]);
  });

  it('told-nothing: no body, an empty one', async () => {
    for (const body of [null, '', '\r\n']) {
      expect(await only(lamp, told(body))).to.include({ problem: 'told-nothing', severity: 'wrong' });
    }
  });

  it('told-nothing: says nothing of it once the word that none wait was let go', async () => {
    const empty = rightLamp('alice', {
      counts: counts(0, 1),
      counted: counts(0, 1),
      changedAt: NOW - MWI_LIMITS.keepCleared,
      schedule: { dueAt: null, notBefore: 0 },
    });
    expect(await check(empty, told(null))).to.deep.equal([]);
  });

  it('told-unreadable: something that is no message summary', async () => {
    const finding = await only(lamp, told('hello'));
    expect(finding).to.include({ problem: 'told-unreadable', severity: 'wrong' });
    expect(finding.detail).to.include('hello');
  });

  it('told-wrong: says what differs', async () => {
    const wrong = await only(lamp, told(bodyOf(counts(0, 1))));
    expect(wrong).to.include({ problem: 'told-wrong', severity: 'wrong' });
    expect(wrong.detail).to.include('Messages-Waiting is no and should be yes');
    expect(wrong.detail).to.include('text-message is 0/1 (0/0) and should be 1/0 (0/0)');
    const account = bodyOf(counts(1)).replace('mailbox@', 'other@');
    expect((await only(lamp, told(account))).detail).to.include('sip:other@example.com');
    const urgent = bodyOf(counts(1)).replace('(0/0)', '(1/0)');
    expect((await only(lamp, told(urgent))).detail).to.include('text-message is 1/0 (1/0)');
  });

  it("told-wrong: a voicemail's body in place of ours", async () => {
    const voice = 'Messages-Waiting: yes\r\nMessage-Account: sip:voice@example.com\r\nVoice-Message: 2/0\r\n';
    const finding = await only(lamp, told(voice));
    expect(finding).to.include({ problem: 'told-wrong' });
    expect(finding.detail).to.include('text-message is missing');
    expect(finding.advice).to.include('VOICEMAIL_MWI');
  });

  it('told-more: a note where a presence server merges what somebody else published', async () => {
    const merged = `${bodyOf(counts(1))}Voice-Message: 2/0 (0/0)\r\n`;
    const finding = await only(lamp, told(merged));
    expect(finding).to.include({ problem: 'told-more', severity: 'note' });
    expect(finding.detail).to.include('voice-message: 2/0');
    const cleared = rightLamp('alice', { counts: counts(0), counted: counts(0) });
    const voiceOnly =
      'Messages-Waiting: yes\r\nMessage-Account: sip:voice@example.com\r\nVoice-Message: 2/0\r\n';
    expect(await only(cleared, told(voiceOnly))).to.include({ problem: 'told-more' });
  });

  it('told-otherwise: a note where the same is said in other bytes', async () => {
    const other = bodyOf(counts(1)).replaceAll('\r\n', '\n').toLowerCase();
    expect(await only(lamp, told(other))).to.include({ problem: 'told-otherwise', severity: 'note' });
  });

  it('not-asked: what a phone is told could not be found out', async () => {
    const fetcher: LampFetcher = { fetch: () => Promise.reject(new Error('no answer')) };
    const finding = await only(lamp, { fetcher });
    expect(finding).to.include({ problem: 'not-asked', severity: 'note' });
    expect(finding.detail).to.include('no answer');
  });

  it('asks no more after many questions in vain', async () => {
    let asked = 0;
    const fetcher: LampFetcher = {
      fetch: () => {
        asked += 1;
        return Promise.reject(new Error('no answer'));
      },
    };
    const lamps = Array.from({ length: 100 }, (_, index) => rightLamp(`user${index}`));
    const found = await check(new AuditedLamps(...lamps), { fetcher });
    expect(found.map(({ problem }) => problem)).to.deep.equal(lamps.map(() => 'not-asked'));
    expect(asked).to.be.within(MWI_LIMITS.checkPatience, MWI_LIMITS.checkPatience + MWI_LIMITS.checkAtOnce);
  });

  it('looks again at a lamp that changes while it is looked at', async () => {
    const audit = new AuditedLamps(lamp);
    const fetcher = tells(() => {
      // A second text came and was published after the look at the database.
      const newer = { counts: counts(2), counted: counts(2), wantedVersion: 4 };
      audit.put(
        rightLamp('alice', { ...newer, state: published({ publishedVersion: 4, entityTag: 'next' }) }),
      );
      return bodyOf(counts(2));
    });
    expect(await check(audit, { fetcher })).to.deep.equal([]);
  });

  it('does not hold against a lamp in flight that phones are told what was before', async () => {
    const claim = { node: 'one', until: NOW + HOUR };
    const inFlight = rightLamp('alice', { ...BEHIND, counts: counts(2), counted: counts(2), claim });
    expect(await check(inFlight, told(bodyOf(counts(1))))).to.deep.equal([]);
  });
});

describe('the findings', () => {
  it('have a test for each, by name', () => {
    expect(Object.keys(PROBLEMS)).to.have.members([
      ...[
        'counts-wrong',
        'refused',
        'never-due',
        'version-ahead',
        'lapsed',
        'claim-lapsed',
        'overdue',
        'failing',
      ],
      ...[
        'told-wrong',
        'told-nothing',
        'told-unreadable',
        'told-more',
        'told-otherwise',
        'not-asked',
        'no-lamp',
      ],
    ]);
  });

  it('tell spans of time as people do', () => {
    expect([0, 400, 119_000, 120_000, 2 * HOUR, 49 * HOUR].map(duration)).to.deep.equal([
      ...['0 s', '0 s', '119 s', '2 min', '2 h', '2 d'],
    ]);
  });
});
