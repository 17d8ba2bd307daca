import { expect } from 'chai';
import { responseTo, successReport } from '../../src/msrp/answers.ts';
import type { RequestHead } from '../../src/msrp/frame.ts';
import { serializeRequest, serializeResponse } from '../../src/msrp/serializer.ts';

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
