import { expect } from 'chai';
import { systemClock } from '../../../src/core/clock.ts';
import type { RawMessage, RawProtocol, RawSipClient } from '../../doubles/raw-sip-client.ts';
import { isResponse, rawRequest } from '../../doubles/raw-sip-client.ts';
import type { Handlers, SrfRequest, SrfResponse } from '../application.ts';
import { RunningEngine } from '../running-engine.ts';
import type { TortureMessage } from './torture-fixtures.ts';
import { tortureMessages } from './torture-fixtures.ts';

const SERVED_TYPES: ReadonlySet<string> = new Set(['application/sdp', 'multipart/mixed']);

/** An application that refuses bodies it cannot read (RFC 3261 §8.2.3), takes no calls, and agrees to all else. */
function application(seen: string[]): Handlers {
  const answer = (request: SrfRequest, response: SrfResponse): void => {
    seen.push(request.get('Call-ID'));
    const [type = ''] = request.has('Content-Type') ? request.get('Content-Type').split(';') : [];
    if (type !== '' && !SERVED_TYPES.has(type)) {
      response.send(415, { headers: { Accept: 'application/sdp' } });
    } else response.send(request.method === 'INVITE' ? 486 : 200);
  };
  return { INVITE: answer, MESSAGE: answer, OPTIONS: answer, REGISTER: answer };
}

/** What is sent, and how: a datagram that is no refusal is answered where its Via says, unless it asks for more. */
function sending({
  bytes,
  stated: { datagram, stream },
}: TortureMessage): readonly (readonly [RawProtocol, Buffer])[] {
  if ('refused' in datagram) {
    return stream === 'waits'
      ? [['udp', bytes]]
      : [
          ['udp', bytes],
          ['tcp', bytes],
        ];
  }
  const withRport = Buffer.from(bytes.toString('latin1').replace(/^(Via: [^;\r]*)/m, '$1;rport'), 'latin1');
  return typeof stream === 'object' ? [['udp', withRport]] : [['tcp', bytes]];
}

/** Fails unless the engine answers a request of another peer's. */
async function answersOthers(running: RunningEngine): Promise<void> {
  const other = await running.peer();
  other.send(rawRequest({ method: 'OPTIONS', uri: 'sip:alice@example.test', client: other }));
  await other.nextMessage(isResponse(200));
}

/** The value of the first field of that name in the torture message, folds and all left as they are. */
function fieldOf({ stated: { datagram } }: TortureMessage, name: string): string | undefined {
  return 'parsed' in datagram ? datagram.parsed.headers.find(([field]) => field === name)?.[1] : undefined;
}

function checkAnswer(torture: TortureMessage, answer: RawMessage): void {
  const { engine } = torture.stated;
  expect(answer.status).to.equal(engine?.status);
  if (engine?.reason !== undefined)
    expect(answer.startLine).to.equal(`SIP/2.0 ${engine.status} ${engine.reason}`);
  for (const [name, value] of Object.entries(engine?.headers ?? {}))
    expect(answer.header(name)).to.equal(value);
  if (answer.status === 405) expect(answer.header('Allow')).to.include('MESSAGE');
  for (const name of ['From', 'Call-ID', 'CSeq'] as const) {
    const asked = fieldOf(torture, name);
    if (asked !== undefined) expect(answer.header(name), name).to.equal(asked);
  }
  const to = fieldOf(torture, 'To');
  if (to !== undefined) expect(answer.header('To').startsWith(to), 'To').to.equal(true);
}

async function finalAnswer(peer: RawSipClient): Promise<RawMessage> {
  return await peer.nextMessage(({ status }) => status >= 200);
}

async function check(running: RunningEngine, torture: TortureMessage): Promise<void> {
  const { engine } = torture.stated;
  const seen: string[] = [];
  await running.application(application(seen));
  for (const [protocol, bytes] of sending(torture)) {
    const peer = await running.peer(protocol);
    peer.send(bytes);
    if (engine !== null) checkAnswer(torture, await finalAnswer(peer));
    const shown = [...seen];
    await answersOthers(running);
    expect(shown.length > 0, 'shown to the application').to.equal(engine?.by === 'application');
    if (engine === null) expect(peer.received, 'nothing is said').to.deep.equal([]);
    seen.length = 0;
  }
}

for (const rfc of ['rfc4475', 'rfc5118'] as const) {
  describe(`an engine with an application, given the torture messages of ${rfc.replace('rfc', 'RFC ')}`, () => {
    let running: RunningEngine;

    beforeEach(async () => {
      // The application knows no extension of SIP, and has the engine say so.
      running = await RunningEngine.start(systemClock, { extensions: [] });
    });

    afterEach(() => running.close());

    for (const torture of tortureMessages(rfc)) {
      const { section, name, stated } = torture;
      const outcome =
        stated.engine === null
          ? 'says nothing to'
          : `answers ${stated.engine.status} by the ${stated.engine.by} to`;
      it(`${outcome} §${section} ${name}: ${stated.title}`, () => check(running, torture));
    }
  });
}

describe('requests whose branch is the magic cookie alone (RFC 4475 §3.2.1)', () => {
  let running: RunningEngine;

  beforeEach(async () => {
    running = await RunningEngine.start();
  });

  afterEach(() => running.close());

  it('are told apart by what else they hold, and recognised when they come again', async () => {
    const torture = tortureMessages('rfc4475').find(({ name }) => name === 'badbranch');
    const first = torture?.bytes.toString().replace(';branch', ';rport;branch') ?? '';
    const second = first.replaceAll('badbranch.', 'other.').replace('CSeq: 8', 'CSeq: 9');
    const seen: string[] = [];
    await running.application(application(seen));
    const peer = await running.peer();
    for (const bytes of [first, second, first]) {
      peer.send(bytes);
      await peer.nextMessage(isResponse(200));
    }
    expect(seen.map((callId) => callId.split('.')[0])).to.deep.equal(['badbranch', 'other']);
  });
});
