import { expect } from 'chai';
import { MessageRefused } from '../../src/msrp/errors.ts';
import type { MsrpLimits } from '../../src/msrp/limits.ts';
import { responseTo, successReport } from '../../src/msrp/answers.ts';
import type { RequestHead } from '../../src/msrp/frame.ts';
import { serializeRequest, serializeResponse } from '../../src/msrp/serializer.ts';
import { settle } from '../doubles/fake-clock.ts';
import { msrpRequest } from '../doubles/raw-msrp-client.ts';
import { Assembly, FIXTURE_PEER, FIXTURE_SESSION } from './assembly.ts';

const OWN = 'msrp://127.0.0.1:2855/abc;tcp';

function head(headers: Readonly<Record<string, string>>, method = 'SEND'): RequestHead {
  const paths = { 'to-path': OWN, 'from-path': 'msrp://relay:1/r+1;tcp msrp://bob:2/b;tcp' };
  return { transactId: 'd93kswow', method, headers: new Map(Object.entries({ ...paths, ...headers })) };
}

const answer = (
  headers: Readonly<Record<string, string>>,
  status: number,
  method?: string,
): string | undefined => responseTo(head(headers, method), status, 'Some comment')?.toString();

describe('the response to a request', () => {
  it('goes to the first URI of From-Path alone, from the last of To-Path', () => {
    expect(answer({}, 200)).to.equal(
      [
        'MSRP d93kswow 200 Some comment',
        'To-Path: msrp://relay:1/r+1;tcp',
        `From-Path: ${OWN}`,
        '-------d93kswow$',
        '',
      ].join('\r\n'),
    );
  });

  it('is from us, who are the last in To-Path, whatever stands before', () => {
    const relayed = answer({ 'to-path': `msrp://relay:1/x;tcp  ${OWN}` }, 200);
    expect(relayed).to.include(`\r\nFrom-Path: ${OWN}\r\n`);
  });

  it('is given or not as Failure-Report says', () => {
    expect(answer({ 'failure-report': 'yes' }, 200)).to.be.a('string');
    expect(answer({ 'failure-report': 'yes' }, 413)).to.be.a('string');
    expect(answer({ 'failure-report': 'Partial' }, 200)).to.equal(undefined);
    expect(answer({ 'failure-report': 'partial' }, 413)).to.be.a('string');
    expect(answer({ 'failure-report': 'NO' }, 200)).to.equal(undefined);
    expect(answer({ 'failure-report': 'no' }, 413)).to.equal(undefined);
  });

  it('is never given to a REPORT, nor where there is no way back', () => {
    expect(answer({}, 200, 'REPORT')).to.equal(undefined);
    expect(answer({}, 481, 'REPORT')).to.equal(undefined);
    expect(answer({ 'from-path': '' }, 400)).to.equal(undefined);
  });

  it('says no From-Path when the request said no To-Path', () => {
    expect(answer({ 'to-path': '' }, 400)).to.equal(
      'MSRP d93kswow 400 Some comment\r\nTo-Path: msrp://relay:1/r+1;tcp\r\n-------d93kswow$\r\n',
    );
  });
});

describe('the report of success', () => {
  it('goes along the whole path and has Message-ID, Byte-Range and Status', () => {
    const report = successReport(head({}), 'a1b2c3d4', { messageId: 'm1', byteRange: '1-5/5' });
    expect(report.toString()).to.equal(
      [
        'MSRP a1b2c3d4 REPORT',
        'To-Path: msrp://relay:1/r+1;tcp msrp://bob:2/b;tcp',
        `From-Path: ${OWN}`,
        'Message-ID: m1',
        'Byte-Range: 1-5/5',
        'Status: 000 200 OK',
        '-------a1b2c3d4$',
        '',
      ].join('\r\n'),
    );
  });
});

describe('what we write', () => {
  it('lets no value smuggle in a line of its own', () => {
    const request = serializeRequest({
      transactId: 'd93kswow',
      method: 'SEND',
      headers: [['Message-ID', 'm1\r\nStatus: 000 200 OK']],
    });
    expect(request.toString().split('\r\n')).to.have.length(4);
    const response = serializeResponse({
      transactId: 'd93kswow',
      status: 413,
      comment: 'a\r\n-------d93kswow$\r\nMSRP x',
      headers: [],
    });
    expect(response.toString().split('\r\n')).to.have.length(3);
  });

  it('puts a body between a blank line and the end-line, byte for byte', () => {
    const body = Buffer.from([0, 255, 13, 10]);
    const request = serializeRequest({
      transactId: 'd93kswow',
      method: 'SEND',
      headers: [['A', 'b']],
      body,
      flag: '+',
    });
    expect(request.toString('latin1')).to.equal(
      'MSRP d93kswow SEND\r\nA: b\r\n\r\n\u0000\u00ff\r\n\r\n-------d93kswow+\r\n',
    );
  });

  it('ends a response without a comment with its status', () => {
    const response = serializeResponse({ transactId: 'd93kswow', status: 200, comment: '', headers: [] });
    expect(response.toString()).to.equal('MSRP d93kswow 200\r\n-------d93kswow$\r\n');
  });
});

interface Case {
  /** The transaction that is looked at has the id `asked001`. */
  readonly asked: Partial<Parameters<typeof msrpRequest>[0]>;
  readonly status: number;
  /** Sent before, and answered whatever it may be. */
  readonly before?: readonly Buffer[];
  readonly limits?: Partial<MsrpLimits>;
  readonly refusal?: Error;
  /** Another connection speaks in the session first. */
  readonly taken?: true;
}

const TO = `msrp://127.0.0.1:2855/${FIXTURE_SESSION};tcp`;

function request(asked: Case['asked']): Buffer {
  return msrpRequest({ transactId: 'asked001', to: TO, from: FIXTURE_PEER, ...asked });
}

const range = (text: string): string[] => [
  'Message-ID: m1',
  `Byte-Range: ${text}`,
  'Content-Type: text/plain',
];

const begun = (id: string, bytes = 1): Buffer =>
  request({
    transactId: `begun-${id}`,
    headers: [`Message-ID: ${id}`, 'Byte-Range: 1-*/*', 'Content-Type: text/plain'],
    body: 'x'.repeat(bytes),
    flag: '+',
  });

/** RFC 4975 §10, for what we receive. */
const CASES: Readonly<Record<string, Case>> = {
  'an empty SEND that binds': { asked: { headers: ['Message-ID: m1', 'Byte-Range: 1-0/0'] }, status: 200 },
  'a keep-alive without a Message-ID': { asked: { headers: ['Keep-Alive: yes'] }, status: 200 },
  'a whole message': { asked: { headers: range('1-5/5'), body: 'hello' }, status: 200 },
  'a message without content type, if its owner takes it': {
    asked: { headers: ['Message-ID: m1', 'Byte-Range: 1-5/5'], body: 'hello' },
    status: 200,
  },
  'a chunk that leaves its message open': {
    asked: { headers: range('1-5/10'), body: 'hello', flag: '+' },
    status: 200,
  },
  'a message that is given up': {
    asked: { headers: range('1-5/10'), body: 'hello', flag: '#' },
    status: 200,
  },
  'a line that is no header': { asked: { headers: ['no header'] }, status: 400 },
  'a To-Path that is no URI': { asked: { to: 'alice', headers: range('1-5/5'), body: 'hello' }, status: 400 },
  'a From-Path that is no URI': {
    asked: { from: 'bob', headers: range('1-5/5'), body: 'hello' },
    status: 400,
  },
  'a Byte-Range that cannot be read': { asked: { headers: range('5'), body: 'hello' }, status: 400 },
  'content without a Message-ID': { asked: { headers: ['Byte-Range: 1-5/5'], body: 'hello' }, status: 400 },
  'a message that could not be stored': {
    asked: { headers: range('1-5/5'), body: 'hello' },
    refusal: new Error('the disk is full'),
    status: 408,
  },
  'a whole message when others take all the room': {
    asked: { headers: range('1-5/5'), body: 'hello' },
    before: [begun('m2', 98)],
    limits: { unfinishedRoom: 100, maxMessageBytes: 98 },
    status: 408,
  },
  'an unfinished message when others take all the room': {
    asked: { headers: range('1-5/*'), body: 'hello', flag: '+' },
    before: [begun('m2', 98)],
    limits: { unfinishedRoom: 100, maxMessageBytes: 98 },
    status: 413,
  },
  'a chunk longer than any message': {
    asked: { headers: range('1-101/101'), body: 'x'.repeat(101) },
    limits: { maxMessageBytes: 100 },
    status: 413,
  },
  'a chunk that lies beyond any message': {
    asked: { headers: range('101-101/*'), body: 'x', flag: '+' },
    limits: { maxMessageBytes: 100 },
    status: 413,
  },
  'a chunk at a place nobody can count to': {
    asked: { headers: range(`${'9'.repeat(40)}-*/*`), body: 'x', flag: '+' },
    status: 413,
  },
  'one unfinished message too many': {
    asked: { headers: range('1-1/*'), body: 'x', flag: '+' },
    before: [begun('m2'), begun('m3')],
    limits: { openMessages: 2 },
    status: 413,
  },
  'the last chunk of a message that was refused': {
    asked: { headers: range('1-1/1'), body: 'x' },
    before: [begun('m1', 101)],
    limits: { maxMessageBytes: 100 },
    status: 413,
  },
  'a type that its owner does not take': {
    asked: { headers: range('1-5/5'), body: 'hello' },
    refusal: new MessageRefused(415, 'Not this type'),
    status: 415,
  },
  'a session nobody knows': {
    asked: { to: 'msrp://127.0.0.1:2855/unknown;tcp', headers: range('1-5/5'), body: 'hello' },
    status: 481,
  },
  'a path without a session': {
    asked: { to: 'msrp://127.0.0.1:2855;tcp', headers: range('1-5/5'), body: 'hello' },
    status: 481,
  },
  'a method nobody knows': { asked: { method: 'FILE_OFFSET' }, status: 501 },
  'a method nobody knows in a session nobody knows': {
    asked: { method: 'NICKNAME', to: 'msrp://127.0.0.1:2855/unknown;tcp' },
    status: 501,
  },
  'AUTH, which is for relays': {
    asked: { method: 'AUTH', to: 'msrps://127.0.0.1:2856;tcp' },
    status: 501,
  },
  'a method nobody knows with a body': { asked: { method: 'NICKNAME', body: 'x' }, status: 501 },
  'a session that is bound to another connection': {
    asked: { headers: range('1-5/5'), body: 'hello' },
    taken: true,
    status: 506,
  },
};

async function answers(asked: Case['asked'], each: Omit<Case, 'asked' | 'status'> = {}): Promise<string[]> {
  const assembly = new Assembly(each.limits);
  const { refusal } = each;
  assembly.open(() => (refusal === undefined ? Promise.resolve() : Promise.reject(refusal)));
  if (each.taken) assembly.connect().feed(begun('m2'));
  const link = assembly.connect();
  link.feed(...(each.before ?? []), request(asked));
  await settle();
  assembly.close();
  await settle();
  expect(assembly.clock.pendingTimers).to.equal(0);
  expect(assembly.room.taken).to.equal(0);
  return link.answers.filter((answer) => answer.startsWith('asked001'));
}

describe('what a request is answered', () => {
  for (const [what, { asked, status, ...rest }] of Object.entries(CASES)) {
    it(`is ${status} for ${what}, as Failure-Report asks`, async () => {
      const ask = async (wanted: string): Promise<string[]> =>
        await answers(
          { ...asked, headers: [...(asked.headers ?? []), ...wanted.split('\n').filter(Boolean)] },
          rest,
        );
      const said = [`asked001 ${status}`];
      expect(await ask('')).to.deep.equal(said);
      expect(await ask('Failure-Report: yes')).to.deep.equal(said);
      expect(await ask('Failure-Report: perhaps')).to.deep.equal(said);
      expect(await ask('Failure-Report: partial')).to.deep.equal(status === 200 ? [] : said);
      expect(await ask('Failure-Report: no')).to.deep.equal([]);
      // A second field of one name says nothing.
      expect(await ask('Failure-Report: no\nFailure-Report: yes')).to.deep.equal([]);
    });
  }

  for (const to of [TO, 'msrp://127.0.0.1:2855/unknown;tcp', 'alice']) {
    it(`is nothing for a REPORT to ${to}`, async () => {
      const headers = ['Message-ID: m1', 'Byte-Range: 1-5/5', 'Status: 000 200 OK'];
      expect(await answers({ method: 'REPORT', to, headers })).to.deep.equal([]);
      expect(await answers({ method: 'REPORT', to, headers: ['no header'] })).to.deep.equal([]);
    });
  }

  it('waits for the owner of the message, and so does the report of success', async () => {
    const assembly = new Assembly();
    let stored = (): void => undefined;
    assembly.open(() => new Promise((resolve) => (stored = resolve)));
    const link = assembly.connect();
    link.feed(request({ headers: [...range('1-5/5'), 'Success-Report: yes'], body: 'hello' }));
    await settle();
    expect(link.answers).to.deep.equal([]);
    stored();
    await settle();
    expect(link.answers).to.deep.equal(['asked001 200', 'REPORT m1']);
    assembly.close();
  });
});
