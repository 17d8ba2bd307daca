import { expect } from 'chai';
import { INVITE_CLIENT } from '../../../src/engine/transaction/invite-client-machine.ts';
import { INVITE_SERVER } from '../../../src/engine/transaction/invite-server-machine.ts';
import type { AnyMachine } from '../../../src/engine/transaction/machine.ts';
import { MachineRunner } from '../../../src/engine/transaction/machine-runner.ts';
import { NON_INVITE_CLIENT } from '../../../src/engine/transaction/non-invite-client-machine.ts';
import { NON_INVITE_SERVER } from '../../../src/engine/transaction/non-invite-server-machine.ts';
import { DEFAULT_SIP_TIMERS } from '../../../src/engine/transaction/timers.ts';
import { FakeClock } from '../../doubles/fake-clock.ts';

/** Runs a machine and writes down when it did what, in ms since its start. */
function run(machine: AnyMachine, { reliable = false } = {}) {
  const clock = new FakeClock();
  const began = clock.now();
  const log: string[] = [];
  const invite = machine === INVITE_CLIENT || machine === INVITE_SERVER;
  const runner = new MachineRunner<string>(machine, { timers: DEFAULT_SIP_TIMERS, reliable, invite }, clock, {
    perform: ({ kind }) => log.push(`${clock.now() - began} ${kind}`),
    ended: () => log.push(`${clock.now() - began} ended`),
  });
  runner.enter();
  return {
    log,
    clock,
    fire: (event: string) => runner.fire(event),
    get state() {
      return runner.state;
    },
  };
}

describe('the INVITE client transaction (RFC 3261 §17.1.1, RFC 6026 §7.2)', () => {
  it('sends again at 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s on UDP and gives up after 32 s', async () => {
    const invite = run(INVITE_CLIENT);
    await invite.clock.advance(40_000);
    expect(invite.log).to.deep.equal([
      '0 send',
      '500 send',
      '1500 send',
      '3500 send',
      '7500 send',
      '15500 send',
      '31500 send',
      '32000 report-timeout',
      '32000 ended',
    ]);
    expect(invite.clock.pendingTimers).to.equal(0);
  });

  it('sends once on TCP', async () => {
    const invite = run(INVITE_CLIENT, { reliable: true });
    await invite.clock.advance(40_000);
    expect(invite.log).to.deep.equal(['0 send', '32000 report-timeout', '32000 ended']);
  });

  it('stops sending on 1xx, and waits five minutes from the last one', async () => {
    const invite = run(INVITE_CLIENT);
    invite.fire('provisional');
    await invite.clock.advance(200_000);
    invite.fire('provisional');
    await invite.clock.advance(299_999);
    expect(invite.log).to.deep.equal(['0 send', '0 pass', '200000 pass']);
    await invite.clock.advance(1);
    expect(invite.log.slice(3)).to.deep.equal(['500000 report-timeout']);
  });

  it('goes on after that to acknowledge the refusal its CANCEL brings, for 64*T1 (§9.1, §16.8)', async () => {
    const invite = run(INVITE_CLIENT);
    invite.fire('provisional');
    await invite.clock.advance(300_000);
    invite.fire('cancel');
    await invite.clock.advance(1_000);
    invite.fire('failure');
    expect(invite.log.slice(2)).to.deep.equal(['300000 report-timeout', '301000 send-ack', '301000 pass']);
    const deaf = run(INVITE_CLIENT);
    deaf.fire('provisional');
    await deaf.clock.advance(300_000);
    deaf.fire('cancel');
    await deaf.clock.advance(32_000);
    expect(deaf.log.slice(3)).to.deep.equal(['332000 report-timeout', '332000 ended']);
    expect(deaf.clock.pendingTimers).to.equal(0);
  });

  it('acknowledges a failure each time it comes, and passes it once', async () => {
    const invite = run(INVITE_CLIENT);
    invite.fire('failure');
    await invite.clock.advance(1_000);
    invite.fire('failure');
    await invite.clock.advance(31_000);
    expect(invite.log).to.deep.equal(['0 send', '0 send-ack', '0 pass', '1000 send-ack', '32000 ended']);
  });

  it('ends at once after a failure on TCP', () => {
    const invite = run(INVITE_CLIENT, { reliable: true });
    invite.fire('failure');
    expect(invite.log).to.deep.equal(['0 send', '0 send-ack', '0 pass', '0 ended']);
  });

  it('passes every 2xx for 64*T1, and no failure after one', async () => {
    const invite = run(INVITE_CLIENT);
    invite.fire('success');
    await invite.clock.advance(500);
    invite.fire('success');
    invite.fire('failure');
    await invite.clock.advance(31_500);
    expect(invite.log).to.deep.equal(['0 send', '0 pass', '500 pass', '32000 ended']);
  });

  it('ends 64*T1 after a CANCEL nobody answered', async () => {
    const invite = run(INVITE_CLIENT);
    invite.fire('provisional');
    invite.fire('cancel');
    await invite.clock.advance(32_000);
    expect(invite.log.slice(2)).to.deep.equal(['32000 report-timeout', '32000 ended']);
  });

  it('reports a transport error', () => {
    const invite = run(INVITE_CLIENT);
    invite.fire('transport-error');
    expect(invite.log).to.deep.equal(['0 send', '0 report-failure', '0 ended']);
  });
});

describe('the non-INVITE client transaction (RFC 3261 §17.1.2)', () => {
  it('sends again after T1, doubling up to T2, and gives up after 32 s', async () => {
    const request = run(NON_INVITE_CLIENT);
    await request.clock.advance(40_000);
    const times = [0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500];
    expect(request.log).to.deep.equal([
      ...times.map((time) => `${time} send`),
      '32000 report-timeout',
      '32000 ended',
    ]);
  });

  it('after 1xx sends again every T2', async () => {
    const request = run(NON_INVITE_CLIENT);
    request.fire('provisional');
    await request.clock.advance(10_000);
    expect(request.log).to.deep.equal(['0 send', '0 pass', '500 send', '4500 send', '8500 send']);
  });

  it('absorbs final responses for T4 on UDP, and not at all on TCP', async () => {
    const request = run(NON_INVITE_CLIENT);
    request.fire('success');
    request.fire('success');
    await request.clock.advance(5_000);
    expect(request.log).to.deep.equal(['0 send', '0 pass', '5000 ended']);
    const stream = run(NON_INVITE_CLIENT, { reliable: true });
    stream.fire('failure');
    expect(stream.log).to.deep.equal(['0 send', '0 pass', '0 ended']);
  });
});

describe('the INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §7.1)', () => {
  it('answers 100 after 200 ms unless something was answered before', async () => {
    const silent = run(INVITE_SERVER);
    await silent.clock.advance(1_000);
    expect(silent.log).to.deep.equal(['200 send-trying']);
    const ringing = run(INVITE_SERVER);
    ringing.fire('provisional');
    await ringing.clock.advance(1_000);
    expect(ringing.log).to.deep.equal(['0 send']);
  });

  it('repeats a failure on UDP at T1 doubling up to T2 until the ACK', async () => {
    const invite = run(INVITE_SERVER);
    invite.fire('failure');
    await invite.clock.advance(12_000);
    expect(invite.log).to.deep.equal([
      '0 send',
      '500 send',
      '1500 send',
      '3500 send',
      '7500 send',
      '11500 send',
    ]);
    invite.fire('ack');
    invite.fire('request');
    await invite.clock.advance(5_000);
    expect(invite.log.slice(6)).to.deep.equal(['17000 ended']);
  });

  it('reports a failure that is never acknowledged', async () => {
    const invite = run(INVITE_SERVER, { reliable: true });
    invite.fire('failure');
    await invite.clock.advance(32_000);
    expect(invite.log).to.deep.equal(['0 send', '32000 report-timeout', '32000 ended']);
  });

  it('answers a repeated INVITE with the last response, but leaves the 2xx to its user', async () => {
    const invite = run(INVITE_SERVER);
    invite.fire('provisional');
    invite.fire('request');
    expect(invite.log).to.deep.equal(['0 send', '0 send']);
    invite.fire('success');
    invite.fire('request');
    invite.fire('ack');
    await invite.clock.advance(32_000);
    expect(invite.log.slice(2)).to.deep.equal(['0 send', '0 pass', '32000 ended']);
  });

  it('reports an INVITE that is not answered for five minutes', async () => {
    const invite = run(INVITE_SERVER);
    await invite.clock.advance(300_200);
    expect(invite.log).to.deep.equal(['200 send-trying', '300200 report-timeout']);
  });
});

describe('the non-INVITE server transaction (RFC 3261 §17.2.2, RFC 4320)', () => {
  it('answers a repeated request with the last response, for 64*T1 on UDP', async () => {
    const request = run(NON_INVITE_SERVER);
    request.fire('request');
    expect(request.log, 'nothing to repeat yet').to.deep.equal([]);
    request.fire('success');
    await request.clock.advance(31_000);
    request.fire('request');
    await request.clock.advance(1_000);
    expect(request.log).to.deep.equal(['0 send', '31000 send', '32000 ended']);
    expect(request.clock.pendingTimers).to.equal(0);
  });

  it('ends with its response on TCP', () => {
    const request = run(NON_INVITE_SERVER, { reliable: true });
    request.fire('failure');
    expect(request.log).to.deep.equal(['0 send', '0 ended']);
  });

  it('sends 100 after 3.5 s and ends silently after 32 s when nobody answers', async () => {
    const request = run(NON_INVITE_SERVER);
    await request.clock.advance(40_000);
    expect(request.log).to.deep.equal(['3500 send-trying', '32000 report-timeout', '32000 ended']);
  });
});

describe('every machine', () => {
  const machines: Readonly<Record<string, AnyMachine>> = {
    INVITE_CLIENT,
    INVITE_SERVER,
    NON_INVITE_CLIENT,
    NON_INVITE_SERVER,
  };
  for (const [name, machine] of Object.entries(machines)) {
    it(`${name}: every step leads to a state, every timer that is started has its event there`, () => {
      for (const [state, steps] of Object.entries(machine.steps)) {
        for (const [event, taken] of Object.entries(steps ?? {})) {
          expect(Object.keys(machine.steps), `${state} ${event}`).to.include(taken?.to);
          for (const action of taken?.does ?? []) {
            if (action.kind !== 'start' || taken === undefined) continue;
            const next = machine.steps[taken.to] ?? {};
            expect(Object.keys(next), `${state} ${event} starts ${action.timer}`).to.include(action.timer);
          }
        }
      }
      expect(machine.steps['terminated']).to.deep.equal({});
    });

    it(`${name}: clears every timer when it is stopped`, async () => {
      const running = run(machine);
      for (const event of ['provisional', 'failure']) {
        running.fire(event);
        await running.clock.advance(1);
      }
      running.fire('transport-error');
      await running.clock.advance(400_000);
      expect(running.clock.pendingTimers).to.equal(0);
      expect(running.state).to.equal('terminated');
    });
  }
});
