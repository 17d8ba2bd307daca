import fc from 'fast-check';

/*
 * Messages as the grammar of RFC 3261 §25 lets them be written, in as many ways as it can be done: names long, compact and in
 * any case, blanks and folds wherever they may stand, lists on one line or on several, quoted strings with escapes.
 */

/** A message by the grammar, and what it says. */
export interface WellFormed {
  readonly lines: readonly Line[];
  readonly startLine: string;
  readonly body: Buffer;
  readonly method: string;
  /** '' of a response. */
  readonly uri: string;
  /** 0 of a request. */
  readonly status: number;
  readonly callId: string;
  readonly sequence: number;
  readonly branches: readonly string[];
}

/** A header field; the name stands alone as it is meant, `written` is the whole line or lines. */
export interface Line {
  readonly name: string;
  readonly written: string;
}

const chars = (allowed: string, least = 0, most = 10): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...Array.from(allowed)), minLength: least, maxLength: most });

const ALPHANUM = 'abcxyzABCXYZ0189';
const token = chars(`${ALPHANUM}-.!%*_+\`'~`, 1);
/** LWS: blanks, or a fold with blanks behind it. */
const blanks = fc.constantFrom(' ', ' ', ' ', '  ', '\t', '\r\n ', ' \r\n\t ');
/** SWS */
const maybeBlanks = fc.oneof({ weight: 6, arbitrary: fc.constant('') }, { weight: 1, arbitrary: blanks });
/** What may stand within quotes: text, escapes, the marks that part things elsewhere, any script. */
const quoted = fc
  .array(
    fc.constantFrom('a', 'B', ' ', '\\"', '\\\\', '\\\0', ',', ';', '<', '>', '@', 'ß', '電', '😀', "'", ':'),
    {
      maxLength: 8,
    },
  )
  .map((parts) => `"${parts.join('')}"`);

const HOSTS = [
  'example.test',
  '127.0.0.1',
  'a-b.c.example.test',
  '[::1]',
  '[2001:db8::10]',
  '[::ffff:127.0.0.1]',
];
const host = fc.constantFrom(...HOSTS);
const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
const hostPort = fc
  .tuple(host, port)
  .map(([name, number]) => (number === undefined ? name : `${name}:${number}`));
const user = fc.oneof(
  chars(`${ALPHANUM}-_.!~*'()&=+$,;?/`, 1),
  fc.constantFrom('%00', '%40%3A', 'a:pass', 'j%20u;p=1'),
);
const uriParams = fc
  .array(
    fc.tuple(
      chars(`${ALPHANUM}[]/:&+$-_.`, 1, 6),
      fc.option(chars(`${ALPHANUM}[]/:&+$%25`, 1, 6), { nil: '' }),
    ),
    {
      maxLength: 3,
    },
  )
  .map((params) => params.map(([name, value]) => (value === '' ? `;${name}` : `;${name}=${value}`)).join(''));

const sipUri = fc
  .tuple(fc.constantFrom('sip', 'SIP', 'sips'), fc.option(user, { nil: '' }), hostPort, uriParams)
  .map(([scheme, name, where, params]) => `${scheme}:${name === '' ? '' : `${name}@`}${where}${params}`);
const anyUri = fc.oneof(
  { weight: 8, arbitrary: sipUri },
  { weight: 1, arbitrary: fc.constantFrom('tel:+1-201-555-0123', 'tel:7042;phone-context=example.test') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('urn:service:sos', 'im:bob@example.test', 'soap.beep://192.0.2.103:3002'),
  },
);

const genericParams = fc
  .array(fc.tuple(maybeBlanks, maybeBlanks, token, fc.oneof(fc.constant(''), token, quoted, host)), {
    maxLength: 3,
  })
  .map((params) =>
    params
      .map(
        ([before, after, name, value]) =>
          `${before};${after}x${name}${value === '' ? '' : `${after}=${before}${value}`}`,
      )
      .join(''),
  );

const displayName = fc.oneof(
  fc.constant(''),
  fc.tuple(quoted, maybeBlanks).map(([name, after]) => name + after),
  fc.tuple(token, token).map(([first, second]) => `${first} ${second} `),
);
const nameAddress = fc
  .tuple(displayName, anyUri, genericParams)
  .map(([name, uri, params]) => `${name}<${uri}>${params}`);
const bareAddress = fc
  .tuple(
    user.filter((name) => !/[,;?]/.test(name)),
    host,
    genericParams,
  )
  .map(([name, where, params]) => `sip:${name}@${where}${params}`);
const address = fc.oneof({ weight: 3, arbitrary: nameAddress }, { weight: 1, arbitrary: bareAddress });
const tagged = fc
  .tuple(address, maybeBlanks, token)
  .map(([who, blank, tag]) => `${who}${blank};${blank}tag=${tag}`);

const via = fc
  .record({
    slash: maybeBlanks,
    transport: fc.constantFrom('UDP', 'TCP', 'TLS', 'WS', 'SCTP', 'UNKNOWN'),
    space: blanks,
    where: hostPort,
    params: genericParams,
    branch: fc.oneof(
      token,
      token.map((rest) => `z9hG4bK${rest}`),
    ),
    rport: fc.constantFrom('', ';rport'),
  })
  .map((parts) => ({
    text: `SIP${parts.slash}/${parts.slash}2.0${parts.slash}/${parts.slash}${parts.transport}${parts.space}${parts.where}${parts.rport}${parts.params};branch=${parts.branch}`,
    branch: parts.branch,
  }));

const text = chars(`${ALPHANUM} \t;,<>"\\=:@[]()/?&äß電`, 0, 24).map((value) =>
  value.replace(/^[ \t]+|[ \t]+$/g, ''),
);

/** Fields that are often there beside the mandatory ones. */
const LISTS = ['Allow', 'Supported', 'Accept', 'Require', 'Allow-Events'] as const;
const list = fc
  .tuple(fc.constantFrom(...LISTS), fc.array(token, { minLength: 1, maxLength: 4 }), maybeBlanks)
  .map(([name, values, blank]) => ({ name, value: values.join(`${blank},${blank}`) }));
const routes = fc
  .tuple(
    fc.constantFrom('Route', 'Record-Route', 'Contact', 'Path'),
    fc.array(nameAddress, { minLength: 1, maxLength: 3 }),
  )
  .map(([name, values]) => ({ name, value: values.join(', ') }));
const single = fc.constantFrom(
  { name: 'Max-Forwards', value: '70' },
  { name: 'Max-Forwards', value: '0070' },
  { name: 'Subject', value: '' },
  { name: 'Date', value: 'Sat, 21 Nov 2026 06:00:00 GMT' },
  { name: 'Event', value: 'presence;id=1' },
  { name: 'Expires', value: '60' },
  { name: 'User-Agent', value: 'fuzz/1 (a "quoted", (nested) comment)' },
  { name: 'Content-Type', value: 'text/plain;charset="utf-8"' },
);
const unknown = fc.tuple(token, text).map(([name, value]) => ({ name: `X-${name}`, value }));
const others = fc.array(fc.oneof(list, routes, single, unknown), { maxLength: 6 }).map((fields) => {
  const seen = new Set<string>();
  const once = new Set(['Max-Forwards', 'Event', 'Expires', 'Content-Type']);
  return fields.filter(({ name }) => !(once.has(name) && seen.has(name)) && seen.add(name));
});

const COMPACT: Readonly<Record<string, string>> = {
  'Call-ID': 'i',
  Contact: 'm',
  'Content-Length': 'l',
  'Content-Type': 'c',
  Event: 'o',
  From: 'f',
  Subject: 's',
  Supported: 'k',
  To: 't',
  Via: 'v',
};

const SPELLINGS: readonly ((name: string) => string)[] = [
  (name) => name,
  (name) => name,
  (name) => COMPACT[name] ?? name,
  (name) => (COMPACT[name] ?? name).toUpperCase(),
  (name) => name.toLowerCase(),
];
const colon = fc.constantFrom(': ', ':', ' : ', '\t:', ':\r\n ', ':   ');
const spelling = fc.tuple(fc.constantFrom(...SPELLINGS), colon);

const method = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      'MESSAGE',
      'INVITE',
      'OPTIONS',
      'REGISTER',
      'SUBSCRIBE',
      'BYE',
      'NOTIFY',
      'ACK',
    ),
  },
  { weight: 1, arbitrary: token },
);
const startLine = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(method, anyUri).map(([verb, uri]) => ({ verb, uri, status: 0, reason: '' })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(method, fc.integer({ min: 100, max: 699 }), text)
      .map(([verb, status, reason]) => ({ verb, uri: '', status, reason })),
  },
);
const body = fc.oneof(
  fc.constant(Buffer.alloc(0)),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom('v=0\r\n', '\r\n\r\n', 'MESSAGE sip:a@b SIP/2.0\r\n\r\n')
    .map((bytes) => Buffer.from(bytes)),
);

/** A message that every reader of the grammar takes. */
export const wellFormed: fc.Arbitrary<WellFormed> = fc
  .record({
    start: startLine,
    vias: fc.array(via, { minLength: 1, maxLength: 3 }),
    viasOnOneLine: fc.boolean(),
    from: tagged,
    to: fc.oneof(address, tagged),
    callId: fc.tuple(token, fc.constantFrom('', '@127.0.0.1', '@host_4100')).map(([word, at]) => word + at),
    sequence: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    zeros: fc.constantFrom('', '', '00'),
    cseqBlank: blanks,
    others,
    spellings: fc.array(spelling, { minLength: 16, maxLength: 16 }),
    order: fc.nat(0xffff),
    body,
  })
  .map((parts) => {
    const { start, vias, from, to, callId, sequence, zeros, cseqBlank } = parts;
    const viaFields = parts.viasOnOneLine
      ? [vias.map((each) => each.text).join(' , ')]
      : vias.map((each) => each.text);
    const fields = [
      { name: 'From', value: from },
      { name: 'To', value: to },
      { name: 'Call-ID', value: callId },
      { name: 'CSeq', value: `${zeros}${sequence}${cseqBlank}${start.verb}` },
      ...parts.others,
      { name: 'Content-Length', value: `${zeros}${parts.body.length}` },
    ];
    // Turned and not shuffled, so that Vias keep their order; it is the only one that counts.
    const turn = parts.order % fields.length;
    const placed = [
      ...fields.slice(turn),
      ...viaFields.map((value) => ({ name: 'Via', value })),
      ...fields.slice(0, turn),
    ];
    return {
      lines: placed.map(({ name, value }, index) => {
        const [spell, between] = parts.spellings[index % parts.spellings.length] ?? [
          (same: string) => same,
          ': ',
        ];
        return { name, written: `${spell(name)}${between}${value}` };
      }),
      startLine:
        start.status === 0 ? `${start.verb} ${start.uri} SIP/2.0` : `SIP/2.0 ${start.status} ${start.reason}`,
      body: parts.body,
      method: start.verb,
      uri: start.uri,
      status: start.status,
      callId,
      sequence,
      branches: vias.map(({ branch }) => branch),
    };
  });

/** The bytes of a message. */
export function written({ startLine: start, lines, body: content }: WellFormed): Buffer {
  const head = [start, ...lines.map((line) => line.written), '', ''].join('\r\n');
  return Buffer.concat([Buffer.from(head), content]);
}

/** What can be wrong with a message while the rest of it is as it should be. */
const FAULTS: readonly ((message: WellFormed, at: number, strange: string) => WellFormed)[] = [
  // A field is missing, there twice, or there twice and different.
  (message, at) => ({
    ...message,
    lines: message.lines.filter((_, index) => index !== at % message.lines.length),
  }),
  (message, at) => ({
    ...message,
    lines: [...message.lines, ...message.lines.slice(at % message.lines.length)],
  }),
  (message, at, strange) => ({
    ...message,
    lines: [...message.lines, changed(message, at, (value) => value + strange)],
  }),
  // A value is strange at its end, at its start, or altogether; or it lost a character.
  (message, at, strange) => replaced(message, at, (value) => value + strange),
  (message, at, strange) => replaced(message, at, (value) => value.replace(':', `:${strange}`)),
  (message, at, strange) => replaced(message, at, (value) => value.replace(/:.*$/s, `:${strange}`)),
  (message, at) =>
    replaced(
      message,
      at,
      (value) => value.slice(0, at % value.length) + value.slice((at % value.length) + 1),
    ),
  (message, at) => replaced(message, at, (value) => value.slice(0, at % value.length)),
  (message, at, strange) =>
    replaced(
      message,
      at,
      (value) => value.slice(0, at % value.length) + strange + value.slice(at % value.length),
    ),
  // The start line.
  (message, _, strange) => ({ ...message, startLine: message.startLine.replace(' ', ` ${strange}`) }),
  (message, _, strange) => ({ ...message, startLine: message.startLine + strange }),
  (message) => ({ ...message, startLine: message.startLine.replace('2.0', '3.0') }),
  (message) => ({ ...message, startLine: message.startLine.replace(' ', '') }),
  // Content-Length and the body.
  (message, at) => ({ ...message, body: message.body.subarray(0, at % (message.body.length + 1)) }),
  (message, _, strange) => ({ ...message, body: Buffer.concat([message.body, Buffer.from(strange)]) }),
  (message) => ({ ...message, lines: message.lines.filter(({ name }) => name !== 'Content-Length') }),
  (message, at) => ({
    ...message,
    lines: [...message.lines, { name: 'Content-Length', written: `l: ${at - 50}` }],
  }),
  // CSeq
  (message, at) => ({
    ...message,
    lines: message.lines.map((line) =>
      line.name === 'CSeq'
        ? { name: 'CSeq', written: `CSeq: ${4_294_967_290 + (at % 10)} ${message.method}` }
        : line,
    ),
  }),
  // Lines that end strangely, and a first line that is folded.
  (message, at, strange) => ({
    ...message,
    lines: [{ name: '', written: ` ${strange}` }, ...message.lines.slice(at % 2)],
  }),
  (message, at) => replaced(message, at, (value) => `${value}\n`),
  (message, at) => replaced(message, at, (value) => `${value}\r`),
  (message, _, strange) => ({ ...message, lines: [...message.lines, { name: '', written: strange }] }),
  // Much of the same.
  (message, at) => replaced(message, at, (value) => value + value.slice(-1 - (at % 3)).repeat(at)),
  (message, at) => ({
    ...message,
    lines: [
      ...message.lines,
      ...Array.from({ length: at % 8 === 0 ? at * 3 : at % 8 }, (_, index) => ({
        name: 'X',
        written: `X-${index}:`,
      })),
    ],
  }),
];

function changed(message: WellFormed, at: number, change: (value: string) => string): Line {
  const line = message.lines[at % message.lines.length];
  return { name: line?.name ?? '', written: change(line?.written ?? '') };
}

function replaced(message: WellFormed, at: number, change: (value: string) => string): WellFormed {
  const place = at % message.lines.length;
  const line = changed(message, at, change);
  return { ...message, lines: message.lines.map((each, index) => (index === place ? line : each)) };
}

const STRANGE = [
  ...[
    ' ',
    '\t',
    '\0',
    '\r',
    '\n',
    '\r\n',
    '\r\n ',
    '\r\n\r\n',
    '"',
    '\\',
    '\\"',
    '<',
    '>',
    '<>',
    ',',
    ';',
    ';;',
    ',,',
  ],
  ...[
    ':',
    '@',
    '@@',
    '%',
    '%00',
    '[',
    ']',
    '[::1',
    '[:::1]',
    '[1]',
    '?a=b',
    '=',
    ';=',
    ';tag=',
    ';branch=',
    ';rport=x',
  ],
  ...[
    '4294967296',
    '-1',
    '0x1',
    'é',
    '\u{1f600}',
    '\u0085',
    '\u00a0',
    '\u2028',
    'SIP/2.0',
    'l: 5',
    '\r\nl: 5',
    '()',
    '*',
  ],
] as const;

/** A message that is one but for a fault or two; most are no longer messages. */
export const nearlyWellFormed: fc.Arbitrary<Buffer> = fc
  .tuple(
    wellFormed,
    fc.array(fc.tuple(fc.constantFrom(...FAULTS), fc.nat(255), fc.constantFrom(...STRANGE)), {
      minLength: 1,
      maxLength: 2,
    }),
  )
  .map(([message, faults]) => {
    const spoilt = faults.reduce(
      (each, [fault, at, strange]) => (each.lines.length === 0 ? each : fault(each, at, strange)),
      message,
    );
    return written(spoilt);
  });
