import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, import.meta.filename.endsWith('.ts') ? '../../..' : '../../../..');

/** A refusal, as the bytes deserve it. */
interface StatedRefusal {
  readonly status: number;
  readonly reason: string;
}

/** What a message reads as: header fields in canonical names, unfolded; a body that is no UTF-8 in base64. */
export interface StatedMessage {
  readonly method?: string;
  readonly uri?: string;
  readonly status?: number;
  readonly reason?: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | { readonly base64: string };
}

/** What stands in the JSON beside a torture message. */
export interface StatedOutcome {
  readonly title: string;
  /** What the RFC is after, and our choice where it leaves one. */
  readonly point: string;
  readonly datagram:
    | { readonly parsed: StatedMessage }
    | { readonly refused: StatedRefusal }
    /** Bad, and nobody to answer. */
    | { readonly dropped: { readonly reason: string } };
  /** By header name, and `uri`: its values read by their grammar, or that it refuses them. */
  readonly takenApart?: Readonly<Record<string, unknown>>;
  /**
   * On a stream: the same message; a message that is malformed for the reason a datagram is, with the next one behind it;
   * a fault for that reason, or for one of its own, after which the stream cannot be read on; a message whose rest is
   * waited for; several messages and the fault behind them.
   */
  readonly stream:
    | 'same'
    | 'malformed'
    | 'fault'
    | 'waits'
    | { readonly fault: string }
    | { readonly messages: readonly string[]; readonly then: string };
  /** What a running engine with an application answers, and which of the two decides; null when nothing is said. */
  readonly engine: {
    readonly status: number;
    readonly reason?: string;
    readonly by: 'engine' | 'application';
    readonly headers?: Readonly<Record<string, string>>;
  } | null;
}

/** One torture message with its outcome. */
export interface TortureMessage {
  /** `3.1.1.1` */
  readonly section: string;
  /** `wsinv` */
  readonly name: string;
  readonly bytes: Buffer;
  readonly stated: StatedOutcome;
}

/** The torture messages of an RFC, in the order of its sections. */
export function tortureMessages(rfc: 'rfc4475' | 'rfc5118'): readonly TortureMessage[] {
  const folder = join(ROOT, 'fixtures/sip/torture', rfc);
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sip'))
    .sort(new Intl.Collator('en', { numeric: true }).compare)
    .map((file) => {
      const stem = file.slice(0, -'.sip'.length);
      const dash = stem.indexOf('-');
      return {
        section: stem.slice(0, dash),
        name: stem.slice(dash + 1),
        bytes: readFileSync(join(folder, file)),
        stated: JSON.parse(readFileSync(join(folder, `${stem}.json`), 'utf8')) as StatedOutcome,
      };
    });
}
