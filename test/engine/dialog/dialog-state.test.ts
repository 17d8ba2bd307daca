import { expect } from 'chai';
import {
  afterRequest,
  afterResponse,
  dialogOfClient,
  dialogOfServer,
  nextRequest,
} from '../../../src/engine/dialog/dialog-state.ts';
import type { DialogState } from '../../../src/engine/dialog/dialog-state.ts';
import { parseMessage } from '../../../src/engine/message/parse-message.ts';
import { SipHeaders } from '../../../src/engine/message/sip-message.ts';
import type { SipRequest, SipResponse } from '../../../src/engine/message/sip-message.ts';
import { collectedHeap } from '../../fuzz/heap.ts';

const body = Buffer.alloc(0);

function request(method: string, cseq: number, headers: Record<string, string> = {}): SipRequest {
  return {
    kind: 'request',
    method,
    uri: 'sip:bob@example.test',
    body,
    headers: SipHeaders.from([
      ['From', '"Al" <sip:al@example.test>;tag=al'],
      ['To', '<sip:bob@example.test>'],
      ['Call-ID', 'c'],
      ['CSeq', `${cseq} ${method}`],
      ['Contact', '<sip:al@192.0.2.1>'],
      ...Object.entries(headers),
    ]),
  };
}

function response(headers: Record<string, string> = {}): SipResponse {
  return {
    kind: 'response',
    status: 200,
    reason: 'OK',
    body,
    headers: SipHeaders.from([
      ['To', '<sip:bob@example.test>;tag=bob'],
      ['Contact', '<sip:bob@192.0.2.2;transport=tcp>;expires=3'],
      ...Object.entries(headers),
    ]),
  };
}

const ROUTE = '<sip:p1.test;lr>, <sip:p2.test;lr>';
const routes = (next: ReturnType<typeof nextRequest>): string[] =>
  next.headers.filter(([name]) => name === 'Route').map(([, value]) => value);

describe('the state of a dialog (RFC 3261 §12)', () => {
  it('of the one who answers: route as recorded, the caller’s Contact, the caller’s CSeq', () => {
    const state = dialogOfServer(request('INVITE', 7, { 'Record-Route': ROUTE }), response());
    expect(state).to.deep.equal({
      callId: 'c',
      localTag: 'bob',
      remoteTag: 'al',
      localAddress: '<sip:bob@example.test>;tag=bob',
      remoteAddress: '"Al" <sip:al@example.test>;tag=al',
      remoteTarget: 'sip:al@192.0.2.1',
      routeSet: ['<sip:p1.test;lr>', '<sip:p2.test;lr>'],
      localSequence: 0,
      remoteSequence: 7,
    });
  });

  it('of the one who asks: route backwards, the callee’s Contact, our own CSeq', () => {
    const state = dialogOfClient(request('INVITE', 3), response({ 'Record-Route': ROUTE }));
    expect(state.routeSet).to.deep.equal(['<sip:p2.test;lr>', '<sip:p1.test;lr>']);
    expect(state.remoteTarget).to.equal('sip:bob@192.0.2.2;transport=tcp');
    expect(state.localTag).to.equal('al');
    expect(state.remoteTag).to.equal('bob');
    expect(state.localSequence).to.equal(3);
    expect(state.remoteSequence).to.equal(undefined);
  });

  it('writes our next request: CSeq one higher, both addresses with their tags', () => {
    const state = dialogOfClient(request('INVITE', 3), response());
    const next = nextRequest(state, 'INFO');
    expect(next.uri).to.equal('sip:bob@192.0.2.2;transport=tcp');
    expect(next.nextHop).to.equal(next.uri);
    expect(next.headers).to.deep.equal([
      ['From', '"Al" <sip:al@example.test>;tag=al'],
      ['To', '<sip:bob@example.test>;tag=bob'],
      ['Call-ID', 'c'],
      ['CSeq', '4 INFO'],
    ]);
    expect(nextRequest(next.state, 'BYE').headers.at(-1)).to.deep.equal(['CSeq', '5 BYE']);
  });

  it('gives an ACK the number of its INVITE and counts nothing', () => {
    const state = dialogOfClient(request('INVITE', 3), response());
    const ack = nextRequest(state, 'ACK', 3);
    expect(ack.headers.at(-1)).to.deep.equal(['CSeq', '3 ACK']);
    expect(ack.state).to.equal(state);
  });

  it('sends to the first loose router, and gives a strict one the Request-URI (§12.2.1.1)', () => {
    const loose = nextRequest(
      dialogOfServer(request('INVITE', 1, { 'Record-Route': ROUTE }), response()),
      'BYE',
    );
    expect(loose.uri).to.equal('sip:al@192.0.2.1');
    expect(loose.nextHop).to.equal('sip:p1.test;lr');
    expect(routes(loose)).to.deep.equal(['<sip:p1.test;lr>', '<sip:p2.test;lr>']);
    const recorded = { 'Record-Route': '<sip:old.test>, <sip:p2.test;lr>' };
    const strict = nextRequest(dialogOfServer(request('INVITE', 1, recorded), response()), 'BYE');
    expect(strict.uri).to.equal('sip:old.test');
    expect(strict.nextHop).to.equal('sip:old.test');
    expect(routes(strict)).to.deep.equal(['<sip:p2.test;lr>', '<sip:al@192.0.2.1>']);
  });

  it('takes requests in order only, gaps allowed (§12.2.2)', () => {
    const state = dialogOfServer(request('INVITE', 7), response());
    expect(afterRequest(state, request('INFO', 6))).to.equal('out-of-order');
    expect(afterRequest(state, request('INFO', 7))).to.equal('out-of-order');
    expect(afterRequest(state, request('ACK', 7))).to.equal(state);
    expect((afterRequest(state, request('INFO', 9)) as DialogState).remoteSequence).to.equal(9);
  });

  it('follows a Contact in target refresh requests and their 2xx, and in no other', () => {
    const state = dialogOfServer(request('INVITE', 7), response());
    const moved = { Contact: '<sip:al@198.51.100.7>' };
    const refreshed = (method: string): string =>
      (afterRequest(state, moveTo(request(method, 8), moved.Contact)) as DialogState).remoteTarget;
    expect(refreshed('INVITE')).to.equal('sip:al@198.51.100.7');
    expect(refreshed('UPDATE')).to.equal('sip:al@198.51.100.7');
    expect(refreshed('INFO')).to.equal('sip:al@192.0.2.1');
    expect(afterResponse(state, 'INVITE', response()).remoteTarget).to.equal(
      'sip:bob@192.0.2.2;transport=tcp',
    );
    expect(afterResponse(state, 'INFO', response())).to.equal(state);
    expect(afterResponse(state, 'INVITE', { ...response(), status: 488 })).to.equal(state);
  });

  it('survives a peer whose Contact and Record-Route cannot be read', () => {
    const broken = moveTo(request('INVITE', 1, { 'Record-Route': '<<>>' }), '"');
    const state = dialogOfServer(broken, response());
    expect(state.remoteTarget).to.equal('sip:al@example.test');
    expect(() => nextRequest(state, 'BYE')).to.not.throw();
  });

  it('long messages: holds its own parts alone, not the text they came in', () => {
    const text = [
      'SUBSCRIBE sip:bob@example.test SIP/2.0',
      'Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKlong-enough',
      'From: <sip:somebody-with-a-name@example.test>;tag=a-long-enough-tag',
      'To: <sip:bob@example.test>',
      'Call-ID: a-call-id-that-is-no-short-string',
      'CSeq: 1 SUBSCRIBE',
      'Contact: <sip:somebody-with-a-name@192.0.2.7:5060>',
      'Record-Route: <sip:192.0.2.99:5060;lr;some=parameter>',
      `Subject: ${'s'.repeat(40_000)}`,
    ].join('\r\n');
    const kept: DialogState[] = [];
    const before = collectedHeap();
    for (let i = 0; i < 200; i++) {
      const message = parseMessage(Buffer.from(`${text}\r\n\r\n`));
      if (message.kind !== 'request') throw new TypeError('a request was expected');
      const begun = dialogOfServer(message, response());
      const later = afterRequest(begun, { ...message, headers: cseq(message.headers, '2 SUBSCRIBE') });
      if (later !== 'out-of-order') kept.push(later);
    }
    const each = (collectedHeap() - before) / kept.length;
    expect(kept).to.have.length(200);
    expect(each).to.be.below(10_000);
  });
});

function moveTo(from: SipRequest, contact: string): SipRequest {
  const headers = from.headers.clone();
  headers.set('Contact', contact);
  return { ...from, headers };
}

function cseq(headers: SipHeaders, value: string): SipHeaders {
  const changed = headers.clone();
  changed.set('CSeq', value);
  return changed;
}
