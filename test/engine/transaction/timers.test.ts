import { expect } from 'chai';
import { INVITE_CLIENT } from '../../../src/engine/transaction/invite-client-machine.ts';
import { INVITE_SERVER } from '../../../src/engine/transaction/invite-server-machine.ts';
import type { AnyMachine } from '../../../src/engine/transaction/machine.ts';
import { MachineRunner } from '../../../src/engine/transaction/machine-runner.ts';
import { NON_INVITE_CLIENT } from '../../../src/engine/transaction/non-invite-client-machine.ts';
import { NON_INVITE_SERVER } from '../../../src/engine/transaction/non-invite-server-machine.ts';
import { DEFAULT_SIP_TIMERS } from '../../../src/engine/transaction/timers.ts';
import type { SipTimers } from '../../../src/engine/transaction/timers.ts';
import { FakeClock } from '../../doubles/fake-clock.ts';

/** What happens to a transaction from outside: ms since its start, and the event. */
type Happening = readonly [at: number, event: string];

interface Row {
  readonly timer: string;
  readonly rule: string;
  readonly machine: AnyMachine;
  readonly happens?: readonly Happening[];
  readonly timers?: SipTimers;
  /** What is done when, over UDP and over a transport that delivers by itself; `over` is the end of the transaction. */
  readonly unreliable: string;
  readonly reliable: string;
}

const QUICK: SipTimers = { t1: 100, t2: 300, t4: 700 };

/* RFC 3261 table 4, RFC 6026 §8, RFC 4320 §4, with T1 = 500 ms, T2 = 4 s and T4 = 5 s unless the row says otherwise. */
const TABLE: readonly Row[] = [
  {
    timer: 'A and B',
    rule: '§17.1.1.2: an INVITE is repeated at T1, doubled each time without bound, and given up after 64*T1',
    machine: INVITE_CLIENT,
    unreliable:
      '0 send, 500 send, 1500 send, 3500 send, 7500 send, 15500 send, 31500 send, 32000 timeout, over',
    reliable: '0 send, 32000 timeout, over',
  },
  {
    timer: 'A and B',
    rule: 'the same with T1 = 100 ms: T2 does not bound them',
    machine: INVITE_CLIENT,
    timers: QUICK,
    unreliable: '0 send, 100 send, 300 send, 700 send, 1500 send, 3100 send, 6300 send, 6400 timeout, over',
    reliable: '0 send, 6400 timeout, over',
  },
  {
    timer: 'A and B',
    rule: '§17.1.1.2: a provisional response ends both; C takes their place',
    machine: INVITE_CLIENT,
    happens: [[600, 'provisional']],
    unreliable: '0 send, 500 send, 600 pass, 300600 timeout',
    reliable: '0 send, 600 pass, 300600 timeout',
  },
  {
    timer: 'D',
    rule: '§17.1.1.2: a refused INVITE acknowledges every copy of the refusal for 32 s at least',
    machine: INVITE_CLIENT,
    happens: [
      [100, 'failure'],
      [32_099, 'failure'],
      [32_100, 'failure'],
    ],
    unreliable: '0 send, 100 ack, 100 pass, 32099 ack, 32100 over',
    reliable: '0 send, 100 ack, 100 pass, 100 over',
  },
  {
    timer: 'D',
    rule: 'no less with a short T1, for the peer may have another',
    machine: INVITE_CLIENT,
    timers: QUICK,
    happens: [[0, 'failure']],
    unreliable: '0 send, 0 ack, 0 pass, 32000 over',
    reliable: '0 send, 0 ack, 0 pass, 0 over',
  },
  {
    timer: 'M',
    rule: 'RFC 6026 §7.2: every 2xx is passed on for 64*T1, of whatever fork',
    machine: INVITE_CLIENT,
    happens: [
      [100, 'success'],
      [31_000, 'success'],
      [31_500, 'provisional'],
      [31_600, 'failure'],
      [32_100, 'success'],
    ],
    unreliable: '0 send, 100 pass, 31000 pass, 32100 over',
    reliable: '0 send, 100 pass, 31000 pass, 32100 over',
  },
  {
    timer: 'X',
    rule: '§9.1: 64*T1 after a CANCEL that brought no final response the INVITE is over',
    machine: INVITE_CLIENT,
    happens: [
      [100, 'provisional'],
      [200, 'cancel'],
      [300, 'provisional'],
    ],
    unreliable: '0 send, 100 pass, 300 pass, 32200 timeout, over',
    reliable: '0 send, 100 pass, 300 pass, 32200 timeout, over',
  },
  {
    timer: 'E and F',
    rule: '§17.1.2.2: a request is repeated at T1, doubled up to T2, and given up after 64*T1',
    machine: NON_INVITE_CLIENT,
    unreliable:
      '0 send, 500 send, 1500 send, 3500 send, 7500 send, 11500 send, 15500 send, 19500 send, 23500 send, 27500 send, 31500 send, 32000 timeout, over',
    reliable: '0 send, 32000 timeout, over',
  },
  {
    timer: 'E and F',
    rule: '§17.1.2.2: after a provisional response it is repeated each T2, and F goes on',
    machine: NON_INVITE_CLIENT,
    happens: [[600, 'provisional']],
    unreliable:
      '0 send, 500 send, 600 pass, 1500 send, 5500 send, 9500 send, 13500 send, 17500 send, 21500 send, 25500 send, 29500 send, 32000 timeout, over',
    reliable: '0 send, 600 pass, 32000 timeout, over',
  },
  {
    timer: 'K',
    rule: '§17.1.2.2: final responses that come again are absorbed for T4',
    machine: NON_INVITE_CLIENT,
    happens: [
      [100, 'success'],
      [5_000, 'failure'],
      [5_100, 'success'],
    ],
    unreliable: '0 send, 100 pass, 5100 over',
    reliable: '0 send, 100 pass, 100 over',
  },
  {
    timer: 'T',
    rule: '§17.2.1: an INVITE nobody answered within 200 ms is answered 100, and that again when it comes again',
    machine: INVITE_SERVER,
    happens: [
      [300, 'request'],
      [400, 'provisional'],
      [500, 'request'],
    ],
    unreliable: '200 trying, 300 send, 400 send, 500 send, 300400 timeout',
    reliable: '200 trying, 300 send, 400 send, 500 send, 300400 timeout',
  },
  {
    timer: 'G and H',
    rule: '§17.2.1: a refusal is repeated at T1, doubled up to T2, until the ACK or for 64*T1',
    machine: INVITE_SERVER,
    happens: [
      [0, 'failure'],
      [600, 'request'],
    ],
    unreliable:
      '0 send, 500 send, 600 send, 1500 send, 3500 send, 7500 send, 11500 send, 15500 send, 19500 send, 23500 send, 27500 send, 31500 send, 32000 timeout, over',
    reliable: '0 send, 600 send, 32000 timeout, over',
  },
  {
    timer: 'I',
    rule: '§17.2.1: ACKs and INVITEs that come again after the ACK are absorbed for T4',
    machine: INVITE_SERVER,
    happens: [
      [0, 'failure'],
      [700, 'ack'],
      [800, 'ack'],
      [900, 'request'],
    ],
    unreliable: '0 send, 500 send, 5700 over',
    reliable: '0 send, 700 over',
  },
  {
    timer: 'L',
    rule: 'RFC 6026 §7.1: an INVITE that comes again after its 2xx is absorbed for 64*T1; ACKs are passed on',
    machine: INVITE_SERVER,
    happens: [
      [0, 'success'],
      [500, 'request'],
      [600, 'success'],
      [700, 'ack'],
      [32_000, 'ack'],
    ],
    unreliable: '0 send, 600 send, 700 pass, 32000 over',
    reliable: '0 send, 600 send, 700 pass, 32000 over',
  },
  {
    timer: 'J',
    rule: '§17.2.2: a request that comes again after its answer gets the same one for 64*T1',
    machine: NON_INVITE_SERVER,
    happens: [
      [50, 'request'],
      [100, 'failure'],
      [31_000, 'request'],
      [32_100, 'request'],
    ],
    unreliable: '100 send, 31000 send, 32100 over',
    reliable: '100 send, 100 over',
  },
  {
    timer: 'T',
    rule: 'RFC 4320 §4: 100 when timer E has grown to T2, and silence when the client has given up',
    machine: NON_INVITE_SERVER,
    happens: [[4_000, 'request']],
    unreliable: '3500 trying, 4000 send, 32000 timeout, over',
    reliable: '3500 trying, 4000 send, 32000 timeout, over',
  },
  {
    timer: 'T',
    rule: 'RFC 4320 §4.1: no sooner where T2 is not T1 doubled some times: E is 100, 200, then T2 = 300 ms',
    machine: NON_INVITE_SERVER,
    timers: QUICK,
    unreliable: '300 trying, 6400 timeout, over',
    reliable: '300 trying, 6400 timeout, over',
  },
  {
    timer: 'T',
    rule: 'RFC 4320 §4.1: nor where T2 is T1',
    machine: NON_INVITE_SERVER,
    timers: { t1: 100, t2: 100, t4: 100 },
    unreliable: '100 trying, 6400 timeout, over',
    reliable: '100 trying, 6400 timeout, over',
  },
];

const WORDS: Readonly<Record<string, string>> = {
  'send-trying': 'trying',
  'send-ack': 'ack',
  'report-timeout': 'timeout',
};

/** Runs a row for ten minutes. */
async function run({ machine, happens = [], timers }: Row, reliable: boolean): Promise<string> {
  const clock = new FakeClock();
  const began = clock.now();
  const log: string[] = [];
  const invite = machine === INVITE_CLIENT || machine === INVITE_SERVER;
  const setting = { timers: timers ?? DEFAULT_SIP_TIMERS, reliable, invite };
  const note = (word: string): void => void log.push(`${clock.now() - began} ${word}`);
  const runner = new MachineRunner<string>(machine, setting, clock, {
    perform: ({ kind }) => note(WORDS[kind] ?? kind),
    ended: () => note('over'),
  });
  runner.enter();
  for (const [at, event] of happens) {
    await clock.advance(at - (clock.now() - began));
    runner.fire(event);
  }
  await clock.advance(600_000);
  expect(clock.pendingTimers, 'timers left').to.equal(0);
  return log.join(', ').replace(/(\d+) timeout, \1 over/g, '$1 timeout, over');
}

describe('the timers of transactions', () => {
  for (const row of TABLE) {
    for (const way of ['unreliable', 'reliable'] as const) {
      it(`${row.timer}, ${way} transport: ${row.rule}`, async () => {
        expect(await run(row, way === 'reliable')).to.equal(row[way]);
      });
    }
  }

  it('a response that cannot be sent ends no server transaction (RFC 6026 §8.8)', () => {
    for (const [machine, events] of [
      [INVITE_SERVER, ['provisional', 'success']],
      [INVITE_SERVER, ['failure']],
      [NON_INVITE_SERVER, ['provisional', 'success']],
    ] as const) {
      const clock = new FakeClock();
      const done: string[] = [];
      const setting = { timers: DEFAULT_SIP_TIMERS, reliable: false, invite: machine === INVITE_SERVER };
      const runner = new MachineRunner<string>(machine, setting, clock, {
        perform: ({ kind }) => void done.push(kind),
        ended: () => void done.push('ended'),
      });
      runner.enter();
      for (const event of events) {
        runner.fire(event);
        const before = runner.state;
        runner.fire('transport-error');
        expect(runner.state).to.equal(before);
        expect(done.at(-1)).to.equal('report-failure');
      }
      runner.stop();
    }
  });
});
