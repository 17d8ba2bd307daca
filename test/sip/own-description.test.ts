import { expect } from 'chai';
import { parse } from 'sdp-transform';
import type { ChatTransport } from '../../src/mailbox/session-mode.ts';
import { parseChatOffer } from '../../src/sip/chat-offer.ts';
import { OwnDescription } from '../../src/sip/own-description.ts';
import { SipRefusal } from '../../src/sip/refusal.ts';
import { roleAfterAnswer, roleInAnswer } from '../../src/sip/setup-role.ts';

const ALL: ReadonlySet<ChatTransport> = new Set(['tcp', 'tls', 'ws', 'wss'] as const);

function offer(...media: string[]): ReturnType<typeof parseChatOffer> {
  const lines = ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0', ...media, ''];
  return parseChatOffer(lines.join('\r\n'), ALL);
}

function chat(...attributes: string[]): string[] {
  return [
    'm=message 2855 TCP/MSRP *',
    'a=accept-types:message/cpim text/*',
    'a=path:msrp://192.0.2.1:2855/abc;tcp',
    ...attributes,
  ];
}

function own(
  transport: ChatTransport = 'tcp',
  media: { path?: string; host?: string; fingerprint?: string } = {},
): OwnDescription {
  const { path = 'msrp://127.0.0.1:2855/xyz;tcp', host = '127.0.0.1', fingerprint } = media;
  return new OwnDescription({
    media: { path, host, port: 2855, fingerprint },
    transport,
    sessionId: 42,
    maxSize: 65_536,
  });
}

const linesOf = (sdp: string, start: string): string[] =>
  sdp.split('\r\n').filter((line) => line.startsWith(start));
const version = (sdp: string): number => parse(sdp).origin.sessionVersion;

describe('the answer to a chat offer', () => {
  it('has as many m-lines as the offer, with their protocols and formats, all but the chat with port 0', () => {
    const media = [
      'm=audio 49170/2 RTP/AVP 0 8',
      ...chat(),
      'm=video 4002 RTP/AVP 96',
      'm=x-new 7 FOO/BAR a b',
    ];
    expect(linesOf(own().answer(offer(...media), 'passive'), 'm=')).to.deep.equal([
      'm=audio 0 RTP/AVP 0 8',
      'm=message 2855 TCP/MSRP *',
      'm=video 0 RTP/AVP 96',
      'm=x-new 0 FOO/BAR a b',
    ]);
  });

  it('names path, types, the longest message we take and setup at media level, and no direction', () => {
    const answer = own().answer(offer(...chat()), 'passive');
    const media = answer.slice(answer.indexOf('m=message'));
    expect(media).to.include('a=path:msrp://127.0.0.1:2855/xyz;tcp\r\n');
    expect(media).to.include('a=accept-types:message/cpim text/plain');
    expect(media).to.include('a=max-size:65536\r\n');
    expect(media).to.include('a=setup:passive\r\n');
    expect(answer).not.to.match(/a=(sendrecv|sendonly|recvonly|inactive|fingerprint|msrp-cema)/);
  });

  it('takes the role the offer leaves to us (RFC 4145 §4.1)', () => {
    const table = { active: 'passive', actpass: 'passive', passive: 'active', holdconn: 'holdconn' } as const;
    for (const [setup, role] of Object.entries(table)) {
      const { media } = offer(...chat(`a=setup:${setup}`));
      expect(roleInAnswer(media.setup), setup).to.equal(role);
    }
    expect(roleInAnswer(offer(...chat()).media.setup)).to.equal('passive');
    expect(roleInAnswer(offer(...chat('a=setup:nonsense')).media.setup)).to.equal('passive');
    expect(own().answer(offer(...chat()), 'holdconn')).to.include('a=setup:holdconn\r\n');
  });

  it('turns a hold around (RFC 3264 §6.1)', () => {
    const table = { sendonly: 'recvonly', recvonly: 'sendonly', inactive: 'inactive' };
    for (const [offered, answered] of Object.entries(table)) {
      const answer = own().answer(offer(...chat(`a=${offered}`)), 'passive');
      expect(answer, offered).to.include(`a=${answered}\r\n`);
    }
    expect(own().answer(offer(...chat('a=sendrecv')), 'passive')).not.to.include('a=sendrecv');
  });

  it('knows CEMA when the offer does, and shows our fingerprint over TLS', () => {
    const fingerprint = 'sha-256 AB:CD';
    const answer = own('tcp', { fingerprint }).answer(offer(...chat('a=msrp-cema')), 'passive');
    expect(answer).to.include('a=msrp-cema\r\n').and.to.include('a=fingerprint:sha-256 AB:CD\r\n');
  });

  it('names an IPv6 address as one', () => {
    const answer = own('tcp', { host: '2001:db8::1' }).answer(offer(...chat()), 'passive');
    expect(answer)
      .to.include('c=IN IP6 2001:db8::1\r\n')
      .and.to.match(/^o=- 42 1 IN IP6 2001:db8::1\r$/m);
  });

  it('has the next version when it is another than before, and else the same (RFC 3264 §8)', () => {
    const description = own();
    const sent = [
      description.answer(offer(...chat()), 'passive'),
      description.answer(offer(...chat()), 'passive'),
      description.answer(offer(...chat('a=sendonly')), 'passive'),
      description.answer(offer(...chat()), 'passive'),
      description.answer(offer(...chat()), 'passive'),
    ];
    expect(sent.map(version)).to.deep.equal([1, 1, 2, 3, 3]);
    expect(description.current).to.equal(sent[4]);
  });

  it('that would not fit is a 488, and the description stays as it was', () => {
    const description = own();
    const before = description.answer(offer(...chat()), 'passive');
    const many = Array.from({ length: 600 }, () => 'm=audio 4000 RTP/AVP 0');
    expect(() => description.answer(offer(...chat(), ...many), 'passive')).to.throw(SipRefusal, '488');
    expect(description.current).to.equal(before);
    expect(description.agreed.lines).to.have.length(1);
  });
});

describe('our own offer', () => {
  it('is one chat, actpass, that can be taken as any', () => {
    const sdp = own('tls', { path: 'msrps://127.0.0.1:2855/xyz;tcp', fingerprint: 'sha-256 AB' }).offer();
    expect(linesOf(sdp, 'm=')).to.deep.equal(['m=message 2855 TCP/TLS/MSRP *']);
    const read = parseChatOffer(sdp, ALL).media;
    expect(read).to.deep.include({ setup: 'actpass', transport: 'tls', maxSize: 65_536 });
    expect(read.fingerprints).to.deep.equal(['sha-256 AB']);
  });

  it('leaves the opening of a WebSocket to the browser', () => {
    const sdp = own('wss', { path: 'msrps://127.0.0.1:443/xyz;ws' }).offer();
    expect(sdp).to.include('a=setup:passive\r\n').and.to.include('m=message 2855 TCP/TLS/MSRP *');
  });

  it('in a call has the m-lines of the call in their places', () => {
    const description = own();
    description.answer(offer('m=audio 4000 RTP/AVP 0', ...chat()), 'passive');
    expect(linesOf(description.offer(), 'm=')).to.deep.equal([
      'm=audio 0 RTP/AVP 0',
      'm=message 2855 TCP/MSRP *',
    ]);
  });

  it('once answered leaves us the other role; without one it is us who connect (RFC 4975 §5.4)', () => {
    const answers = (['active', 'passive', 'holdconn', undefined] as const).map(roleAfterAnswer);
    expect(answers).to.deep.equal(['passive', 'active', 'holdconn', 'active']);
  });
});
