import { expect } from 'chai';

import { MsrpChat, chatOffer, pathOf } from '../doubles/msrp-chat.ts';
import type { ServerProcess } from '../doubles/server-process.ts';
import { startServer } from '../doubles/server-process.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import type { Kamailio, KamailioOptions } from './kamailio.ts';
import { startKamailio } from './kamailio.ts';
import { LampWatcher } from './lamp-watcher.ts';
import type { LampWatcherOptions } from './lamp-watcher.ts';
import { freePort } from './ports.ts';
import { entityTagIn } from './mailbox-database.ts';
import type { Presentity } from './presentities.ts';
import { presentitiesIn } from './presentities.ts';
import { until } from './until.ts';

export const MAILBOX = 'sip:mailbox@example.test';

const SDP = { 'Content-Type': 'application/sdp' };

export interface LampSiteOptions extends Omit<KamailioOptions, 'mailbox'> {
  /** How the mailbox speaks to Kamailio, and Kamailio to the mailbox. Default: tcp. */
  readonly transport?: 'tcp' | 'udp';
  /** Added to the mailbox's environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** `sip:alice@example.test` for `alice`. */
export function addressOf(user: string): string {
  return `sip:${user}@example.test`;
}

/** The whole body that tells of so many texts. */
export function textsSummary(fresh: number, old: number): string {
  const waiting = fresh > 0 ? 'yes' : 'no';
  return `Messages-Waiting: ${waiting}\r\nMessage-Account: ${MAILBOX}\r\nText-Message: ${fresh}/${old} (0/0)\r\n`;
}

/**
 * A site as operators have it: the mailbox, a process of its own, and a real Kamailio as presence server, each of which can
 * fail by itself. Texts go to the mailbox's own port unless told otherwise, so that they are taken while Kamailio is down.
 */
export class LampSite {
  readonly kamailio: Kamailio;
  readonly mailbox: ServerProcess;
  readonly #phones: SipPhone[] = [];
  readonly #watchers: LampWatcher[] = [];

  private constructor(kamailio: Kamailio, mailbox: ServerProcess) {
    this.kamailio = kamailio;
    this.mailbox = mailbox;
  }

  static async start(options: LampSiteOptions = {}): Promise<LampSite> {
    const { transport = 'tcp', environment = {}, ...peer } = options;
    const port = await freePort();
    const kamailio = await startKamailio({
      variant: 'sqlite',
      ...peer,
      mailbox: `sip:127.0.0.1:${port};transport=${transport}`,
    });
    try {
      const proxy = `sip:127.0.0.1:${kamailio.port};transport=${transport}`;
      const mailbox = await startServer({
        SIP_LISTEN: `udp:127.0.0.1:${port},tcp:127.0.0.1:${port}`,
        PRESENCE_SERVER: proxy,
        PRESENCE_CHECK_SECONDS: '2',
        OUTBOUND_PROXY: proxy,
        ...environment,
      });
      return new LampSite(kamailio, mailbox);
    } catch (reason) {
      await kamailio.stop();
      throw reason;
    }
  }

  /** A phone of `user` that sends to Kamailio, or to the mailbox itself. */
  async phone(user: string, server: 'kamailio' | 'mailbox' = 'mailbox'): Promise<SipPhone> {
    const port = server === 'mailbox' ? this.mailbox.udp : this.kamailio.port;
    const phone = await SipPhone.open({ address: addressOf(user), server: port });
    this.#phones.push(phone);
    return phone;
  }

  /** Subscribes to the lamp of `user`. */
  async watch(user: string, options: Partial<LampWatcherOptions> = {}): Promise<LampWatcher> {
    const watcher = await LampWatcher.open({
      server: this.kamailio.port,
      address: addressOf(user),
      ...options,
    });
    this.#watchers.push(watcher);
    return watcher;
  }

  /** Leaves a text for `user` and resolves when it is acknowledged. */
  async text(user: string, words: string): Promise<void> {
    const sender = await SipPhone.open({ address: addressOf('bob'), server: this.mailbox.udp });
    try {
      expect((await sender.message(addressOf(user), words)).startLine).to.equal('SIP/2.0 200 OK');
    } finally {
      await sender.close();
    }
  }

  /** The owner fetches her new texts in a chat; they are read when this resolves. */
  async fetch(user: string, server: 'kamailio' | 'mailbox' = 'mailbox'): Promise<string[]> {
    const owner = await this.phone(user, server);
    const path = MsrpChat.localPath();
    const call = await owner.dialog('INVITE', MAILBOX, SDP, chatOffer(path));
    const chat = await MsrpChat.open(path, pathOf(call.answer.body));
    try {
      await call.next('BYE');
      return chat.messages().map(({ body }) => body);
    } finally {
      chat.close();
    }
  }

  /** What Kamailio holds for `user`. */
  publications(user: string): Presentity[] {
    return presentitiesIn(this.kamailio.database).filter((row) => row.user === user);
  }

  /** Resolves when Kamailio's table has one publication for `user`, and its body is `body`. */
  async untilPublishedOnce(user: string, body: string, deadline = 5_000): Promise<void> {
    await until(
      `one publication of ${user}`,
      deadline,
      () => {
        const rows = this.publications(user);
        return rows.length === 1 && rows[0]?.body === body;
      },
      () => JSON.stringify(this.publications(user)),
    );
  }

  /**
   * Resolves when the mailbox has written down the tag of the only publication of `user`. Kamailio notifies before it answers,
   * so that a watcher may know of a publication before the mailbox does.
   */
  async untilWrittenDown(user: string): Promise<void> {
    await until(
      `the tag of ${user} is written down`,
      5_000,
      () => {
        const [only, ...others] = this.publications(user);
        return (
          others.length === 0 &&
          only !== undefined &&
          only.tag === entityTagIn(this.mailbox.folder, addressOf(user))
        );
      },
      () => JSON.stringify(this.publications(user)),
    );
  }

  async stop(): Promise<void> {
    for (const watcher of this.#watchers.splice(0)) await watcher.stop();
    for (const phone of this.#phones.splice(0)) await phone.close();
    await this.mailbox.stop();
    await this.kamailio.stop();
  }
}
