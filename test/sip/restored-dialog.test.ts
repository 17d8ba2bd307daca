import { expect } from 'chai';
import type { DrachtioRequest } from '../../src/sip/drachtio.ts';
import { SIP_LIMITS } from '../../src/sip/limits.ts';
import { SipRefusal } from '../../src/sip/refusal.ts';
import {
  formatRecord,
  nextSequence,
  notifyIn,
  readRecord,
  recordOf,
  recordedId,
  refreshed,
  requestedId,
} from '../../src/sip/restored-dialog.ts';
import { sipRequest } from '../doubles/sip-request.ts';

const HEADERS = {
  'Call-ID': 'abc@192.0.2.7',
  From: '"Alice, at home" <sip:alice@example.test>;tag=theirs',
  To: '<sip:alice@example.test>',
  CSeq: '5 SUBSCRIBE',
  Contact: '"A" <sip:alice@192.0.2.7:5070;transport=tcp>;expires=60, <sip:other@192.0.2.9>',
  'Record-Route': '<sip:192.0.2.1;lr;ftag=a,b>, <sip:192.0.2.2:5080;lr>',
};

type Headers = Readonly<Record<string, string | undefined>>;

/** A header that is undefined is not there. */
const subscribe = (headers: Headers = {}): DrachtioRequest => {
  const all: Headers = { ...HEADERS, ...headers };
  const given = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  return sipRequest({ method: 'SUBSCRIBE', headers: Object.fromEntries(given) as Record<string, string> });
};

const inDialog = (headers: Headers = {}): DrachtioRequest =>
  subscribe({ To: '<sip:alice@example.test>;tag=ours', CSeq: '6 SUBSCRIBE', ...headers });

const record = recordOf(subscribe(), 'ours');

const NOTIFICATION = {
  subscriptionState: 'active;expires=60',
  event: 'message-summary',
  contentType: 'application/simple-message-summary',
  body: 'Messages-Waiting: no\r\n',
};

function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof SipRefusal) return error.message;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('the record of a subscriber’s dialog', () => {
  it('is found again by what requests in the dialog say of it, and by nothing else', () => {
    expect(recordedId(record)).to.equal(requestedId(inDialog()));
    expect(recordedId(record)).to.match(/^[\w-]{1,64}$/);
    const others = [
      { 'Call-ID': 'ABC@192.0.2.7' },
      { To: '<sip:alice@example.test>;tag=other' },
      { From: '<sip:alice@example.test>;tag=other' },
      { To: '<sip:alice@example.test>' },
    ];
    for (const other of others) expect(requestedId(inDialog(other))).not.to.equal(recordedId(record));
  });

  it('can be kept as text and read again', () => {
    expect(readRecord(formatRecord(record))).to.deep.equal(record);
    for (const text of ['', 'null', '{}', '{"callId":1}', formatRecord(record).slice(1)]) {
      expect(readRecord(text), text).to.equal(undefined);
    }
  });

  it('makes a NOTIFY to the Contact along the recorded route, between the tags of the dialog', () => {
    expect(notifyIn(record, 77, NOTIFICATION)).to.deep.equal({
      uri: 'sip:alice@192.0.2.7:5070;transport=tcp',
      options: {
        method: 'NOTIFY',
        proxy: 'sip:192.0.2.1;lr;ftag=a,b',
        headers: {
          Route: '<sip:192.0.2.1;lr;ftag=a,b>, <sip:192.0.2.2:5080;lr>',
          From: '<sip:alice@example.test>;tag=ours',
          To: '"Alice, at home" <sip:alice@example.test>;tag=theirs',
          'Call-ID': 'abc@192.0.2.7',
          CSeq: '77 NOTIFY',
          Event: 'message-summary',
          'Subscription-State': 'active;expires=60',
          'Content-Type': 'application/simple-message-summary',
        },
        body: 'Messages-Waiting: no\r\n',
      },
    });
  });

  it('without a recorded route sends it to the Contact itself', () => {
    const { options } = notifyIn(recordOf(subscribe({ 'Record-Route': undefined }), 'ours'), 1, {
      subscriptionState: 'terminated;reason=timeout',
      event: 'message-summary;id=7',
    });
    expect(options).not.to.have.any.keys('proxy', 'body');
    expect(options.headers).not.to.have.any.keys('Route', 'Content-Type');
  });

  it('puts a To without brackets into them: the tag is the header’s', () => {
    const { local } = recordOf(subscribe({ To: 'sip:alice@example.test' }), 'ours');
    expect(local).to.equal('<sip:alice@example.test>;tag=ours');
  });

  it('follows the Contact of a refresh, and keeps its route', () => {
    const moved = inDialog({ Contact: '<sip:alice@192.0.2.8>', 'Record-Route': '<sip:192.0.2.66;lr>' });
    const next = refreshed(record, moved);
    expect(next).to.deep.equal({ ...record, target: 'sip:alice@192.0.2.8', sequence: 6 });
    expect(refreshed(record, inDialog({ Contact: undefined })).target).to.equal(record.target);
  });

  it('refuses a request that comes too late with 500, not one that is repeated', () => {
    expect(refusalOf(() => refreshed(record, inDialog({ CSeq: '4 SUBSCRIBE' })))).to.match(/^500 /);
    expect(refreshed(record, inDialog({ CSeq: '5 SUBSCRIBE' })).sequence).to.equal(5);
  });

  it('refuses a SUBSCRIBE nobody could be notified of with 400', () => {
    for (const contact of [undefined, '', '*', '<>', 'nonsense']) {
      expect(
        refusalOf(() => recordOf(subscribe({ Contact: contact }), 'ours')),
        contact,
      ).to.match(/^400 /);
    }
  });

  it('memory exhaustion: refuses one that is too long to keep with 513', () => {
    const long = (bytes: number): DrachtioRequest => subscribe({ 'Call-ID': 'x'.repeat(bytes) });
    const rest = formatRecord(recordOf(long(0), 'ours')).length;
    const most = SIP_LIMITS.dialogRecord - rest;
    expect(recordOf(long(most), 'ours').callId).to.have.length(most);
    expect(refusalOf(() => recordOf(long(most + 1), 'ours'))).to.match(/^513 /);
    expect(refusalOf(() => recordOf(long(100_000), 'ours'))).to.match(/^513 /);
  });

  it('header injection: no value ends its own line', () => {
    const evil = 'x\r\nX-Evil: 1';
    const made = recordOf(subscribe({ 'Call-ID': evil, From: `<sip:a@b>;tag=${evil}` }), 'ours');
    const { options } = notifyIn(made, 1, NOTIFICATION);
    for (const value of Object.values(options.headers)) expect(value).not.to.match(/[\r\n]/);
  });
});

describe('the CSeq of a restored dialog', () => {
  it('grows with the clock and with every NOTIFY, and stays below 2**31', () => {
    const now = Date.UTC(2026, 0, 1);
    const first = nextSequence(0, now);
    expect(nextSequence(first, now)).to.equal(first + 1);
    expect(nextSequence(first, now + 1_000)).to.equal(first + 4);
    expect(nextSequence(first, now - 60_000), 'a clock that is set back').to.equal(first + 1);
    expect(nextSequence(0, Date.UTC(2041, 11, 31))).to.be.lessThan(2 ** 31);
  });
});
