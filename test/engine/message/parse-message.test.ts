import { expect } from 'chai';
import { MESSAGE_LIMITS } from '../../../src/engine/message/limits.ts';
import { MalformedMessage } from '../../../src/engine/message/malformed-message.ts';
import { parseMessage } from '../../../src/engine/message/parse-message.ts';
import type { SipMessage, SipRequest, SipResponse } from '../../../src/engine/message/sip-message.ts';
import { sipFixture, sipFixtures } from './fixtures.ts';

const read = (name: string): SipMessage => parseMessage(sipFixture('valid', name));

function request(name: string): SipRequest {
  const message = read(name);
  if (message.kind !== 'request') throw new Error(`${name} is a response`);
  return message;
}

function response(name: string): SipResponse {
  const message = read(name);
  if (message.kind !== 'response') throw new Error(`${name} is a request`);
  return message;
}

function refusal(bytes: Buffer): MalformedMessage {
  try {
    parseMessage(bytes);
  } catch (error) {
    if (error instanceof MalformedMessage) return error;
    throw error;
  }
  throw new Error('it was taken for a message');
}

/** A MESSAGE with these lines after the mandatory ones, and this body. */
function withLines(lines: readonly string[], body = ''): Buffer {
  const mandatory = [
    'MESSAGE sip:alice@example.test SIP/2.0',
    'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa',
    'From: <sip:bob@example.test>;tag=1',
    'To: <sip:alice@example.test>',
    'Call-ID: a@b',
    'CSeq: 1 MESSAGE',
  ];
  return Buffer.from([...mandatory, ...lines, '', body].join('\r\n'));
}

describe('SIP message parser', () => {
  it('reads a request: method, Request-URI, headers, body', () => {
    const message = request('message');
    expect(message.method).to.equal('MESSAGE');
    expect(message.uri).to.equal('sip:alice@example.test');
    expect(message.headers.get('from')).to.equal('"Bob" <sip:bob@example.test>;tag=9fxced76sl');
    expect(message.headers.get('CALL-ID')).to.equal('3848276298220188511@192.0.2.7');
    expect(message.body.toString()).to.equal('Grüße, was ist mit Käse?');
  });

  it('reads a response: status, reason, headers', () => {
    const message = response('response');
    expect(message.status).to.equal(200);
    expect(message.reason).to.equal('OK');
    expect(message.headers.get('CSeq')).to.equal('35 INVITE');
    expect(message.body).to.have.lengthOf(0);
  });

  it('takes all that follows for the body of a datagram without Content-Length (§18.3)', () => {
    expect(request('no-content-length').body.toString()).to.equal('Grüße, was ist mit Käse?');
  });

  it('drops bytes beyond Content-Length, a second message among them (§18.3)', () => {
    expect(request('bytes-beyond-content-length').body.toString()).to.equal('Grüße, was ist mit Käse?');
    expect(request('two-in-one-datagram').method).to.equal('REGISTER');
    expect(request('two-in-one-datagram').body).to.have.lengthOf(0);
  });

  it('leaves every byte of a body as it is', () => {
    expect([...request('binary-body').body]).to.deep.equal(Array.from({ length: 256 }, (_, byte) => byte));
    expect(request('body-of-line-ends').body.toString()).to.equal('\r\n'.repeat(6));
  });

  it('ignores empty lines before the start line (§7.5)', () => {
    expect(request('leading-line-ends').method).to.equal('MESSAGE');
  });

  it('writes compact forms out, in capitals too (§7.3.3)', () => {
    expect([...request('compact-forms').headers.entries()].map(([name]) => name)).to.deep.equal([
      'Via',
      'Max-Forwards',
      'From',
      'To',
      'Call-ID',
      'CSeq',
      'Contact',
      'Supported',
      'Subject',
      'Event',
      'Allow-Events',
      'Refer-To',
      'Referred-By',
      'Session-Expires',
      'Content-Encoding',
      'Content-Type',
      'Content-Length',
    ]);
    expect(request('compact-forms').body.toString()).to.equal('abc');
    expect(request('compact-forms-in-capitals').headers.get('Call-ID')).to.equal('compact@192.0.2.7');
  });

  it('joins folded lines with one space, whatever blanks there are (§7.3.1)', () => {
    const { headers, body } = request('folded');
    expect(headers.get('To')).to.equal('sip:alice@example.test ;   tag    = 1918181833n');
    expect(headers.get('From')).to.equal(
      '"J Rosenberg \\\\\\""       <sip:jdrosen@example.test> ; tag = 98asjd8',
    );
    expect(headers.get('CSeq')).to.equal('0009 MESSAGE');
    expect(headers.get('Subject')).to.equal('');
    expect(headers.get('NewFangledHeader')).to.equal('newfangled value continued newfangled value');
    expect(headers.get('UnknownHeaderWithUnusualValue')).to.equal(';;,,;;,;');
    expect(headers.all('Via')).to.deep.equal([
      'SIP  /   2.0 /UDP 192.0.2.2;branch=z9hG4bK390skdjuw',
      'SIP  / 2.0  / TCP     spindle.example.test   ; branch  =   z9hG4bK9ikj8',
      'SIP  /    2.0   / UDP  192.168.255.111   ; branch= z9hG4bK30239',
    ]);
    expect(headers.get('Contact')).to.equal(
      '"Quoted string \\"\\"" <sip:jdrosen@example.test> ; newparam = newvalue ; secondparam ; q = 0.33',
    );
    expect(body.toString()).to.equal('hello');
  });

  it('takes lists apart outside of quotes and brackets, and nothing that is no list (§7.3.1)', () => {
    const { headers } = request('several-values-per-line');
    expect(headers.all('Via')).to.deep.equal([
      'SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKa',
      'SIP/2.0/TCP 192.0.2.8;branch=z9hG4bKb',
      'SIP/2.0/UDP [2001:db8::9]:5070;branch=z9hG4bKc',
    ]);
    expect(headers.all('Route')).to.deep.equal([
      '<sip:p1.example.test;lr>',
      '<sip:p2.example.test;lr;x=",">',
    ]);
    expect(headers.all('Contact')).to.deep.equal([
      '"Bob, <the> \\"Builder\\"" <sip:bob@192.0.2.7?Subject=a,b>;q=0.7',
      'sip:bob@192.0.2.8',
    ]);
    expect(headers.all('Subject')).to.deep.equal(['one, two, three']);
    expect(headers.all('Date')).to.deep.equal(['Sat, 21 Nov 2026 06:00:00 GMT']);
    expect(headers.all('Expires')).to.deep.equal([]);
  });

  it('takes methods and URI schemes it has never heard of', () => {
    expect(request('unknown-method').method).to.equal("!interesting-Method0123456789_*+`.%indeed'~");
    expect(request('unknown-uri-scheme').uri).to.equal('nobodyKnowsThisScheme:totallyopaquecontent');
    expect(request('tel-uri').uri).to.equal('tel:+1-201-555-0123');
    expect(request('ipv6').uri).to.equal('sip:alice@[2001:db8::10]:5070;transport=tcp');
    expect(request('escapes-kept').uri).to.equal('sip:sips%3Auser%40example.com@example.test');
  });

  it('reads headers in UTF-8, and in Latin-1 where they are none', () => {
    expect(request('utf8-display-name').headers.get('From')).to.equal(
      'Zoë 你好 <sip:zoe@example.test>;tag=1',
    );
    expect(request('latin1-display-name').headers.get('From')).to.equal(
      'Jörg <sip:joerg@example.test>;tag=1',
    );
    expect(response('response-with-utf8-reason').reason).to.equal('= 2**3 * 5**2 но сто девяносто девять');
  });

  it('takes a response without a reason, and one of unknown meaning', () => {
    expect(response('response-with-empty-reason')).to.include({ status: 100, reason: '' });
    expect(response('response-without-reason')).to.include({ status: 100, reason: '' });
    expect(response('response-of-unknown-class-member').status).to.equal(499);
  });

  it('takes requests of RFC 2543, lone line feeds, and a Content-Length said twice alike', () => {
    expect(request('rfc2543').headers.get('Via')).to.equal('SIP/2.0/UDP iftgw.example.test');
    expect(request('lone-line-feeds').body.toString()).to.equal('hi');
    expect(request('same-content-length-twice').body.toString()).to.equal('hi');
    expect(request('content-length-with-leading-zeros').body.toString()).to.equal('hello');
  });

  it('reads every valid message there is', () => {
    for (const [name, bytes] of sipFixtures('valid')) expect(() => parseMessage(bytes), name).not.to.throw();
  });

  describe('refuses, with what answers it', () => {
    /** Status, reason, and whether there is somebody to answer. */
    const EXPECTED: Readonly<Record<string, readonly [number, string, boolean]>> = {
      'blank-after-request-line': [400, 'Bad Request Line', true],
      'blank-in-header-name': [400, 'Bad Header Line', true],
      'blank-in-uri': [400, 'Bad Request-URI', true],
      'body-too-short': [400, 'Body Too Short', true],
      'content-length-empty': [400, 'Bad Content-Length', true],
      'content-length-in-words': [400, 'Bad Content-Length', true],
      'content-length-negative': [400, 'Bad Content-Length', true],
      'content-length-of-many-digits': [400, 'Bad Content-Length', true],
      'content-length-twice-and-different': [400, 'Bad Content-Length', true],
      'cseq-beyond-32-bits': [400, 'Bad CSeq', true],
      'cseq-negative': [400, 'Bad CSeq', true],
      'cseq-of-another-method': [400, 'Bad CSeq', true],
      'empty-call-id': [400, 'Missing Call-ID', true],
      empty: [400, 'Bad Request Line', false],
      'endless-header': [513, 'Message Too Large', true],
      'fold-before-headers': [400, 'Bad Header Line', true],
      'headers-in-uri': [400, 'Bad Request-URI', true],
      http: [400, 'Bad Request Line', false],
      'ipv6-of-nine-groups': [400, 'Bad Request-URI', true],
      'line-feeds-alone': [400, 'Bad Header Line', true],
      'line-without-colon': [400, 'Bad Header Line', true],
      'lone-cr-in-header': [400, 'Bad Header Line', true],
      'missing-call-id': [400, 'Missing Call-ID', true],
      'missing-cseq': [400, 'Missing CSeq', true],
      'missing-from': [400, 'Missing From', true],
      'missing-to': [400, 'Missing To', true],
      'missing-via': [400, 'Missing Via', false],
      'no-blank-line': [400, 'No Empty Line After Headers', true],
      'nothing-but-words': [400, 'Bad Request Line', false],
      'nul-in-header': [400, 'Bad Header Line', true],
      'nul-in-uri': [400, 'Bad Request-URI', true],
      'response-of-version-3': [400, 'Version Not Supported', false],
      'response-status-099': [400, 'Bad Status Code', false],
      'response-status-700': [400, 'Bad Status Code', false],
      'response-status-of-ten-digits': [400, 'Bad Request Line', false],
      'response-with-broken-cseq': [400, 'Bad CSeq', false],
      'response-without-via': [400, 'Missing Via', false],
      'tls-hello': [400, 'Bad Header Line', false],
      'too-many-headers': [513, 'Too Many Headers', true],
      'two-ats-in-uri': [400, 'Bad Request-URI', true],
      'two-blanks-in-request-line': [400, 'Bad Request-URI', true],
      'two-from': [400, 'More Than One From', true],
      'two-max-forwards': [400, 'More Than One Max-Forwards', true],
      'uri-in-brackets': [400, 'Bad Request-URI', true],
      'uri-without-scheme': [400, 'Bad Request-URI', true],
      'version-7': [505, 'Version Not Supported', true],
    };

    it('has an expectation for every invalid message', () => {
      expect([...sipFixtures('invalid').keys()].sort()).to.deep.equal(Object.keys(EXPECTED).sort());
    });

    for (const [name, [status, reason, answerable]] of Object.entries(EXPECTED)) {
      it(`${name.replaceAll('-', ' ')}: ${status} ${reason}`, () => {
        const { request: asked, ...error } = refusal(sipFixture('invalid', name));
        expect([error.status, error.reason]).to.deep.equal([status, reason]);
        expect(asked !== undefined, 'can be answered').to.equal(answerable);
        expect(asked?.headers.has('Via') ?? answerable).to.equal(answerable);
      });
    }

    it('keeps what an answer repeats of a request that misses something', () => {
      const asked = refusal(sipFixture('invalid', 'cseq-of-another-method')).request;
      expect(asked?.method).to.equal('MESSAGE');
      expect(asked?.headers.get('Call-ID')).to.equal('3848276298220188511@192.0.2.7');
      expect(asked?.headers.get('From')).to.include('tag=9fxced76sl');
    });
  });

  describe('at its limits', () => {
    it('takes a header section of the greatest length and refuses one byte more', () => {
      const frame = withLines(['Subject: ']).length - 4;
      const subject = (length: number): Buffer => withLines([`Subject: ${'x'.repeat(length)}`]);
      expect(() => parseMessage(subject(MESSAGE_LIMITS.headerSection - frame))).not.to.throw();
      expect(refusal(subject(MESSAGE_LIMITS.headerSection - frame + 1)).status).to.equal(513);
    });

    it('takes the greatest number of headers and refuses one more', () => {
      const extra = (count: number): Buffer =>
        withLines(Array.from({ length: count }, (_, i) => `X-${i}: x`));
      expect(() => parseMessage(extra(MESSAGE_LIMITS.headerFields - 5))).not.to.throw();
      expect(refusal(extra(MESSAGE_LIMITS.headerFields - 4)).reason).to.equal('Too Many Headers');
    });

    it('takes the longest message and refuses one byte more, with somebody to answer', () => {
      const frame = withLines([]).length;
      const body = (length: number): Buffer => withLines([], 'x'.repeat(length));
      expect(parseMessage(body(MESSAGE_LIMITS.message - frame)).body).to.have.lengthOf(
        MESSAGE_LIMITS.message - frame,
      );
      const error = refusal(body(MESSAGE_LIMITS.message - frame + 1));
      expect(error.status).to.equal(513);
      expect(error.request?.headers.get('Call-ID')).to.equal('a@b');
    });
  });

  describe('threats', () => {
    it('header names of JavaScript’s own objects are names like any other', () => {
      const { headers } = parseMessage(
        withLines(['constructor: a', '__proto__: b', 'toString: c', 'Content-Length: 0']),
      );
      expect(headers.get('constructor')).to.equal('a');
      expect(headers.get('__proto__')).to.equal('b');
      expect(headers.get('tostring')).to.equal('c');
      expect(headers.has('hasOwnProperty')).to.equal(false);
    });

    it('a second message hidden behind a lone line feed does not count as headers', () => {
      const hidden = withLines([
        'Subject: a\n\nMESSAGE sip:mallory@example.test SIP/2.0',
        'Content-Length: 0',
      ]);
      expect(refusal(hidden).reason).to.equal('Bad Header Line');
    });

    it('a field of one value that is there twice is refused where the values differ, and in requests alone', () => {
      for (const name of [
        'Content-Type',
        'Event',
        'Expires',
        'Refer-To',
        'SIP-If-Match',
        'Subscription-State',
      ]) {
        expect(() => parseMessage(withLines([`${name}: a`, `${name}: a`])), name).not.to.throw();
        expect(refusal(withLines([`${name}: a`, `${name}: b`])).reason).to.equal(`More Than One ${name}`);
      }
      const answered = withLines(['Expires: 1', 'Expires: 2'])
        .toString()
        .replace(/^[^\r]*/, 'SIP/2.0 200 OK');
      expect(() => parseMessage(Buffer.from(answered))).not.to.throw();
    });

    it('a tag that hides behind a quote or a bracket left open', () => {
      const withTo = (to: string): Buffer =>
        Buffer.from(withLines([]).toString().replace('<sip:alice@example.test>', to));
      for (const to of [
        '"Alice <sip:a@b>;tag=1',
        '"A" <sip:a@b;tag=1',
        '<sip:a@b>;x="y;tag=1',
        '"\\" <sip:a@b>;tag=1',
      ]) {
        expect(refusal(withTo(to)).reason, to).to.equal('Bad To');
      }
      for (const to of ['"<" <sip:a@b>', '"\\"" <sip:a@b>', 'sip:a@b;x=">"', '<sip:a"b@c>']) {
        expect(() => parseMessage(withTo(to)), to).not.to.throw();
      }
    });

    it('invented header names without end leave the known ones as they are', () => {
      for (let i = 0; i < 3000; i++) parseMessage(withLines([`X-Invented-${i}: x`]));
      expect(parseMessage(withLines(['x-invented-1: y', 'l: 0'])).headers.get('X-Invented-1')).to.equal('y');
    });
  });
});
