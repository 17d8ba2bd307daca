import type { RawAnswer, RawClient } from './raw-client.ts';
import { headerOf } from './raw-client.ts';

/** A presentity that a raw publisher publishes for: one PUBLISH at a time, the last tag in the next (RFC 3903 §4.1). */
export class RawPresentity {
  readonly uri: string;
  isBusy = false;
  /** What the last PUBLISH said is new. */
  count = 0;
  #entityTag: string | undefined;

  constructor(uri: string) {
    this.uri = uri;
  }

  /** Says that one text more is new. After an answer other than 200 the next PUBLISH begins anew. */
  async publish(client: RawClient): Promise<RawAnswer | undefined> {
    this.isBusy = true;
    const body = messageSummary(++this.count);
    const answer = await client.request({
      method: 'PUBLISH',
      uri: this.uri,
      headers: [
        'Event: message-summary',
        'Expires: 3600',
        'Content-Type: application/simple-message-summary',
        ...(this.#entityTag === undefined ? [] : [`SIP-If-Match: ${this.#entityTag}`]),
      ],
      body,
    });
    this.#entityTag = answer?.status === 200 ? headerOf(answer.text, 'SIP-ETag') : undefined;
    this.isBusy = false;
    return answer;
  }
}

/** The same body as the program's, so that the presence server has the same work. */
function messageSummary(count: number): string {
  return [
    'Messages-Waiting: yes',
    'Message-Account: sip:mailbox@example.test',
    `Text-Message: ${count}/0 (0/0)`,
    '',
  ].join('\r\n');
}
