import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { settle } from '../doubles/fake-clock.ts';
import { packageRoot } from '../doubles/package-root.ts';
import { Assembly } from './assembly.ts';

interface Flow {
  /** Message-ID and content of each message that reaches the owner, in order. */
  readonly messages: readonly string[];
  /** What goes back: transact-id and status, or a REPORT and its Message-ID. */
  readonly answers: readonly string[];
}

const CPIM = [
  'From: Bob <sip:bob@example.test>',
  'To: Alice <sip:alice@example.test>',
  'DateTime: 2026-01-02T03:04:05Z',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Disposition: render',
  '',
  'Call me tomorrow.',
].join('\r\n');

/** The flows of RFC 4975 §5.1 and §11 with words of our own, and what chunks make of them (§7.3.1). */
const FLOWS: Readonly<Record<string, Flow>> = {
  'flow-basic-session': {
    messages: ['87652491 Are you at home tonight??', '87652492 Call me back', '87652493 Bye!'],
    answers: ['a786hjs2 200', 'REPORT 87652492'],
  },
  'send-in-two-chunks': {
    messages: ['4564dpWd abcdEFGH'],
    answers: ['dkei38sd 200', 'dkei38ia 200'],
  },
  'flow-interrupted-chunk': {
    messages: ['7713aqLm Hurry! ', '4564dpWd The lamp is on, so come.'],
    answers: ['dkei38sd 200', 'urg3nt01 200', 'dkei38ia 200'],
  },
  'flow-report-of-success': {
    messages: ['12339sdqwer Last words'],
    answers: ['d93kswow 200', 'REPORT 12339sdqwer'],
  },
  'flow-report-of-failure': { messages: [], answers: [] },
  'flow-cpim': { messages: [`12339sdqwer ${CPIM}`], answers: ['d93kswow 200'] },
  'flow-html': {
    messages: ['12339sdqwer <html><body><p>Good &#x2014; see you.</p></body></html>'],
    answers: ['d93kswow 200'],
  },
  'flow-relay-auth': { messages: [], answers: ['49fh2kda 501'] },
  'unknown-method': { messages: [], answers: ['d93kswow 501'] },
  aborted: { messages: [], answers: ['d93kswow 200'] },
  'given-up-then-sent-again': {
    messages: ['m1 9876543210'],
    answers: ['aaaa0001 200', 'aaaa0002 200', 'aaaa0003 200'],
  },
  'three-messages-interleaved': {
    messages: ['second abcdef', 'first 0123456789', 'third UVWXYZ'],
    answers: ['aaaa0001', 'bbbb0001', 'cccc0001', 'bbbb0002', 'aaaa0002', 'cccc0002'].map(
      (id) => `${id} 200`,
    ),
  },
  'chunks-backwards-and-overlapping': {
    messages: ['m1 abcdefghijkl'],
    answers: ['aaaa0003 200', 'aaaa0002 200', 'aaaa0001 200'],
  },
  'empty-last-chunk': { messages: ['m1 hello'], answers: ['aaaa0001 200', 'aaaa0002 200'] },
  'empty-body-at-once': { messages: [], answers: ['d93kswow 200'] },
  'bind-empty': { messages: [], answers: ['d93k 200'] },
  'bind-without-byte-range': { messages: [], answers: [] },
  'keep-alive-and-heartbeat': { messages: [], answers: ['d93kswow 200', 'd93kswox 200'] },
  'relay-path': { messages: ['1 hi'], answers: ['d93kswow 200'] },
  'blank-lines-between': { messages: ['1 hi', '2 ho'], answers: ['aaaa0001 200', 'aaaa0002 200'] },
};

describe('a flow of messages in a session', () => {
  for (const [name, { messages, answers }] of Object.entries(FLOWS)) {
    it(`like ${name} is taken and answered, wherever the stream is cut`, async () => {
      const bytes = readFileSync(join(packageRoot, `fixtures/msrp/valid/${name}.msrp`));
      const assembly = new Assembly();
      for (let split = 0; split <= bytes.length; split++) {
        const got: string[] = [];
        const session = assembly.open(({ messageId, content }) => {
          got.push(`${messageId} ${content.toString()}`);
          return Promise.resolve();
        });
        const link = assembly.connect();
        link.feed(bytes.subarray(0, split), bytes.subarray(split));
        await settle();
        expect(got, `split at ${split}`).to.deep.equal(messages);
        expect(link.answers, `split at ${split}`).to.have.members(answers);
        expect(assembly.room.taken).to.equal(0);
        session.close();
        assembly.close();
      }
      await settle();
      expect(assembly.clock.pendingTimers).to.equal(0);
    });
  }

  it('from a relay gets its answer over the relay alone, and an AUTH from whoever asked', async () => {
    const written = async (name: string): Promise<string> => {
      const assembly = new Assembly();
      assembly.open(() => Promise.resolve());
      const link = assembly.connect();
      link.feed(readFileSync(join(packageRoot, `fixtures/msrp/valid/${name}.msrp`)));
      await settle();
      assembly.close();
      return link.written;
    };
    expect(await written('relay-path')).to.equal(
      [
        'MSRP d93kswow 200 OK',
        'To-Path: msrps://relay.example.test:2855/x+y;tcp',
        'From-Path: msrp://127.0.0.1:2855/abcdef0123456789abcd;tcp',
        '-------d93kswow$',
        '',
      ].join('\r\n'),
    );
    expect(await written('flow-relay-auth')).to.equal(
      [
        'MSRP 49fh2kda 501 Unknown method',
        'To-Path: msrps://bob.example.test:49154/bob;tcp',
        'From-Path: msrps://mailbox.example.test:2856;tcp',
        '-------49fh2kda$',
        '',
      ].join('\r\n'),
    );
  });
});
