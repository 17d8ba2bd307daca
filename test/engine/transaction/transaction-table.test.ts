import { expect } from 'chai';
import { SipHeaders } from '../../../src/engine/message/sip-message.ts';
import type { SipRequest, SipResponse } from '../../../src/engine/message/sip-message.ts';
import { TRANSACTION_LIMITS } from '../../../src/engine/transaction/limits.ts';
import { responseTo } from '../../../src/engine/transaction/response-to.ts';
import { DEFAULT_SIP_TIMERS } from '../../../src/engine/transaction/timers.ts';
import { TransactionTable } from '../../../src/engine/transaction/transaction-table.ts';
import type { Flow } from '../../../src/engine/transport/transport.ts';
import { FakeClock } from '../../doubles/fake-clock.ts';

function request(method: string, callId = 'c'): SipRequest {
  return {
    kind: 'request',
    method,
    uri: 'sip:a@example.test',
    body: Buffer.alloc(0),
    headers: SipHeaders.from([
      ['Via', 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours'],
      ['From', '<sip:b@example.test>;tag=1'],
      ['To', '<sip:a@example.test>'],
      ['Call-ID', callId],
      ['CSeq', `1 ${method}`],
    ]),
  };
}

describe('the table of transactions', () => {
  let clock: FakeClock;
  let table: TransactionTable;
  let sent: string[];
  const path = {
    reliable: false,
    send: (bytes: Buffer) => {
      sent.push(bytes.toString());
      return Promise.resolve();
    },
  };

  beforeEach(() => {
    clock = new FakeClock();
    sent = [];
    table = new TransactionTable({ clock, timers: DEFAULT_SIP_TIMERS });
  });

  it('keeps an answered request for its retransmissions, then forgets it', async () => {
    const message = request('MESSAGE');
    const transaction = table.openServer(message, path, 'k', 'tag');
    transaction.start();
    transaction.respond(responseTo(message, 200, 'tag'));
    table.findServer('k')?.repeated();
    expect(sent).to.have.length(2);
    expect(sent[0]).to.equal(sent[1]);
    expect(table.merges(request('MESSAGE'))).to.equal(true);
    await clock.advance(32_000);
    expect(table.counts).to.deep.equal({ server: 0, client: 0 });
    expect(table.merges(request('MESSAGE'))).to.equal(false);
    expect(clock.pendingTimers).to.equal(0);
  });

  it('lets a request that was refused be tried again by another way', () => {
    const message = request('MESSAGE');
    const transaction = table.openServer(message, path, 'k', 'tag');
    transaction.start();
    expect(table.merges(message)).to.equal(true);
    transaction.respond(responseTo(message, 503, 'tag'));
    expect(table.merges(message)).to.equal(false);
  });

  it('flood of long requests: full when they take too much memory, free again when they are forgotten', async () => {
    table = new TransactionTable({ clock, timers: DEFAULT_SIP_TIMERS, serverRoom: 100_000 });
    const open = (index: number): void => {
      const message = request('MESSAGE', `${index}${'c'.repeat(20_000)}`);
      const transaction = table.openServer(message, path, `k${index}`, 'tag');
      transaction.start();
      // A long Call-ID stands in the answer and in what copies are found by.
      if (index % 2 === 0) transaction.respond(responseTo(message, 200, 'tag'));
    };
    open(0);
    open(1);
    expect(table.serversFull).to.equal(false);
    open(2);
    expect(table.serversFull).to.equal(true);
    await clock.advance(32_000);
    expect(table.serversFull).to.equal(false);
    table.abandonAll();
    for (let index = 3; index < 5; index++) open(index);
    expect(table.serversFull).to.equal(false);
  });

  it('flood of requests nobody answers: full at the limit, free again below it', () => {
    let first: SipRequest | undefined;
    for (let index = 0; index < TRANSACTION_LIMITS.unanswered; index++) {
      expect(table.serversFull).to.equal(false);
      const message = request('MESSAGE', `c${index}`);
      first ??= message;
      table.openServer(message, path, `k${index}`, 'tag').start();
    }
    expect(table.serversFull).to.equal(true);
    if (first !== undefined) table.findServer('k0')?.respond(responseTo(first, 200, 'tag'));
    expect(table.serversFull).to.equal(false);
    table.abandonAll();
    expect(table.counts.server).to.equal(0);
    expect(table.serversFull).to.equal(false);
    expect(clock.pendingTimers).to.equal(0);
  });

  it('finds a client transaction by branch and method, and fails it with its flow', () => {
    const flow: Flow = {
      local: { protocol: 'tcp', address: '192.0.2.1', port: 5060 },
      remote: { protocol: 'tcp', address: '192.0.2.2', port: 5060 },
      send: () => Promise.resolve(),
    };
    const log: string[] = [];
    const user = {
      responded: ({ status }: SipResponse) => log.push(String(status)),
      timedOut: () => log.push('timeout'),
      failed: () => log.push('failed'),
    };
    const message = request('INFO');
    table.openClient(message, Buffer.alloc(0), 'z9hG4bKours', flow, user).start();
    const response = responseTo(message, 183, 't');
    table.findClient(response)?.respond(response);
    expect(table.findClient(responseTo(request('MESSAGE'), 200, 't'))).to.equal(undefined);
    // Another connection to the same address is not this one.
    table.flowFailed({ ...flow });
    expect(log).to.deep.equal(['183']);
    table.flowFailed(flow);
    expect(log).to.deep.equal(['183', 'failed']);
    expect(table.counts.client).to.equal(0);
    expect(clock.pendingTimers).to.equal(0);
  });
});
