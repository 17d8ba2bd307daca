import { RawClient } from './raw-client.ts';

/** SUBSCRIBEs under way at a time. */
const WINDOW = 20;

interface Expected {
  readonly count: number;
  readonly tell: (at: number | undefined) => void;
}

/** Many phones behind one socket, each subscribed to its lamp; knows when each was told of how many texts. */
export class LampWatch {
  readonly #client: RawClient;
  readonly #lamps: Map<string, Lamp>;

  private constructor(client: RawClient, lamps: Map<string, Lamp>) {
    this.#client = client;
    this.#lamps = lamps;
  }

  /** @param server UDP port of the presence server on 127.0.0.1 */
  static async open(server: number): Promise<LampWatch> {
    const lamps = new Map<string, Lamp>();
    const client = await RawClient.open('udp', server, (message, at) => {
      const name = /^NOTIFY sip:(\w+)@/.exec(message)?.[1] ?? '';
      const count = /^Text-Message: *(\d+)\//im.exec(message)?.[1];
      if (count !== undefined) lamps.get(name)?.told(Number(count), at);
    });
    return new LampWatch(client, lamps);
  }

  /** Subscribes to the lamp of each user of example.test. @throws Error when one is refused */
  async subscribe(names: readonly string[]): Promise<void> {
    let next = 0;
    const hand = async (): Promise<void> => {
      for (let name = names[next++]; name !== undefined; name = names[next++]) {
        this.#lamps.set(name, new Lamp());
        const answer = await this.#client.request({
          method: 'SUBSCRIBE',
          uri: `sip:${name}@example.test`,
          headers: [
            'Event: message-summary',
            'Accept: application/simple-message-summary',
            'Expires: 3600',
            `Contact: <sip:${name}@127.0.0.1:${this.#client.port}>`,
          ],
          body: '',
        });
        if (answer === undefined || answer.status >= 300) {
          throw new Error(`SUBSCRIBE to ${name}: ${answer?.text ?? 'no answer'}`);
        }
      }
    };
    await Promise.all(Array.from({ length: WINDOW }, hand));
  }

  /** One text more is on its way to this user: resolves with the instant of the NOTIFY that counts it. */
  expect(name: string): Promise<number | undefined> {
    return this.#lamps.get(name)?.expect() ?? Promise.resolve(undefined);
  }

  /** Waits no longer for what is expected. */
  giveUp(): void {
    for (const lamp of this.#lamps.values()) lamp.giveUp();
  }

  async stop(): Promise<void> {
    this.giveUp();
    await this.#client.stop();
  }
}

class Lamp {
  #sent = 0;
  #expected: Expected[] = [];

  expect(): Promise<number | undefined> {
    const count = ++this.#sent;
    return new Promise((tell) => this.#expected.push({ count, tell }));
  }

  told(count: number, at: number): void {
    const [seen, rest] = [
      this.#expected.filter((expected) => expected.count <= count),
      this.#expected.filter((expected) => expected.count > count),
    ];
    this.#expected = rest;
    for (const { tell } of seen) tell(at);
  }

  giveUp(): void {
    for (const { tell } of this.#expected.splice(0)) tell(undefined);
  }
}
