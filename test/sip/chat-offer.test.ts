import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ChatTransport } from '../../src/mailbox/session-mode.ts';
import type { ChatMedia } from '../../src/sip/chat-media.ts';
import { chatPeer } from '../../src/sip/chat-media.ts';
import { parseChatOffer, parseSameChat } from '../../src/sip/chat-offer.ts';
import { SipRefusal } from '../../src/sip/refusal.ts';

const ALL: ReadonlySet<ChatTransport> = new Set(['tcp', 'tls', 'ws', 'wss'] as const);
const CLIENTS = join(import.meta.dirname, '../../fixtures/msrp/clients');

function sdp(...media: string[]): string {
  return ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0', ...media, ''].join('\r\n');
}

function chat(protocol = 'TCP/MSRP', ...attributes: string[]): string[] {
  const scheme = protocol === 'TCP/MSRP' ? 'msrp' : 'msrps';
  return [
    `m=message 2855 ${protocol} *`,
    'a=accept-types:message/cpim text/*',
    'a=accept-wrapped-types:text/plain',
    `a=path:${scheme}://192.0.2.1:2855/abc;tcp`,
    ...attributes,
  ];
}

function media(...lines: string[]): ChatMedia {
  return parseChatOffer(sdp(...lines), ALL).media;
}

function client(file: string, values: Readonly<Record<string, string>>): string {
  return readFileSync(join(CLIENTS, file), 'utf8').replace(
    /\{\{(\w+)\}\}/g,
    (_, name: string) => values[name] ?? '',
  );
}

function refusalOf(parse: () => unknown): SipRefusal {
  try {
    parse();
  } catch (error) {
    if (error instanceof SipRefusal) return error;
    throw error;
  }
  throw new Error('the offer was taken');
}

function refused(text: string, transports = ALL): string {
  const { status, headers } = refusalOf(() => parseChatOffer(text, transports));
  return `${status} ${headers['Warning'] ?? ''}`;
}

describe('a chat offer', () => {
  it('is read with its path, types and transport', () => {
    expect(media(...chat())).to.deep.include({
      transport: 'tcp',
      path: ['msrp://192.0.2.1:2855/abc;tcp'],
      acceptTypes: ['message/cpim', 'text/*'],
      acceptWrappedTypes: ['text/plain'],
      direction: 'sendrecv',
      maxSize: undefined,
      anchor: null,
    });
  });

  it('keeps the URIs of a peer behind relays, in their order', () => {
    const path = 'a=path:msrp://relay.test:2855/r+1;tcp msrp://192.0.2.1:9/abc;tcp';
    const lines = chat().map((line) => (line.startsWith('a=path') ? path : line));
    expect(media(...lines).path).to.deep.equal([
      'msrp://relay.test:2855/r+1;tcp',
      'msrp://192.0.2.1:9/abc;tcp',
    ]);
  });

  it('inherits setup, fingerprints, direction and address from the session', () => {
    const text = sdp(
      ...['a=setup:passive', 'a=fingerprint:sha-256 AB:CD', 'a=sendonly', 'a=msrp-cema'],
      ...chat('TCP/TLS/MSRP'),
    );
    expect(parseChatOffer(text, ALL).media).to.deep.include({
      setup: 'passive',
      fingerprints: ['sha-256 AB:CD'],
      direction: 'sendonly',
      anchor: { host: '192.0.2.1', port: 2855 },
    });
  });

  it('has its own attributes count before those of the session', () => {
    const own = [
      'c=IN IP6 2001:db8::1',
      'a=setup:active',
      'a=fingerprint:sha-1 01',
      'a=sendrecv',
      'a=msrp-cema',
    ];
    const text = sdp(
      'a=setup:passive',
      'a=fingerprint:sha-256 AB',
      'a=inactive',
      ...chat('TCP/MSRP', ...own),
    );
    expect(parseChatOffer(text, ALL).media).to.deep.include({
      setup: 'active',
      fingerprints: ['sha-1 01'],
      direction: 'sendrecv',
      anchor: { host: '2001:db8::1', port: 2855 },
    });
  });

  it('may name several fingerprints, and all of them are kept', () => {
    const both = ['a=fingerprint:sha-1 01:02', 'a=fingerprint:SHA-256 03:04'];
    expect(media(...chat('TCP/TLS/MSRP', ...both)).fingerprints).to.deep.equal([
      'sha-1 01:02',
      'SHA-256 03:04',
    ]);
  });

  it('names the longest message it takes; a size that is no number is none', () => {
    const sizes = ['2048', '0', '-1', 'x', '9'.repeat(30)].map(
      (size) => media(...chat('TCP/MSRP', `a=max-size:${size}`)).maxSize,
    );
    expect(sizes).to.deep.equal([2048, 0, undefined, undefined, undefined]);
  });

  it('is anchored at c= and m= only when it knows CEMA (RFC 6714)', () => {
    expect(chatPeer(media(...chat()), 'active')).not.to.have.property('anchor');
    const lines = [
      'm=message 7000 TCP/MSRP *',
      'c=IN IP4 198.51.100.7',
      ...chat('TCP/MSRP', 'a=msrp-cema').slice(1),
    ];
    expect(chatPeer(media(...lines), 'active')).to.deep.include({
      anchor: { host: '198.51.100.7', port: 7000 },
      path: ['msrp://192.0.2.1:2855/abc;tcp'],
    });
  });

  it('names its transport by the m-line, and a WebSocket by its path (RFC 7977)', () => {
    const offered = (protocol: string, path: string): string =>
      media(`m=message 9 ${protocol} *`, 'a=accept-types:text/plain', `a=path:${path}`).transport;
    const table: readonly (readonly [string, string, string])[] = [
      ['TCP/MSRP', 'msrp://192.0.2.1:9/a;tcp', 'tcp'],
      ['tcp/msrp', 'msrp://192.0.2.1:9/a;tcp', 'tcp'],
      ['TCP/TLS/MSRP', 'msrps://192.0.2.1:9/a;tcp', 'tls'],
      ['TCP/MSRP', 'msrp://df7jal23ls0d.invalid:2855/a;ws', 'ws'],
      ['TCP/MSRP', 'msrps://df7jal23ls0d.invalid:2855/a;ws', 'wss'],
      ['TCP/TLS/MSRP', 'msrps://df7jal23ls0d.invalid:2855/a;WS;x=y', 'wss'],
      // A browser behind a relay is reached over that.
      ['TCP/TLS/MSRP', 'msrps://relay.test:2855/r;tcp msrps://df7j.invalid:2855/a;ws', 'tls'],
    ];
    for (const [protocol, path, transport] of table) {
      expect(offered(protocol, path), `${protocol} ${path}`).to.equal(transport);
    }
  });

  it('is the first of several that can be answered', () => {
    const text = sdp(
      'm=audio 4000 RTP/AVP 0',
      ...chat('TCP/TLS/MSRP'),
      ...chat('TCP/MSRP', 'a=file-selector:name:"cat.png" type:image/png size:10'),
      'm=message 0 TCP/MSRP *',
      ...chat(),
      ...chat(),
    );
    const offer = parseChatOffer(text, new Set(['tcp']));
    expect(offer.line).to.equal(4);
    expect(offer.lines.map(({ type }) => type)).to.deep.equal([
      'audio',
      ...Array.from({ length: 5 }, () => 'message'),
    ]);
  });

  it('is taken from every client we know', () => {
    const values = { port: '2855', session: 'abc', path: 'msrp://127.0.0.1:9/abc;tcp', setup: 'actpass' };
    const table: readonly (readonly [string, ChatTransport, number])[] = [
      ['blink-offer.sdp', 'tls', 0],
      ['opensips-offer.sdp', 'tcp', 0],
      ['node-lib-offer.sdp', 'tcp', 0],
      ['plain-offer.sdp', 'tcp', 0],
      ['audio-and-chat-offer.sdp', 'tcp', 1],
    ];
    for (const [file, transport, line] of table) {
      const offer = parseChatOffer(client(file, values), ALL);
      expect([offer.media.transport, offer.line], file).to.deep.equal([transport, line]);
    }
    expect(refused(client('blink-file-offer.sdp', values))).to.match(/^488 304 mailbox ".*Files/);
  });

  it('is taken with bare line feeds, with no line end at its end, and without accept-types', () => {
    expect(
      parseChatOffer(
        sdp(...chat())
          .replaceAll('\r\n', '\n')
          .trim(),
        ALL,
      ).media.transport,
    ).to.equal('tcp');
    expect(media('m=message 9 TCP/MSRP *', 'a=path:msrp://192.0.2.1:9/a;tcp').acceptTypes).to.deep.equal([]);
  });

  it('that cannot be answered gets 488 with a Warning that says why', () => {
    const table: readonly (readonly [string, string, RegExp])[] = [
      ['no chat', sdp('m=audio 4000 RTP/AVP 0'), /^488 304 mailbox ".*MSRP.*"$/],
      ['no media', sdp(), /^488 304 /],
      ['a chat that is refused', sdp('m=message 0 TCP/MSRP *', ...chat().slice(1)), /^488 304 /],
      [
        'a file',
        sdp(...chat('TCP/MSRP', 'a=file-selector:name:"a.txt" type:text/plain size:10')),
        /^488 304 .*Files/,
      ],
      ['no path', sdp(...chat().filter((line) => !line.startsWith('a=path'))), /^488 399 .*no path/],
      [
        'a path without end',
        sdp(...chat().slice(0, 3), `a=path:${'msrp://a.test:1/a;tcp '.repeat(40)}`),
        /^488 399 .*too long/,
      ],
      [
        'pictures only',
        sdp('m=message 9 TCP/MSRP *', 'a=accept-types:image/png', 'a=path:msrp://a.test:9/a;tcp'),
        /^488 305 /,
      ],
      [
        'another protocol',
        sdp('m=message 9 SCTP/MSRP *', 'a=accept-types:*', 'a=path:msrp://a.test:9/a;sctp'),
        /^488 302 /,
      ],
      [
        'a passive browser',
        sdp(
          'm=message 9 TCP/MSRP *',
          'a=setup:passive',
          'a=accept-types:*',
          'a=path:msrp://a.invalid:9/a;ws',
        ),
        /^488 399 .*browser/,
      ],
    ];
    for (const [name, text, answer] of table) expect(refused(text), name).to.match(answer);
  });

  it('of a transport we lack gets 488, which names those we have', () => {
    expect(refused(sdp(...chat('TCP/TLS/MSRP')), new Set(['tcp'] as const))).to.match(/^488 302 .*TCP\/MSRP/);
    const browser = sdp('m=message 9 TCP/MSRP *', 'a=accept-types:*', 'a=path:msrp://a.invalid:9/a;ws');
    expect(refused(browser, new Set(['tcp', 'tls'] as const))).to.match(/^488 302 /);
  });

  it('that is no SDP gets 400', () => {
    const broken = [
      '',
      'v=1\r\n',
      'hello',
      'v=0\r\nnonsense\r\n',
      sdp('m=', ...chat()),
      sdp('m=message 99999 TCP/MSRP *'),
    ];
    for (const text of broken) expect(refused(text), JSON.stringify(text)).to.match(/^400 /);
  });
});

describe('a later offer', () => {
  const first = parseChatOffer(sdp('m=audio 4000 RTP/AVP 0', ...chat()), ALL);
  const agreed = { transport: first.media.transport, line: first.line, lines: first.lines };

  it('has the chat where it was, and may have more media after it', () => {
    const text = sdp('m=audio 0 RTP/AVP 0', ...chat(), 'm=video 4002 RTP/AVP 96');
    expect(parseSameChat(text, agreed)).to.deep.include({ line: 1 });
    expect(parseSameChat(text, agreed).lines).to.have.length(3);
  });

  it('that takes the chat out, moves it to another line or transport or drops a line gets 488', () => {
    const others = [
      sdp('m=audio 0 RTP/AVP 0', 'm=message 0 TCP/MSRP *', ...chat().slice(1)),
      sdp(...chat(), 'm=audio 4000 RTP/AVP 0'),
      sdp('m=audio 4000 RTP/AVP 0', ...chat('TCP/TLS/MSRP')),
      sdp(...chat()),
    ];
    for (const text of others)
      expect(refusalOf(() => parseSameChat(text, agreed)).status, text).to.equal(488);
  });
});
