import { expect } from 'chai';
import { ApplicationPace } from '../../../src/engine/admission/application-pace.ts';
import { ADMISSION_LIMITS } from '../../../src/engine/admission/limits.ts';

/** An application that takes so long for each request, so many at a time, under so many requests a second. */
function play(
  pace: ApplicationPace,
  { took, abreast, rate, seconds }: { took: number; abreast: number; rate: number; seconds: number },
): { admitted: number; slowest: number } {
  const queue: number[] = [];
  const free = Array.from({ length: abreast }, () => 0);
  const working: { since: number; end: number }[] = [];
  let admitted = 0;
  let slowest = 0;
  for (let now = 0; now < seconds * 1_000; now++) {
    for (let at = 0; at < working.length; at++) {
      const job = working[at];
      if (job === undefined || job.end > now) continue;
      working.splice(at--, 1);
      pace.answered(job.since, now);
      if (now > (seconds * 1_000) / 2) slowest = Math.max(slowest, now - job.since);
    }
    const due = Math.floor(((now + 1) * rate) / 1_000) - Math.floor((now * rate) / 1_000);
    for (let i = 0; i < due; i++) {
      if (pace.isFull(now)) continue;
      pace.handed(now);
      queue.push(now);
      admitted++;
    }
    for (let lane = 0; lane < abreast && queue.length > 0; lane++) {
      while ((free[lane] ?? 0) <= now && queue.length > 0) {
        const since = queue.shift() ?? 0;
        const end = Math.max(now, free[lane] ?? 0) + took;
        free[lane] = end;
        working.push({ since, end });
        if (end > now) break;
      }
    }
  }
  return { admitted, slowest };
}

describe('the pace of an application', () => {
  it('takes no more than it can answer in good time, and no less than it can do', () => {
    const pace = new ApplicationPace();
    const { admitted, slowest } = play(pace, { took: 4, abreast: 4, rate: 5_000, seconds: 30 });
    expect(slowest).to.be.below(1_000);
    expect(admitted / 30).to.be.within(900, 1_200);
  });

  it('lets be an application that answers late because it asks others, not because it is full', () => {
    const pace = new ApplicationPace();
    const { admitted } = play(pace, { took: 300, abreast: 10_000, rate: 2_000, seconds: 10 });
    expect(admitted).to.equal(20_000);
  });

  it('allows more once the bound is reached and nothing waits', () => {
    const pace = new ApplicationPace();
    play(pace, { took: 900, abreast: 10_000, rate: 6_000, seconds: 10 });
    expect(pace.limit).to.be.above(5_000);
  });

  it('forgets requests that are never answered', () => {
    const pace = new ApplicationPace();
    for (let i = 0; i < ADMISSION_LIMITS.unansweredAtFirst; i++) pace.handed(0);
    expect(pace.isFull(1_000)).to.equal(true);
    const later = (ADMISSION_LIMITS.unansweredAge + 1) * 1_000;
    expect(pace.isFull(later)).to.equal(false);
    expect(pace.unanswered).to.equal(0);
    pace.ended(0);
    pace.answered(0, later);
    expect(pace.unanswered).to.equal(0);
  });

  it('counts a request out once', () => {
    const pace = new ApplicationPace();
    pace.handed(10);
    pace.handed(20);
    pace.answered(10, 30);
    expect(pace.unanswered).to.equal(1);
    pace.ended(20);
    expect(pace.unanswered).to.equal(0);
  });
});
