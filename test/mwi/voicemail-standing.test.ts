import { expect } from 'chai';
import { VOICEMAIL_LIMITS } from '../../src/mwi/voicemail-limits.ts';
import type { SummaryNotification } from '../../src/mwi/voicemail-ports.ts';
import { isWithdrawn, standsUntil } from '../../src/mwi/voicemail-standing.ts';

const NOW = 1_700_000_000_000;

function last(reason: string): SummaryNotification {
  return { state: 'terminated', expires: null, reason, retryAfter: null, body: null };
}

describe('what a voicemail said', () => {
  it('stands until the subscription ends, and a grace', () => {
    const { grace } = VOICEMAIL_LIMITS;
    expect(standsUntil(NOW + 60_000, NOW)).to.equal(NOW + 60_000 + grace);
    expect(standsUntil(NOW - 5, NOW)).to.equal(NOW + grace);
  });

  it('is void where there is no mailbox any more, and only there', () => {
    expect(isWithdrawn(last('noresource'))).to.equal(true);
    expect(isWithdrawn(last('timeout'))).to.equal(false);
    expect(isWithdrawn({ ...last('noresource'), state: 'active' })).to.equal(false);
  });
});
