import { expect } from 'chai';
import { parseApplicationMessage } from '../../../src/engine/control/application-message.ts';
import { parseMessage } from '../../../src/engine/message/parse-message.ts';
import { serializeMessage } from '../../../src/engine/message/serialize-message.ts';
import type { SipRequest } from '../../../src/engine/message/sip-message.ts';
import { applicationFields } from '../../../src/engine/user-agent/application-fields.ts';
import { composeRequest } from '../../../src/engine/user-agent/compose-request.ts';
import { composeResponse } from '../../../src/engine/user-agent/compose-response.ts';
import { shownToApplication } from '../../../src/engine/user-agent/binary-bodies.ts';

const WAY = {
  via: 'UDP 192.0.2.5:5060',
  branch: 'z9hG4bKx',
  contact: '<sip:192.0.2.5:5060>',
  hostPort: '192.0.2.5:5060',
};

function request(text: string): SipRequest {
  const message = parseApplicationMessage(Buffer.from(text));
  if (message.start.kind !== 'request') throw new TypeError('a request was expected');
  const { method, uri } = message.start;
  const fields = applicationFields(message);
  return composeRequest({ method, uri, fields, body: message.body, localTag: 'tag1', callId: 'call1' }, WAY);
}

describe('a request of an application', () => {
  it('is filled in where the application says nothing', () => {
    const text = serializeMessage(request('INVITE sip:bob@example.test SIP/2.0\r\n\r\nv=0\r\n')).toString();
    expect(text).to.equal(
      [
        'INVITE sip:bob@example.test SIP/2.0',
        'Via: SIP/2.0/UDP 192.0.2.5:5060;branch=z9hG4bKx;rport',
        'Max-Forwards: 70',
        'From: <sip:192.0.2.5:5060>;tag=tag1',
        'To: <sip:bob@example.test>',
        'Call-ID: call1',
        'CSeq: 1 INVITE',
        'Contact: <sip:192.0.2.5:5060>',
        'Content-Type: application/sdp',
        'Content-Length: 5',
        '',
        'v=0\r\n',
      ].join('\r\n'),
    );
  });

  it('keeps the application’s From, To, Call-ID, CSeq, Contact and Max-Forwards', () => {
    const { headers } = request(
      'MESSAGE sip:bob@example.test SIP/2.0\r\nf: sip:al@example.test\r\nTo: "B" <sip:b@example.test>\r\ni: mine\r\ncseq: 9 MESSAGE\r\ncontact: <sip:al@localhost>\r\nmax-forwards: 5\r\n\r\n',
    );
    expect(headers.get('From')).to.equal('<sip:al@example.test>;tag=tag1');
    expect(headers.get('To')).to.equal('"B" <sip:b@example.test>');
    expect(headers.get('Call-ID')).to.equal('mine');
    expect(headers.get('CSeq')).to.equal('9 MESSAGE');
    expect(headers.get('Contact')).to.equal('<sip:al@192.0.2.5:5060>');
    expect(headers.get('Max-Forwards')).to.equal('5');
  });

  it('of a dialog that only the application knows keeps its Route, in order and before From', () => {
    const text = serializeMessage(
      request(
        'NOTIFY sip:phone@192.0.2.7 SIP/2.0\r\nFrom: <sip:al@example.test>;tag=ours\r\nTo: <sip:al@example.test>;tag=theirs\r\nCall-ID: theirs\r\nCSeq: 1700000000 NOTIFY\r\nroute: <sip:192.0.2.1;lr>, <sip:192.0.2.2;lr>\r\nRoute: <sip:192.0.2.3;lr>\r\n\r\n',
      ),
    ).toString();
    expect(text.split('\r\n').slice(3, 9)).to.deep.equal([
      'Route: <sip:192.0.2.1;lr>, <sip:192.0.2.2;lr>, <sip:192.0.2.3;lr>',
      'From: <sip:al@example.test>;tag=ours',
      'To: <sip:al@example.test>;tag=theirs',
      'Call-ID: theirs',
      'CSeq: 1700000000 NOTIFY',
      'Contact: <sip:192.0.2.5:5060>',
    ]);
  });

  it('in a dialog the engine knows takes the dialog’s Route and not its own', () => {
    const message = parseApplicationMessage(
      Buffer.from('NOTIFY sip:placeholder SIP/2.0\r\nRoute: <sip:evil>\r\n\r\n'),
    );
    const { headers } = composeRequest(
      {
        method: 'NOTIFY',
        uri: 'sip:phone@192.0.2.7',
        fields: applicationFields(message),
        body: message.body,
        localTag: '',
        callId: '',
        dialogHeaders: [['Route', '<sip:192.0.2.1;lr>']],
      },
      WAY,
    );
    expect(headers.all('Route')).to.deep.equal(['<sip:192.0.2.1;lr>']);
  });

  it('drops its Via, Route, Record-Route and Content-Length', () => {
    const text = serializeMessage(
      request(
        'OPTIONS sip:b@example.test SIP/2.0\r\nVia: evil\r\nv: evil\r\nRoute: <sip:evil>\r\nRecord-Route: <sip:evil>\r\nContent-Length: 99\r\nl: 98\r\n\r\n',
      ),
    ).toString();
    expect(text).to.not.contain('evil');
    expect(text.match(/Content-Length/g)).to.have.length(1);
    expect(text).to.contain('Content-Length: 0');
  });

  it('cannot have a body of unknown type', () => {
    expect(() => request('MESSAGE sip:b@example.test SIP/2.0\r\n\r\nhi')).to.throw('missing content-type');
  });

  it('header injection: no value ends its own line', () => {
    const composed = request(
      'OPTIONS sip:b@example.test SIP/2.0\r\nSubject: a\rX-Evil: 1\nX-Evil: 2\r\n\r\n',
    );
    const again = parseMessage(serializeMessage(composed));
    expect(again.headers.has('X-Evil')).to.equal(false);
  });
});

describe('a response of an application', () => {
  const invite = parseMessage(
    Buffer.from(
      'INVITE sip:b@example.test SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP b\r\nRecord-Route: <sip:p;lr>\r\nFrom: <sip:a@x>;tag=f\r\nTo: <sip:b@x>\r\nCall-ID: c\r\nCSeq: 3 INVITE\r\nContact: <sip:a@x>\r\n\r\n',
    ),
  ) as SipRequest;

  function response(text: string): string {
    const message = parseApplicationMessage(Buffer.from(text));
    if (message.start.kind !== 'response') throw new TypeError('a response was expected');
    const { status, reason } = message.start;
    return serializeMessage(
      composeResponse({
        request: invite,
        status,
        reason,
        fields: applicationFields(message),
        body: message.body,
        localTag: 'ours',
        contact: () => WAY.contact,
      }),
    ).toString();
  }

  it('amplification: long lists of Via and Record-Route do not make it a multiple of its request', () => {
    const many = 'a,'.repeat(500);
    const bytes = Buffer.from(
      `INVITE sip:b@example.test SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1,${many}a\r\nRecord-Route: <sip:p;lr>,${many}a\r\nFrom: <sip:a@x>;tag=f\r\nTo: <sip:b@x>\r\nCall-ID: c\r\nCSeq: 3 INVITE\r\nContact: <sip:a@x>\r\n\r\n`,
    );
    const answer = composeResponse({
      request: parseMessage(bytes) as SipRequest,
      status: 200,
      reason: '',
      fields: { settable: new Map(), others: [] },
      body: Buffer.alloc(0),
      localTag: 'ours',
      contact: () => WAY.contact,
    });
    expect(serializeMessage(answer).length).to.be.below(bytes.length + 100);
  });

  it('to an INVITE repeats its Vias and route, and has our tag and Contact', () => {
    expect(response('SIP/2.0 200 OK\r\nX-Y: z\r\nVia: evil\r\nRoute: <sip:evil>\r\nTo: <sip:evil>')).to.equal(
      'SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP b\r\nFrom: <sip:a@x>;tag=f\r\nTo: <sip:b@x>;tag=ours\r\nCall-ID: c\r\nCSeq: 3 INVITE\r\nRecord-Route: <sip:p;lr>\r\nContact: <sip:192.0.2.5:5060>\r\nX-Y: z\r\nContent-Length: 0\r\n\r\n',
    );
  });

  it('that refuses has neither route nor Contact of ours, and the usual phrase', () => {
    const text = response('SIP/2.0 302\r\nContact: <sip:elsewhere>');
    expect(text).to.match(/^SIP\/2\.0 302 \S+/);
    expect(text).to.contain('Contact: <sip:elsewhere>\r\n');
    expect(text).to.not.contain('Record-Route');
  });
});

describe('a message shown to an application', () => {
  const message = (body: Buffer): SipRequest =>
    parseMessage(
      Buffer.concat([
        Buffer.from(
          'MESSAGE sip:b@example.test SIP/2.0\r\nv: SIP/2.0/UDP a;branch=z9hG4bK1\r\nf: <sip:a@x>;tag=f\r\nt: <sip:b@x>\r\ni: c\r\nCSeq: 3 MESSAGE\r\n\r\n',
        ),
        body,
      ]),
    ) as SipRequest;

  it('keeps UTF-8 as it is', () => {
    const text = shownToApplication(message(Buffer.from('ü👍')), 'base64').toString();
    expect(text).to.contain('Content-Length: 6\r\n\r\nü👍');
    expect(text).to.not.contain('Content-Transfer-Encoding');
  });

  it('puts Latin-1, broken UTF-8 and NUL in base64, or leaves them raw', () => {
    for (const bytes of [Buffer.from('ü', 'latin1'), Buffer.from([0xf0, 0x9f]), Buffer.from('a\0b')]) {
      const shown = shownToApplication(message(bytes), 'base64').toString();
      const encoded = bytes.toString('base64');
      expect(shown).to.contain('Content-Transfer-Encoding: base64');
      expect(shown).to.contain(`Content-Length: ${encoded.length}\r\n\r\n${encoded}`);
      const raw = shownToApplication(message(bytes), 'raw');
      expect(raw.subarray(-bytes.length).equals(bytes)).to.equal(true);
    }
  });
});
