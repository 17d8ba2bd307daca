import type { RawMessage } from '../../../doubles/raw-sip-client.ts';
import { contactOf, isResponse, rawRequest } from '../../../doubles/raw-sip-client.ts';
import { deferred, tag } from '../../running-engine.ts';
import type { SrfMessage } from '../../application.ts';
import { answer } from '../calls.ts';
import type { Row } from '../row.ts';
import type { Site } from '../site.ts';
import type { Request } from '../srf.ts';

const URI = 'sip:alice@example.test';

/** Sends one request to an application with these handlers; the final response to it. */
async function asked(
  site: Site,
  method: string,
  handlers: Parameters<Site['application']>[0],
  more: { headers?: readonly string[]; body?: string } = {},
): Promise<RawMessage> {
  await site.application(handlers);
  const peer = await site.peer();
  const headers = [contactOf(peer), ...(more.headers ?? [])];
  peer.send(rawRequest({ method, uri: URI, client: peer, headers, body: more.body ?? '' }));
  return await peer.nextMessage(({ status }) => status >= 200);
}

/** Final responses to a message that may not have one. */
async function answered(waiting: Promise<RawMessage>): Promise<RawMessage[]> {
  return await waiting.then(
    (response) => [response],
    () => [],
  );
}

/** A handler is called and its answer is what the peer gets, method by method. */
const handled = (method: string, headers: readonly string[] = []): Row => ({
  call: `srf.${method.toLowerCase()}(handler), res.send(200)`,
  play: async (site) => {
    const seen: string[] = [];
    const responses = await answered(
      asked(
        site,
        method,
        {
          [method]: (request, res) => {
            seen.push(request.method);
            res.send(200);
          },
        },
        { headers },
      ),
    );
    const farEnd = responses.flatMap((response) => [response.startLine, response.header('CSeq')]);
    return { farEnd, application: seen };
  },
  seen: { farEnd: ['SIP/2.0 200 OK', `1 ${method}`], application: [method] },
});

/** Requests outside of dialogs that applications answer. */
export const REQUESTS_IN: readonly Row[] = [
  handled('MESSAGE'),
  handled('OPTIONS'),
  handled('REGISTER', ['Expires: 60']),
  handled('PUBLISH', ['Event: presence', 'Expires: 60']),
  handled('INFO'),
  handled('NOTIFY', ['Event: presence', 'Subscription-State: active']),
  {
    ...handled('REFER', ['Refer-To: <sip:carol@example.test>']),
    drachtioServer: {
      why: 'nobody is handed a REFER outside of a dialog, and it is not answered',
      seen: { farEnd: [], application: [] },
    },
  },
  {
    call: 'srf.invite(handler), res.send(486)',
    play: async (site) => {
      const response = await asked(site, 'INVITE', { INVITE: (_request, res) => res.send(486) });
      return { farEnd: [response.startLine], application: [] };
    },
    seen: { farEnd: ['SIP/2.0 486 Busy Here'], application: [] },
  },
  {
    call: 'req.source_address, source_port, protocol, body, callingNumber; req.get of a compact header',
    play: async (site) => {
      const handed = deferred<Request>();
      const response = await asked(
        site,
        'MESSAGE',
        {
          MESSAGE: (request, res) => {
            handed.resolve(request);
            res.send(200);
          },
        },
        { headers: ['s: hello', 'c: text/plain'], body: 'hi' },
      );
      const request = await handed.promise;
      const rport = /;rport=(\d+)/.exec(response.header('Via'))?.[1];
      return {
        farEnd: [String(response.status)],
        application: [
          request.source_address,
          request.protocol,
          String(String(request.source_port) === rport),
          request.body ?? '',
          (request as unknown as { callingNumber: string }).callingNumber,
          request.get('Subject'),
          request.get('Content-Type'),
        ],
      };
    },
    seen: {
      farEnd: ['200'],
      application: ['127.0.0.1', 'udp', 'true', 'hi', 'caller', 'hello', 'text/plain'],
    },
  },
  {
    call: 'res.send(status, reason, { headers, body }, callback): the callback is given what was sent',
    play: async (site) => {
      const sent = deferred<string[]>();
      const response = await asked(site, 'MESSAGE', {
        MESSAGE: (_request, res) => {
          const send = res.send.bind(res) as (...values: unknown[]) => void;
          const told = (error: unknown, message: SrfMessage & { reason: string }): void =>
            sent.resolve([String(error), message.reason, message.get('X-A'), message.body ?? '']);
          const options = { headers: { 'X-A': 'ü', 'Content-Type': 'text/plain' }, body: 'Grüße' };
          send(202, 'Noted', options, told);
        },
      });
      return {
        farEnd: [response.startLine, response.header('X-A'), response.body.toString()],
        application: await sent.promise,
      };
    },
    seen: {
      farEnd: ['SIP/2.0 202 Noted', 'ü', 'Grüße'],
      application: ['null', 'Noted', 'ü', 'Grüße'],
    },
  },
  {
    call: "res.send(200, { headers: { To: '…;tag=mine' } }): the tag is the application's",
    play: async (site) => {
      const response = await asked(site, 'MESSAGE', {
        MESSAGE: (_request, res) => res.send(200, { headers: { To: `<${URI}>;tag=mine` } }),
      });
      return { farEnd: [tag(response.header('To'))], application: [] };
    },
    seen: { farEnd: ['mine'], application: [] },
  },
  {
    call: "res.send with the server's own headers: Via, Record-Route, Content-Length are not the application's",
    play: async (site) => {
      const headers = {
        Via: 'SIP/2.0/UDP evil.test',
        'Record-Route': '<sip:evil.test>',
        'Content-Length': '7',
        Contact: '<sip:elsewhere@192.0.2.1>',
      };
      const response = await asked(site, 'REGISTER', {
        REGISTER: (_request, res) => res.send(200, { headers }),
      });
      return {
        farEnd: [
          String(response.headers('Via').length),
          response.header('Record-Route'),
          response.header('Content-Length'),
          response.header('Contact'),
        ],
        application: [],
      };
    },
    seen: { farEnd: ['1', '', '0', '<sip:elsewhere@192.0.2.1>'], application: [] },
  },
  {
    call: 'res.send(401) with a challenge, then the request with credentials (middleware)',
    play: async (site) => {
      const seen: string[] = [];
      await site.application({
        REGISTER: (request, response) => {
          seen.push(request.has('Authorization') ? 'credentials' : 'none');
          if (request.has('Authorization')) response.send(200);
          else response.send(401, { headers: { 'WWW-Authenticate': 'Digest realm="here", nonce="n"' } });
        },
      });
      const peer = await site.peer();
      peer.send(rawRequest({ method: 'REGISTER', uri: URI, client: peer, headers: [contactOf(peer)] }));
      const challenge = await peer.nextMessage(isResponse(401));
      const authorization = 'Authorization: Digest username="a", realm="here", nonce="n"';
      const headers = [contactOf(peer), authorization];
      peer.send(rawRequest({ method: 'REGISTER', uri: URI, client: peer, headers, cseq: 2 }));
      await peer.nextMessage(isResponse(200));
      return { farEnd: [challenge.header('WWW-Authenticate')], application: seen };
    },
    seen: { farEnd: ['Digest realm="here", nonce="n"'], application: ['none', 'credentials'] },
  },
  {
    call: 'res.send after the caller cancelled: the callback is told why not',
    play: async (site) => {
      const told = deferred<string>();
      await site.application({
        INVITE: (request, response) => {
          request.on('cancel', () => {
            void answer(response, 200).then(told.resolve);
          });
          response.send(180);
        },
      });
      const peer = await site.peer();
      const parts = {
        uri: URI,
        client: peer,
        branch: `z9hG4bKlate${peer.port}`,
        from: '<sip:b@x>;tag=1',
        callId: `late-${peer.port}`,
      };
      peer.send(rawRequest({ ...parts, method: 'INVITE', headers: [contactOf(peer)] }));
      await peer.nextMessage(isResponse(180));
      peer.send(rawRequest({ ...parts, method: 'CANCEL' }));
      const over = await peer.nextMessage(isResponse(487));
      peer.send(rawRequest({ ...parts, method: 'ACK', to: over.header('To') }));
      return { farEnd: [String(over.status)], application: [await told.promise] };
    },
    seen: { farEnd: ['487'], application: ['unknown transaction'] },
  },
  {
    call: 'no handler for the method',
    play: async (site) => {
      const response = await asked(site, 'PUBLISH', { MESSAGE: (_request, res) => res.send(200) });
      return { farEnd: [String(response.status)], application: [] };
    },
    seen: { farEnd: ['405'], application: [] },
    drachtioServer: {
      why: 'it answers 503 where no application wants the method',
      seen: { farEnd: ['503'], application: [] },
    },
  },
];
