import { expect } from 'chai';
import { SipRefusal } from '../../src/sip/refusal.ts';
import { chatAnswer, parseChatOffer } from '../../src/sip/sdp.ts';

const BOTH = new Set(['tcp', 'tls'] as const);

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

function refusalOf(text: string, transports: ReadonlySet<'tcp' | 'tls'> = BOTH): SipRefusal {
  try {
    parseChatOffer(text, transports);
  } catch (error) {
    if (error instanceof SipRefusal) return error;
    throw error;
  }
  throw new Error('the offer was taken');
}

const local = { path: 'msrp://127.0.0.1:2855/xyz;tcp', host: '127.0.0.1', port: 2855 };

describe('a chat offer', () => {
  it('is read with its path, types and transport', () => {
    const offer = parseChatOffer(sdp(...chat()), BOTH);
    expect(offer).to.deep.include({
      transport: 'tcp',
      path: ['msrp://192.0.2.1:2855/abc;tcp'],
      acceptTypes: ['message/cpim', 'text/*'],
      acceptWrappedTypes: ['text/plain'],
    });
  });

  it('leaves the passive role to us unless it insists on it itself', () => {
    const roles = [[], ['a=setup:actpass'], ['a=setup:active'], ['a=setup:passive']].map(
      (setup) => parseChatOffer(sdp(...chat('TCP/MSRP', ...setup)), BOTH).role,
    );
    expect(roles).to.deep.equal(['passive', 'passive', 'passive', 'active']);
  });

  it('keeps the two URIs of a peer behind a relay', () => {
    const path = 'a=path:msrp://relay.test:2855/r+1;tcp msrp://192.0.2.1:9/abc;tcp';
    const lines = chat().map((line) => (line.startsWith('a=path') ? path : line));
    expect(parseChatOffer(sdp(...lines), BOTH).path).to.have.length(2);
  });

  it('without chat gets 488 with a Warning that says why', () => {
    const refusal = refusalOf(sdp('m=audio 4000 RTP/AVP 0'));
    expect(refusal.status).to.equal(488);
    expect(refusal.headers['Warning']).to.match(/^304 mailbox ".*MSRP.*"$/);
  });

  it('of a file transfer, of a transport we lack, or without a path gets 488', () => {
    const file = sdp(...chat('TCP/MSRP', 'a=file-selector:name:"a.txt" type:text/plain size:10'));
    expect(refusalOf(file).status).to.equal(488);
    expect(refusalOf(sdp(...chat('TCP/TLS/MSRP')), new Set(['tcp'])).status).to.equal(488);
    const noPath = sdp(...chat().filter((line) => !line.startsWith('a=path')));
    expect(refusalOf(noPath).status).to.equal(488);
  });
});

describe('the answer to a chat offer', () => {
  it('echoes m-lines that the SDP library cannot read', () => {
    const offer = parseChatOffer(sdp('m=audio 49170/2 RTP/AVP 0', ...chat()), BOTH);
    expect(chatAnswer(offer, local, 1)).to.include('m=audio 0 RTP/AVP 0\r\n');
    expect(refusalOf(sdp('m=', ...chat())).status).to.equal(400);
  });

  it('has as many m-lines as the offer, all but the chat with port 0', () => {
    const offer = parseChatOffer(
      sdp('m=audio 4000 RTP/AVP 0 8', ...chat('TCP/TLS/MSRP'), 'm=video 4002 RTP/AVP 96'),
      BOTH,
    );
    const lines = chatAnswer(offer, local, 1)
      .split('\r\n')
      .filter((line) => line.startsWith('m='));
    expect(lines).to.deep.equal([
      'm=audio 0 RTP/AVP 0 8',
      'm=message 2855 TCP/TLS/MSRP *',
      'm=video 0 RTP/AVP 96',
    ]);
  });

  it('names path, types and setup at media level and no direction', () => {
    const answer = chatAnswer(parseChatOffer(sdp(...chat()), BOTH), local, 1);
    const media = answer.slice(answer.indexOf('m=message'));
    expect(media).to.include('a=path:msrp://127.0.0.1:2855/xyz;tcp\r\n');
    expect(media).to.include('a=accept-types:message/cpim text/plain');
    expect(media).to.include('a=setup:passive\r\n');
    expect(answer).not.to.match(/a=(sendrecv|sendonly|recvonly|inactive)/);
  });
});
