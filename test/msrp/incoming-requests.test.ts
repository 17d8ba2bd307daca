import { expect } from 'chai';
import fc from 'fast-check';
import { noMetrics } from '../../src/core/metrics.ts';
import { MessageRefused } from '../../src/msrp/errors.ts';
import type { ContinuationFlag } from '../../src/msrp/frame.ts';
import type { WholeRequest } from '../../src/msrp/incoming-requests.ts';
import { IncomingRequests } from '../../src/msrp/incoming-requests.ts';
import type { MsrpLimits } from '../../src/msrp/limits.ts';
import { MSRP_LIMITS } from '../../src/msrp/limits.ts';
import type { ReceivedMessage } from '../../src/msrp/session.ts';
import { UnfinishedRoom } from '../../src/msrp/unfinished-room.ts';
import type { Verdict } from '../../src/msrp/verdicts.ts';

interface Chunk {
  readonly id?: string;
  readonly body?: string | Buffer;
  readonly range?: string;
  readonly flag?: ContinuationFlag;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly lost?: WholeRequest['lost'];
}

function send(chunk: Chunk): WholeRequest {
  const { id = 'm1', body = '', range, flag = '$', type = 'text/plain', headers = {}, lost } = chunk;
  const fields: Record<string, string> = {
    'to-path': 'msrp://127.0.0.1:2855/abc;tcp',
    'from-path': 'msrp://bob:2/b;tcp',
    ...(id === '' ? {} : { 'message-id': id }),
    ...(range === undefined ? {} : { 'byte-range': range }),
    'content-type': type,
    ...headers,
  };
  const head = { transactId: 'd93kswow', method: 'SEND', headers: new Map(Object.entries(fields)) };
  return { head, body: Buffer.from(body), flag, lost };
}

class Inbox {
  readonly messages: ReceivedMessage[] = [];
  refusal: Error | undefined;
  readonly #requests: IncomingRequests;

  constructor(limits: Partial<MsrpLimits> = {}) {
    const all = { ...MSRP_LIMITS, ...limits };
    this.#requests = new IncomingRequests(
      all,
      new UnfinishedRoom(all.unfinishedRoom, noMetrics),
      (message) => {
        this.messages.push(message);
        return this.refusal === undefined ? Promise.resolve() : Promise.reject(this.refusal);
      },
    );
  }

  async take(chunk: Chunk): Promise<Verdict> {
    return await this.#requests.take(send(chunk));
  }

  async status(chunk: Chunk): Promise<number> {
    return (await this.take(chunk)).status;
  }

  get texts(): string[] {
    return this.messages.map(({ content }) => content.toString());
  }
}

describe('the SENDs of a session', () => {
  it('come to the owner as whole messages, with the type of their first chunk', async () => {
    const inbox = new Inbox();
    expect(await inbox.status({ body: 'hel', range: '1-3/5', flag: '+' })).to.equal(200);
    expect(inbox.messages).to.have.length(0);
    expect(await inbox.status({ body: 'lo', range: '4-5/5', type: '' })).to.equal(200);
    const [message] = inbox.messages;
    expect(message).to.include({ messageId: 'm1', contentType: 'text/plain' });
    expect(message?.content.toString()).to.equal('hello');
    expect(message?.fromPath.map(({ host }) => host)).to.deep.equal(['bob']);
  });

  it('without content are taken and go no further: bind, keep-alive, heartbeat', async () => {
    const inbox = new Inbox();
    expect(await inbox.status({ range: '1-0/0' })).to.equal(200);
    expect(await inbox.status({ id: '' })).to.equal(200);
    expect(await inbox.status({ range: 'nonsense' })).to.equal(200);
    expect(await inbox.status({ headers: { 'keep-alive': 'yes' } })).to.equal(200);
    expect(await inbox.status({ body: 'HEARTBEAT', type: 'text/x-msrp-heartbeat' })).to.equal(200);
    expect(await inbox.status({ body: 'x', type: 'TEXT/x-msrp-heartbeat;charset=utf-8' })).to.equal(200);
    expect(inbox.messages).to.have.length(0);
  });

  it('are answered by what the owner makes of the message', async () => {
    const inbox = new Inbox();
    inbox.refusal = new MessageRefused(415, 'Not this type');
    expect(await inbox.take({ body: 'a' })).to.include({ status: 415, comment: 'Not this type' });
    inbox.refusal = new Error('the disk is full');
    expect(await inbox.take({ body: 'a' })).to.include({ status: 408, comment: 'Not delivered' });
  });

  it('have a report of success when any chunk asked for it and the owner took the message', async () => {
    const wanted = { headers: { 'success-report': 'yes' } };
    const inbox = new Inbox();
    const report = { messageId: 'm1', byteRange: '1-5/5' };
    expect((await inbox.take({ body: 'hello' })).report).to.equal(undefined);
    expect((await inbox.take({ body: 'hello', headers: { 'success-report': 'no' } })).report).to.equal(
      undefined,
    );
    expect((await inbox.take({ body: 'hello', ...wanted })).report).to.deep.equal(report);
    expect((await inbox.take({ body: 'hel', range: '1-3/5', flag: '+', ...wanted })).report).to.equal(
      undefined,
    );
    expect((await inbox.take({ body: 'lo', range: '4-5/5' })).report).to.deep.equal(report);
    inbox.refusal = new MessageRefused(403, 'No');
    expect((await inbox.take({ body: 'hello', ...wanted })).report).to.equal(undefined);
  });

  it('report the length that came, not the one that was claimed', async () => {
    const verdict = await new Inbox().take({
      body: 'äöü',
      range: '1-3/3',
      headers: { 'success-report': 'yes' },
    });
    expect(verdict.report?.byteRange).to.equal('1-6/6');
  });

  it('that cannot be told apart are answered 400', async () => {
    const inbox = new Inbox();
    expect(await inbox.status({ id: '', body: 'hello' })).to.equal(400);
    expect(await inbox.status({ body: 'hello', range: '0-5/5' })).to.equal(400);
    expect(inbox.messages).to.have.length(0);
  });

  it('whose last chunk is empty and comes first are whole with the others', async () => {
    const inbox = new Inbox();
    expect(await inbox.status({ range: '6-5/5' })).to.equal(200);
    expect(await inbox.status({ body: 'hello', range: '1-5/5', flag: '+' })).to.equal(200);
    expect(inbox.texts).to.deep.equal(['hello']);
  });

  it('from nobody who could be named are answered 400', async () => {
    const inbox = new Inbox();
    expect(await inbox.status({ body: 'hello', headers: { 'from-path': 'bob' } })).to.equal(400);
    expect(inbox.messages).to.have.length(0);
  });

  it('given up by their sender are dropped, and their Message-ID may be used again', async () => {
    const inbox = new Inbox();
    await inbox.take({ body: 'hel', range: '1-3/5', flag: '+' });
    expect(await inbox.status({ body: 'l', range: '4-*/5', flag: '#' })).to.equal(200);
    expect(await inbox.status({ body: 'hello', range: '1-5/5' })).to.equal(200);
    expect(inbox.texts).to.deep.equal(['hello']);
  });
});

describe('a message at the limit', () => {
  const limits = { maxMessageBytes: 10 };

  it('is taken, one byte more is answered 413, and the next message is unharmed', async () => {
    const inbox = new Inbox(limits);
    expect(await inbox.status({ body: 'a'.repeat(10) })).to.equal(200);
    expect(await inbox.status({ id: 'm2', body: 'a'.repeat(11) })).to.equal(413);
    expect(await inbox.status({ id: 'm3', lost: 'too long' })).to.equal(413);
    expect(await inbox.status({ id: 'm4', body: 'hello' })).to.equal(200);
    expect(inbox.texts).to.deep.equal(['a'.repeat(10), 'hello']);
  });

  it('counts all chunks together', async () => {
    const inbox = new Inbox(limits);
    expect(await inbox.status({ body: 'aaaaaa', range: '1-6/*', flag: '+' })).to.equal(200);
    expect(await inbox.status({ body: 'aaaaaa', range: '7-12/*', flag: '+' })).to.equal(413);
  });

  it('once refused is over with an empty last chunk too', async () => {
    const inbox = new Inbox(limits);
    await inbox.take({ body: 'a'.repeat(11), range: '1-11/*', flag: '+' });
    expect(await inbox.status({ range: '1-0/0' })).to.equal(413);
    expect(await inbox.status({ body: 'aa', range: '1-2/2' })).to.equal(200);
  });

  it('once refused stays refused to its last chunk', async () => {
    const inbox = new Inbox(limits);
    await inbox.take({ body: 'aaaaaa', range: '1-6/*', flag: '+' });
    await inbox.take({ body: 'aaaaaa', range: '7-12/*', flag: '+' });
    expect(await inbox.status({ body: 'aa', range: '1-2/*', flag: '+' })).to.equal(413);
    expect(await inbox.status({ body: 'aa', range: '1-2/2', flag: '$' })).to.equal(413);
    expect(inbox.messages).to.have.length(0);
    expect(await inbox.status({ body: 'aa', range: '1-2/2', flag: '$' })).to.equal(200);
  });
});

describe('hostile SENDs', () => {
  it('with oversize claims take no memory and are refused', async () => {
    const inbox = new Inbox();
    expect(await inbox.status({ body: 'a', range: '999999999999999-*/*', flag: '+' })).to.equal(413);
    expect(await inbox.status({ id: 'm2', body: 'a', range: '1-999999999999999/999999999999999' })).to.equal(
      200,
    );
    expect(inbox.texts).to.deep.equal(['a']);
  });

  it('that begin messages without end are refused, while whole messages still pass', async () => {
    const inbox = new Inbox({ openMessages: 3 });
    for (const id of ['a', 'b', 'c']) {
      expect(await inbox.status({ id, body: 'x', range: '1-1/*', flag: '+' })).to.equal(200);
    }
    expect(await inbox.status({ id: 'd', body: 'x', range: '1-1/*', flag: '+' })).to.equal(413);
    expect(await inbox.status({ id: 'd', body: 'y', range: '2-2/2' })).to.equal(413);
    expect(await inbox.status({ id: 'e', body: 'whole' })).to.equal(200);
    expect(await inbox.status({ id: 'a', body: 'y', range: '2-2/2' })).to.equal(200);
    expect(inbox.texts).to.deep.equal(['whole', 'xy']);
  });

  it('that leave large unfinished messages behind get no more room than a few of them need', async () => {
    const inbox = new Inbox({ maxMessageBytes: 100, openRoom: 2 });
    const far = { body: 'x', range: '100-100/*', flag: '+' } as const;
    expect(await inbox.status({ ...far, id: 'a' })).to.equal(200);
    expect(await inbox.status({ ...far, id: 'b' })).to.equal(200);
    expect(await inbox.status({ ...far, id: 'c' })).to.equal(413);
  });

  it('in many pieces with holes between are refused at the limit', async () => {
    const inbox = new Inbox({ stretches: 3 });
    const statuses: number[] = [];
    for (const start of [1, 3, 5, 7]) {
      statuses.push(await inbox.status({ body: 'x', range: `${start}-${start}/*`, flag: '+' }));
    }
    expect(statuses).to.deep.equal([200, 200, 200, 413]);
  });
});

describe('messages that come in chunks, interleaved at will', () => {
  it('reach the owner as they were sent, each once', async () => {
    const message = fc.tuple(
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.array(fc.nat(), { maxLength: 6 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { minLength: 1, maxLength: 5 }),
        fc.infiniteStream(fc.nat()),
        async (sent, order) => {
          const inbox = new Inbox();
          const chunks = sent.flatMap(([bytes, cuts], index) => {
            const points = [...new Set([0, ...cuts.map((cut) => cut % bytes.length), bytes.length])];
            points.sort((a, b) => a - b);
            return points.slice(1).map((end, piece) => {
              const start = points[piece] ?? 0;
              const flag: ContinuationFlag = end === bytes.length ? '$' : '+';
              const range = `${start + 1}-${end}/${bytes.length}`;
              const rank = order.next().value as number;
              return { id: `m${index}`, body: Buffer.from(bytes.subarray(start, end)), range, flag, rank };
            });
          });
          chunks.sort((a, b) => a.rank - b.rank);
          for (const chunk of chunks) expect(await inbox.status(chunk)).to.equal(200);
          const got = inbox.messages.map(
            ({ messageId, content }) => `${messageId} ${content.toString('hex')}`,
          );
          const wanted = sent.map(([bytes], index) => `m${index} ${Buffer.from(bytes).toString('hex')}`);
          expect(got.sort()).to.deep.equal(wanted.sort());
        },
      ),
    );
  });
});
