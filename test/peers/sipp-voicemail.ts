import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { runSipp } from './sipp.ts';

/** What a voicemail counts of a user's voice messages. */
export interface VoiceCounts {
  readonly fresh: number;
  readonly old: number;
  /** Told only when given. */
  readonly urgent?: { readonly fresh: number; readonly old: number };
}

const DOMAIN = 'example.test';

/** `2/1` or `2/1 (1/0)`. */
export function voiceValue({ fresh, old, urgent }: VoiceCounts): string {
  return `${fresh}/${old}${urgent === undefined ? '' : ` (${urgent.fresh}/${urgent.old})`}`;
}

/**
 * A voicemail played by SIPp: it knows nothing of texts and publishes its own counts (RFC 3903) to `port`, the mailbox.
 * It goes on with the entity tag it was given last, as it must.
 */
export class SippVoicemail {
  /** The account it names in its bodies. */
  static readonly account = `sip:voicemail@${DOMAIN}`;
  readonly #port: number;
  readonly #tags = new Map<string, string>();

  constructor(port: number) {
    this.#port = port;
  }

  /** Tells what it counts, for the first time or as a change. @param expires seconds */
  async publish(user: string, counts: VoiceCounts, expires = 600): Promise<void> {
    const tag = this.#tags.get(user);
    const scenario = tag === undefined ? 'voicemail-publish.xml' : 'voicemail-modify.xml';
    const keys = {
      user,
      expires: String(expires),
      waiting: counts.fresh > 0 ? 'yes' : 'no',
      voice: voiceValue(counts),
      ...(tag === undefined ? {} : { tag }),
    };
    this.#tags.set(user, await this.#play(scenario, keys));
  }

  /** Has nothing to say of the user any more. */
  async remove(user: string): Promise<void> {
    const tag = this.#tags.get(user);
    if (tag === undefined) throw new Error(`nothing was published of ${user}`);
    await this.#play('voicemail-remove.xml', { user, tag });
    this.#tags.delete(user);
  }

  /** It lost its tags, as a voicemail does that restarts: it publishes for the first time again. */
  forget(): void {
    this.#tags.clear();
  }

  /** Resolves with what the scenario wrote down of the answer. */
  async #play(scenario: string, keys: Readonly<Record<string, string>>): Promise<string> {
    const folder = await mkdtemp(path.join(tmpdir(), 'text-mailbox-voicemail-'));
    const log = path.join(folder, 'answer.log');
    try {
      const result = await runSipp({
        scenario,
        port: this.#port,
        calls: 1,
        ratePerSecond: 10,
        keys: { ...keys, domain: DOMAIN },
        args: ['-trace_logs', '-log_file', log],
      });
      if (result.successful !== 1) throw new Error(`${scenario} for ${keys['user'] ?? ''}: ${result.errors}`);
      return (await readFile(log, 'utf8')).trim();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}
