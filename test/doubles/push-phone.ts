import { parseCpim } from '../../src/im/cpim-parser.ts';
import { PagerDeliveryFailed } from '../../src/mailbox/ports.ts';
import type { CalledChat, ChatCaller, PushPager, PushTarget } from '../../src/mailbox/push/delivery-ports.ts';
import { CallFailed, NothingSent } from '../../src/mailbox/push/delivery-ports.ts';
import type { PeerFormats } from '../../src/mailbox/presentation.ts';
import { SessionClosed } from '../../src/msrp/errors.ts';
import type { OutgoingMessage } from '../../src/msrp/session.ts';

const CPIM: PeerFormats = { acceptTypes: ['message/cpim', 'text/plain'], acceptWrappedTypes: [] };

/** The status of what never left. */
export const UNSENT = -1;

/** What happened at the phone: `call sip:… `, `chat: words`, `message from sip:…: words`, `hung up: reason`. */
type Note = string;

/** A phone behind the ports of push: it takes what a test lets it take, and notes everything in order. */
export class PushPhone implements ChatCaller, PushPager {
  maxBytes = 1_000;
  peer: PeerFormats = CPIM;
  readonly notes: Note[] = [];
  readonly bodies: Parameters<PushPager['send']>[1][] = [];
  readonly targets: PushTarget[] = [];
  /** The status of each call; 200: answered. */
  answerCall: () => number | Promise<number> = () => 200;
  /** The status of each MESSAGE. */
  answerMessage: (words: string) => number | Promise<number> = () => 200;
  /** Takes a message of a chat, or rejects. */
  take: (words: string) => Promise<void> = () => Promise.resolve();
  hangUp: () => Promise<void> = () => Promise.resolve();

  async call(target: PushTarget): Promise<CalledChat> {
    this.notes.push(`call from ${target.from}`);
    this.targets.push(target);
    const status = await this.answerCall();
    if (status === UNSENT) throw new NothingSent({ cause: undefined });
    if (status !== 200) throw new CallFailed(status, '');
    let drop: (error: Error) => void = () => undefined;
    const dropped = new Promise<never>((_, reject) => (drop = reject));
    dropped.catch(() => undefined);
    return {
      peer: this.peer,
      send: async (message) => {
        const words = wordsIn(message);
        await Promise.race([this.take(words), dropped]);
        this.notes.push(`chat: ${words}`);
      },
      drop: () => {
        this.notes.push('dropped');
        drop(new SessionClosed('dropped'));
      },
      hangUp: async (reason) => {
        this.notes.push(`hung up: ${reason}`);
        await this.hangUp();
      },
    };
  }

  async send(target: PushTarget, body: Parameters<PushPager['send']>[1]): Promise<void> {
    const status = await this.answerMessage(body.content);
    if (status === UNSENT) throw new NothingSent({ cause: undefined });
    if (status >= 300) throw new PagerDeliveryFailed(status, '');
    this.targets.push(target);
    this.bodies.push(body);
    this.notes.push(`message from ${target.from}: ${body.content}`);
  }
}

function wordsIn({ contentType, content }: OutgoingMessage): string {
  if (contentType !== 'message/cpim') return content.toString();
  const { from, content: inner } = parseCpim(content);
  return `${from?.uri ?? ''}: ${inner.toString()}`;
}
