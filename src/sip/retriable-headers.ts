import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import type { DrachtioRequestOptions, HeaderMap } from './drachtio.ts';
import { parseNameAddress } from './name-address.ts';

/**
 * The headers of a request for each of its tries; the first is 0. RFC 3261 §8.1.3.5, §22.2: a request sent again for a
 * challenge keeps its Call-ID and its From with the tag, and its CSeq grows by one. So all three are set here rather than by
 * the SIP server, which would draw new ones. A request without From gets one, with a new tag each time, from the server.
 */
export function retriableHeaders(
  { method, headers }: DrachtioRequestOptions,
  random: Random,
): (retry: number) => HeaderMap {
  const { from, 'call-id': callId, cseq, others } = takeApart(headers);
  const first = Number(/^\d{1,9}/.exec(cseq ?? '')?.[0] ?? '1');
  const fixed = {
    ...others,
    ...(from === undefined ? {} : { From: withTag(from, random) }),
    'Call-ID': callId ?? hexToken(random, 128),
  };
  return (retry) => ({ ...fixed, CSeq: `${first + retry} ${method}` });
}

interface Parts {
  readonly from?: string;
  readonly 'call-id'?: string;
  readonly cseq?: string;
  readonly others: HeaderMap;
}

function takeApart(headers: HeaderMap): Parts {
  const own: Partial<Record<'from' | 'call-id' | 'cseq', string>> = {};
  const others: HeaderMap = {};
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (lower === 'from' || lower === 'call-id' || lower === 'cseq') own[lower] = value;
    else others[name] = value;
  }
  return { ...own, others };
}

function withTag(from: string, random: Random): string {
  const parameters = parseNameAddress(from)?.parameters;
  if (parameters === undefined || /;\s*tag\s*=/i.test(parameters)) return from;
  return `${from};tag=${hexToken(random, 64)}`;
}
