import type { DrachtioRequestOptions, DrachtioResponse, HeaderMap } from '../../src/sip/drachtio.ts';
import type { RequestSender } from '../../src/sip/request-sender.ts';

/** A request as it would have left. */
export interface SentRequest {
  readonly uri: string;
  readonly options: DrachtioRequestOptions;
}

/** What a test wants answered: a status, and headers. An error: nothing comes. */
export type ScriptedAnswer = readonly [status: number, headers?: HeaderMap] | Error;

/** Sends nothing, keeps what it was given, and answers as the test says. */
export class ScriptedRequests implements RequestSender {
  readonly sent: SentRequest[] = [];
  answer: (request: SentRequest) => ScriptedAnswer | Promise<ScriptedAnswer>;

  constructor(answer: ScriptedRequests['answer']) {
    this.answer = answer;
  }

  /** Gives these answers, one after the other; a request more than that is an error. */
  static inTurn(...answers: ScriptedAnswer[]): ScriptedRequests {
    return new ScriptedRequests(() => answers.shift() ?? new Error('one request too many'));
  }

  async request(uri: string, options: DrachtioRequestOptions): Promise<DrachtioResponse> {
    const request = { uri, options };
    this.sent.push(request);
    const answer = await this.answer(request);
    if (answer instanceof Error) throw answer;
    return response(...answer);
  }

  /** The values of one header of all requests, in turn. */
  headers(name: string): (string | undefined)[] {
    return this.sent.map(({ options }) => options.headers[name]);
  }
}

function response(status: number, headers: HeaderMap = {}): DrachtioResponse {
  const fields = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    status,
    reason: '',
    body: undefined,
    finalResponseSent: true,
    get: (name) => fields.get(name.toLowerCase()),
    has: (name) => fields.has(name.toLowerCase()),
    send: () => undefined,
  };
}
