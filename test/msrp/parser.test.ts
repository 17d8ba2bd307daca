import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { MalformedMsrp } from '../../src/msrp/errors.ts';
import type { ParserEvent } from '../../src/msrp/frame.ts';
import { MSRP_LIMITS } from '../../src/msrp/limits.ts';
import { MsrpParser } from '../../src/msrp/parser.ts';
import { serializeRequest } from '../../src/msrp/serializer.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures/msrp');

/** Events as plain values, the pieces of a body joined. */
function plain(events: readonly ParserEvent[]): unknown[] {
  const seen: unknown[] = [];
  let body: Buffer[] = [];
  for (const event of events) {
    switch (event.kind) {
      case 'body':
        body.push(event.bytes);
        break;
      case 'end':
        seen.push({ body: Buffer.concat(body).toString('latin1'), flag: event.flag });
        body = [];
        break;
      case 'request':
        seen.push({
          method: event.head.method,
          id: event.head.transactId,
          headers: [...event.head.headers],
          fault: event.head.fault,
        });
        break;
      case 'response': {
        const { status, comment, transactId, headers } = event.response;
        seen.push({ status, comment, id: transactId, headers: [...headers] });
        break;
      }
      case 'malformed':
        seen.push({ malformed: event.error, of: event.head?.transactId });
        break;
    }
  }
  return seen;
}

function parse(...pieces: Buffer[]): unknown[] {
  const parser = new MsrpParser(MSRP_LIMITS);
  return plain(pieces.flatMap((piece) => parser.push(Buffer.from(piece))));
}

function fixture(name: string): Buffer {
  return readFileSync(join(FIXTURES, name));
}

/** What becomes of each invalid fixture, and why: the request is known and has a fault, or nothing more is read. */
const REFUSED: Readonly<Record<string, readonly ['fault' | 'ends', string]>> = {
  'control-character-in-comment.msrp': ['ends', 'not a start line'],
  'control-character-in-header.msrp': ['fault', 'Message-ID'],
  'end-line-of-another-in-head.msrp': ['fault', '-------d93kswox$'],
  'endless-head.msrp': ['ends', 'the head is too long'],
  'endless-headers.msrp': ['ends', 'the head is too long'],
  'endless-start-line.msrp': ['ends', 'the start line is too long'],
  'endless-transact-id.msrp': ['ends', 'not a start line'],
  'folded-header.msrp': ['fault', '" two"'],
  'header-name-that-begins-with-digit.msrp': ['fault', '3GPP'],
  'header-with-blank-name.msrp': ['fault', '": x"'],
  'header-without-colon.msrp': ['fault', 'Message-ID 1'],
  'http-request-begun.msrp': ['ends', 'this is not MSRP'],
  'line-feed-in-header.msrp': ['fault', 'To-Path'],
  'line-feeds-only.msrp': ['ends', 'not a start line'],
  'lower-case-method.msrp': ['ends', 'not a start line'],
  'lower-case-protocol.msrp': ['ends', 'this is not MSRP'],
  'no-method.msrp': ['ends', 'not a start line'],
  'no-msrp.msrp': ['ends', 'this is not MSRP'],
  'no-such-end-flag-in-head.msrp': ['fault', '-------d93kswow!'],
  'short-transact-id.msrp': ['ends', 'not a start line'],
  'status-of-two-digits.msrp': ['ends', 'not a start line'],
  'tls-hello-on-tcp.msrp': ['ends', 'this is not MSRP'],
  'transact-id-one-too-long.msrp': ['ends', 'not a start line'],
  'transact-id-with-slash.msrp': ['ends', 'not a start line'],
  'two-blanks-in-start-line.msrp': ['ends', 'not a start line'],
};

describe('the MSRP parser', () => {
  for (const file of readdirSync(join(FIXTURES, 'valid'))) {
    it(`reads ${file} the same at every split point, and byte by byte`, () => {
      const bytes = fixture(`valid/${file}`);
      const whole = parse(bytes);
      expect(whole).not.to.have.length(0);
      expect(whole.filter((event) => JSON.stringify(event).includes('malformed'))).to.deep.equal([]);
      for (let split = 0; split <= bytes.length; split++) {
        expect(parse(bytes.subarray(0, split), bytes.subarray(split)), `split at ${split}`).to.deep.equal(
          whole,
        );
      }
      expect(parse(...Array.from(bytes, (byte) => Buffer.from([byte])))).to.deep.equal(whole);
    });

    it(`reads ${file} twice in a row as two of the same`, () => {
      const bytes = fixture(`valid/${file}`);
      expect(parse(Buffer.concat([bytes, bytes]))).to.deep.equal([...parse(bytes), ...parse(bytes)]);
    });
  }

  it('has an outcome for every invalid fixture', () => {
    expect(Object.keys(REFUSED).sort()).to.deep.equal(readdirSync(join(FIXTURES, 'invalid')).sort());
  });

  for (const [file, [outcome, why]] of Object.entries(REFUSED)) {
    it(`${outcome === 'ends' ? 'reads no further after' : 'finds the fault in'} ${file}, in one piece and byte by byte`, () => {
      const bytes = fixture(`invalid/${file}`);
      for (const events of [parse(bytes), parse(...Array.from(bytes, (byte) => Buffer.from([byte])))]) {
        const [first, last] = [events[0], events.at(-1)] as { malformed?: Error; fault?: string }[];
        expect(outcome === 'ends' ? last?.malformed?.message : first?.fault).to.include(why);
        expect(events.some((event) => Object.hasOwn(event as object, 'malformed'))).to.equal(
          outcome === 'ends',
        );
        if (outcome === 'ends') expect(last?.malformed).to.be.instanceOf(MalformedMsrp);
      }
    });
  }

  for (const [file, [outcome]] of Object.entries(REFUSED)) {
    if (outcome === 'ends') continue;
    it(`goes on behind ${file}`, () => {
      const next = fixture('valid/send-in-one-chunk.msrp');
      const events = parse(Buffer.concat([fixture(`invalid/${file}`), next]));
      expect(events.slice(-2)).to.deep.equal(parse(next));
    });
  }

  it('keeps every header field in its order, the first of each name for whoever asks by name', () => {
    const events = new MsrpParser(MSRP_LIMITS).push(fixture('valid/unknown-headers.msrp'));
    const [first] = events;
    const head = first?.kind === 'request' ? first.head : undefined;
    expect(head?.fields?.slice(2)).to.deep.equal([
      ['Message-ID', '1'],
      ['X-Colour', 'red'],
      ['Use-Nickname', '"Bob"'],
      ['x-colour', 'green'],
      ['X-Empty', ''],
      ['X-Colour', 'blue'],
      ['X-{Braced}~|', '1'],
      ['Byte-Range', '1-2/2'],
      ['Content-Disposition', 'render'],
      ['Content-ID', '<a@b>'],
      ['Content-Type', 'text/plain'],
    ]);
    expect(head?.headers.get('x-colour')).to.equal('red');
    expect(head?.fault).to.equal(undefined);
  });

  it('keeps the header fields of a response too', () => {
    const bytes = Buffer.from('MSRP d93kswow 200 OK\r\nX-A: 1\r\nx-a: 2\r\n-------d93kswow$\r\n');
    const [event] = new MsrpParser(MSRP_LIMITS).push(bytes);
    expect(event?.kind === 'response' ? event.response.fields : undefined).to.deep.equal([
      ['X-A', '1'],
      ['x-a', '2'],
    ]);
  });

  for (const flag of ['$', '+', '#']) {
    for (const body of ['', '\r\n\r\n', '\r\nhello\r\n']) {
      it(`ends a request by ${flag} with ${JSON.stringify(body)} before its end-line`, () => {
        const [, end] = parse(Buffer.from(`MSRP d93kswow SEND\r\nA: b\r\n${body}-------d93kswow${flag}\r\n`));
        expect(end).to.deep.equal({ body: body.trim(), flag });
      });
    }
  }

  it('leaves a whole message in the body of another one', () => {
    const events = parse(fixture('valid/body-that-is-a-message.msrp'));
    expect(events).to.have.length(2);
    expect((events[1] as { body: string }).body)
      .to.include('MSRP inner001 SEND')
      .and.include('-------inner001$')
      .and.include('-------outer0012$');
  });

  it('leaves look-alikes of the end-line in the body', () => {
    const [, end] = parse(fixture('valid/end-line-look-alikes-in-body.msrp'));
    expect(end).to.have.property('flag', '$');
    expect(end)
      .to.have.property('body')
      .that.matches(/-------d93kswow#more$/);
    expect(end).to.have.property('body').that.includes('-------d93kswow$ \r\n');
  });

  for (const line of [
    '-------d93kswow',
    '-------d93kswow ',
    '-------d93kswow%',
    '-------d93kswow$ ',
    '-------d93kswow$$',
    '-------d93kswow$\r',
    '-------d93kswow$\n',
    '-------d93kswow$x\n',
    '-------d93kswox$',
    '-------d93ksw$',
    '-------D93KSWOW$',
    '------d93kswow$',
    '--------d93kswow$',
    'x-------d93kswow$',
    '\n-------d93kswow$',
    ' -------d93kswow$',
    '-------d93kswow+-------d93kswow$',
  ]) {
    it(`takes ${JSON.stringify(line)} in a body for a part of it, wherever it is cut`, () => {
      for (const body of [
        line,
        `${line}\r\n`,
        `text\r\n${line}`,
        `text\r\n${line}\r\ntext`,
        `\r\r\n${line}`,
      ]) {
        const bytes = Buffer.from(`MSRP d93kswow SEND\r\nA: b\r\n\r\n${body}\r\n-------d93kswow#\r\n`);
        for (let split = 0; split < bytes.length; split++) {
          const [, end, ...rest] = parse(bytes.subarray(0, split), bytes.subarray(split));
          expect(end).to.deep.equal({ body, flag: '#' });
          expect(rest).to.deep.equal([]);
        }
      }
    });
  }

  it('passes over the body of a response, which has none', () => {
    const [response, ...rest] = parse(fixture('valid/response-with-body.msrp'));
    expect(response).to.include({ status: 200, id: 'd93kswow' });
    expect(rest).to.deep.equal([]);
  });

  it('touches no byte of a binary body', () => {
    const [, end] = parse(fixture('valid/binary-body.msrp')) as [unknown, { body: string }];
    expect([...Buffer.from(end.body, 'latin1')]).to.deep.equal([
      0, 13, 10, 13, 10, 255, 254, 45, 45, 13, 10, 0,
    ]);
  });

  it('passes a large body on as it comes and keeps back less than an end-line', () => {
    const parser = new MsrpParser(MSRP_LIMITS);
    parser.push(Buffer.from('MSRP d93kswow SEND\r\nContent-Type: x/y\r\n\r\n'));
    let passed = 0;
    for (let i = 0; i < 100; i++) {
      for (const event of parser.push(Buffer.alloc(10_000, '\r\n-------d93ksw'))) {
        if (event.kind === 'body') passed += event.bytes.length;
      }
      expect((i + 1) * 10_000 - passed).to.be.below(20);
    }
  });

  it('gives back any body in any pieces, whatever it holds', () => {
    const fragments = fc.constantFrom(
      '\r\n',
      '-------',
      'tid12345',
      '$',
      '+',
      '#',
      '\r',
      '\n',
      '\0',
      'é',
      'MSRP tid12345 SEND',
    );
    const body = fc
      .array(fc.oneof(fragments, fc.string()), { maxLength: 30 })
      .map((parts) => Buffer.from(parts.join('')))
      .filter((bytes) => !/(^|\r\n)-------tid12345[$+#]\r\n/.test(`${bytes.toString('latin1')}\r\n`));
    fc.assert(
      fc.property(fc.array(body, { minLength: 1, maxLength: 4 }), fc.array(fc.nat(400)), (bodies, cuts) => {
        const stream = Buffer.concat(
          bodies.map((content) =>
            serializeRequest({
              transactId: 'tid12345',
              method: 'SEND',
              headers: [['Content-Type', 'a/b']],
              body: content,
            }),
          ),
        );
        const points = [...new Set([0, ...cuts.map((cut) => cut % (stream.length + 1)), stream.length])].sort(
          (a, b) => a - b,
        );
        const pieces = points.slice(1).map((point, index) => stream.subarray(points[index], point));
        const seen = parse(...pieces).filter(
          (event) => typeof event === 'object' && event !== null && 'body' in event,
        );
        expect(seen).to.deep.equal(
          bodies.map((content) => ({ body: content.toString('latin1'), flag: '$' })),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('reads mutated streams to their end or to a last event that says they are no MSRP', () => {
    const files = readdirSync(join(FIXTURES, 'valid')).map((file) => fixture(`valid/${file}`));
    fc.assert(
      fc.property(
        fc.constantFrom(...files),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }),
        (bytes, changes) => {
          const mutated = Buffer.from(bytes);
          for (const [at, value] of changes) mutated[at % mutated.length] = value;
          const seen = parse(mutated, bytes).map((event) => Object.hasOwn(event as object, 'malformed'));
          expect(seen.slice(0, -1)).not.to.include(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
