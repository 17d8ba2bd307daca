import { expect } from 'chai';
import { nextAttempt, verdictOnCall, verdictOnMessage, waysTo } from '../../../src/mailbox/push/policy.ts';

describe('the way texts are brought', () => {
  const table: readonly [methods: string[] | null, canChat: boolean, ways: string[]][] = [
    [null, true, ['chat', 'message']],
    [null, false, ['message']],
    [['INVITE', 'ACK', 'BYE', 'MESSAGE'], true, ['chat', 'message']],
    [['INVITE', 'ACK', 'BYE', 'MESSAGE'], false, ['message']],
    [['INVITE', 'ACK', 'BYE'], true, ['chat']],
    [['INVITE', 'ACK', 'BYE'], false, []],
    [['MESSAGE'], true, ['message']],
    [['OPTIONS'], true, []],
    [[], true, []],
  ];
  for (const [methods, canChat, ways] of table) {
    const phone = methods === null ? 'a phone that does not say' : `a phone with [${methods.join(' ')}]`;
    it(`to ${phone}${canChat ? '' : ', where no chats are had'}: ${ways.join(', then ') || 'none'}`, () => {
      expect(waysTo(methods, canChat)).to.deep.equal(ways);
    });
  }
});

describe('a call that came to no chat', () => {
  for (const status of [400, 405, 406, 415, 416, 420, 421, 488, 501, 505, 513, 606]) {
    it(`${status}: the phone takes no chats`, () => expect(verdictOnCall(status)).to.equal('no chat'));
  }
  for (const status of [408, 487]) {
    it(`${status}: nobody looked at it`, () => expect(verdictOnCall(status)).to.equal('unanswered'));
  }
  for (const status of [0, 302, 401, 403, 404, 407, 410, 480, 481, 486, 500, 503, 504, 600, 603, 604]) {
    it(`${status}: the same again later`, () => expect(verdictOnCall(status)).to.equal('later'));
  }
});

describe('a MESSAGE that was not taken', () => {
  for (const status of [400, 413, 415, 488, 513, 606]) {
    it(`${status}: others may be`, () => expect(verdictOnMessage(status)).to.equal('not this text'));
  }
  for (const status of [405, 501]) {
    it(`${status}: none is`, () => expect(verdictOnMessage(status)).to.equal('no MESSAGE'));
  }
  for (const status of [0, 302, 403, 404, 408, 480, 481, 486, 500, 503, 600, 603]) {
    it(`${status}: again later`, () => expect(verdictOnMessage(status)).to.equal('later'));
  }
});

describe('a push that failed', () => {
  it('is tried again after 2 s, and then after four times as long each time, up to a quarter of an hour', () => {
    const pauses = [0, 1, 2, 3, 4, 5, 6].map((attempts) => nextAttempt({ attempts }, 100, 0, 1));
    expect(pauses).to.deep.equal([2_000, 8_000, 32_000, 128_000, 512_000, 900_000, 900_000]);
  });

  it('waits at least half of that, so that many do not come back together', () => {
    expect(nextAttempt({ attempts: 0 }, 100, 0, 0)).to.equal(1_000);
  });

  it('is not tried more often than the operator says', () => {
    expect(nextAttempt({ attempts: 6 }, 8, 0, 0)).to.be.a('number');
    expect(nextAttempt({ attempts: 7 }, 8, 0, 0)).to.equal(null);
    expect(nextAttempt({ attempts: 0 }, 1, 0, 0)).to.equal(null);
  });
});
