import type { RawMessage } from '../../../doubles/raw-sip-client.ts';
import { isRequest, rawResponse } from '../../../doubles/raw-sip-client.ts';
import { tag } from '../../running-engine.ts';
import { gist } from '../calls.ts';
import type { Row } from '../row.ts';
import { uriOf } from '../site.ts';
import { ask, outcome } from '../srf.ts';
import type { RequestOptions } from '../srf.ts';

const TEXT = { 'Content-Type': 'text/plain' };

/** An application sends a request, the peer answers it: what either is shown. */
const asks = (
  call: string,
  options: RequestOptions,
  shown: (request: RawMessage) => string[],
  farEnd: readonly string[],
): Row => ({
  call,
  play: async (site) => {
    const application = await site.application();
    const peer = await site.peer();
    const { answer } = await ask(application, uriOf(peer), options);
    const request = await peer.nextMessage(isRequest(options.method));
    peer.send(rawResponse(request, 299, 'Quite', { tag: 'x', headers: ['X-A: b'] }));
    const response = await answer;
    return { farEnd: shown(request), application: [String(response.status), response.get('X-A')] };
  },
  seen: { farEnd, application: ['299', 'b'] },
});

const minimal = (method: string, headers: Record<string, string> = {}): Row =>
  asks(
    `srf.request(uri, { method: '${method}' })`,
    { method, headers },
    (request) => [
      ...gist(request),
      request.header('Max-Forwards'),
      String(tag(request.header('From')) !== ''),
    ],
    [`${method} 1 ${method}`, '70', 'true'],
  );

/** Requests outside of dialogs that applications send. */
export const REQUESTS_OUT: readonly Row[] = [
  minimal('OPTIONS'),
  minimal('REGISTER', { Expires: '60' }),
  minimal('INFO'),
  minimal('PUBLISH', { Event: 'presence', Expires: '60' }),
  minimal('NOTIFY', { Event: 'presence', 'Subscription-State': 'active' }),
  minimal('REFER', { 'Refer-To': '<sip:carol@example.test>' }),
  asks(
    "srf.request(uri, { method: 'MESSAGE', body }) with text beyond ASCII",
    { method: 'MESSAGE', headers: TEXT, body: 'Grüße 👍' },
    (request) => [request.body.toString(), request.header('Content-Length')],
    ['Grüße 👍', '12'],
  ),
  asks(
    'srf.request with From, To, Call-ID, CSeq, Contact and Max-Forwards given',
    {
      method: 'MESSAGE',
      headers: {
        ...TEXT,
        From: '"A" <sip:a@example.test>;tag=mine',
        To: '<sip:b@example.test>',
        'Call-ID': 'given-by-application',
        CSeq: '77 MESSAGE',
        'Max-Forwards': '9',
      },
      body: 'x',
    },
    (request) => ['From', 'To', 'Call-ID', 'CSeq', 'Max-Forwards'].map((name) => request.header(name)),
    ['"A" <sip:a@example.test>;tag=mine', '<sip:b@example.test>', 'given-by-application', '77 MESSAGE', '9'],
  ),
  asks(
    'srf.request with Via, Route, Record-Route and Content-Length given: they are dropped',
    {
      method: 'MESSAGE',
      headers: {
        ...TEXT,
        Via: 'SIP/2.0/UDP evil.test;branch=z9hG4bKx',
        Route: '<sip:evil.test;lr>',
        'Record-Route': '<sip:evil.test;lr>',
        'Content-Length': '1',
      },
      body: 'four',
    },
    (request) => [
      String(request.headers('Via').length),
      request.header('Route'),
      request.header('Record-Route'),
      request.header('Content-Length'),
    ],
    ['1', '', '', '4'],
  ),
  {
    call: 'srf.request with { proxy }: the next hop, and the Request-URI is left alone',
    play: async (site) => {
      const application = await site.application();
      const peer = await site.listener();
      const proxy = `sip:127.0.0.1:${peer.port};transport=tcp`;
      const { answer } = await ask(application, 'sip:bob@example.test', { method: 'OPTIONS', proxy });
      const request = await peer.nextMessage(isRequest('OPTIONS'));
      peer.send(rawResponse(request, 200, 'OK', { tag: 'x' }));
      return { farEnd: [request.startLine], application: [String((await answer).status)] };
    },
    seen: { farEnd: ['OPTIONS sip:bob@example.test SIP/2.0'], application: ['200'] },
  },
  ...([401, 407] as const).map((status): Row => ({
    call: `srf.request with { auth }, challenged by ${status}`,
    play: async (site) => {
      const application = await site.application();
      const peer = await site.peer();
      const auth = { username: 'alice', password: 'secret' };
      const { answer } = await ask(application, uriOf(peer), { method: 'REGISTER', auth });
      const first = await peer.nextMessage(isRequest('REGISTER'));
      const challenge = status === 401 ? 'WWW-Authenticate' : 'Proxy-Authenticate';
      const headers = [`${challenge}: Digest realm="here",nonce="abc",qop="auth",algorithm=MD5`];
      peer.send(rawResponse(first, status, 'Who?', { tag: 'x', headers }));
      const second = await peer.nextMessage(isRequest('REGISTER'));
      peer.send(rawResponse(second, 200, 'OK', { tag: 'x' }));
      const name = status === 401 ? 'Authorization' : 'Proxy-Authorization';
      return {
        farEnd: [
          ...gist(first, second),
          String(second.header('Call-ID') === first.header('Call-ID')),
          /username="\w+"/.exec(second.header(name))?.[0] ?? 'none',
        ],
        application: [String((await answer).status)],
      };
    },
    seen: {
      farEnd: ['REGISTER 1 REGISTER', 'REGISTER 2 REGISTER', 'true', 'username="alice"'],
      application: ['200'],
    },
  })),
  {
    call: 'srf.request to a port where nobody listens (TCP)',
    play: async (site) => {
      const application = await site.application();
      const { answer } = await ask(application, 'sip:a@127.0.0.1:9;transport=tcp', { method: 'OPTIONS' });
      return { farEnd: [], application: [String((await answer).status)] };
    },
    seen: { farEnd: [], application: ['503'] },
  },
  {
    call: 'srf.request to a host that is not there',
    play: async (site) => {
      const application = await site.application();
      const { answer } = await ask(application, 'sip:a@no-such-host.invalid', { method: 'OPTIONS' });
      return { farEnd: [], application: [String((await answer).status)] };
    },
    seen: { farEnd: [], application: ['503'] },
  },
  {
    call: 'srf.request that nobody answers: 408 after 64*T1',
    play: async (site) => {
      const application = await site.application();
      const peer = await site.peer();
      const { answer } = await ask(application, uriOf(peer), { method: 'OPTIONS' });
      return { farEnd: [], application: [String((await answer).status)] };
    },
    seen: { farEnd: [], application: ['408'] },
    patience: 40_000,
  },
  {
    call: 'srf.request with a body and no Content-Type: refused with the reason',
    play: async (site) => {
      const application = await site.application();
      const peer = await site.peer();
      const sending = ask(application, uriOf(peer), { method: 'MESSAGE', body: 'text' });
      const failed = sending.then(
        () => 'sent',
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      );
      return { farEnd: [], application: [await failed] };
    },
    seen: { farEnd: [], application: ['missing content-type'] },
  },
  {
    call: 'req.cancel of a request that is no INVITE',
    play: async (site) => {
      const application = await site.application();
      const peer = await site.peer();
      const { sent, answer } = await ask(application, uriOf(peer), { method: 'OPTIONS' });
      const request = await peer.nextMessage(isRequest('OPTIONS'));
      const cancelled = new Promise<void>((resolve, reject) => {
        sent.cancel((error) => (error instanceof Error ? reject(error) : resolve()));
      });
      const application1 = await outcome(cancelled);
      peer.send(rawResponse(request, 200, 'OK', { tag: 'x' }));
      return { farEnd: [], application: [application1, String((await answer).status)] };
    },
    seen: { farEnd: [], application: ['EDRACHTIO', '200'] },
  },
  {
    call: 'srf.request larger than a datagram: over TCP',
    play: async (site) => {
      const application = await site.application();
      const peer = await site.listener();
      const body = 'x'.repeat(4_000);
      const { answer } = await ask(application, `sip:peer@127.0.0.1:${peer.port};transport=tcp`, {
        method: 'MESSAGE',
        headers: TEXT,
        body,
      });
      const request = await peer.nextMessage(isRequest('MESSAGE'));
      peer.send(rawResponse(request, 200, 'OK', { tag: 'x' }));
      return { farEnd: [String(request.body.length)], application: [String((await answer).status)] };
    },
    seen: { farEnd: ['4000'], application: ['200'] },
  },
];
