import type { DrachtioRequest } from '../../src/sip/drachtio.ts';

/** A request as the SIP routes see it, for tests of what they read out of it. */
export function sipRequest(
  parts: {
    method?: string;
    uri?: string;
    headers?: Record<string, string>;
    body?: string;
    source?: string;
    port?: number;
    protocol?: string;
  } = {},
): DrachtioRequest {
  const headers = new Map(
    Object.entries({
      From: '<sip:bob@example.test>;tag=1',
      To: '<sip:alice@example.test>',
      ...parts.headers,
    }).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return {
    method: parts.method ?? 'MESSAGE',
    uri: parts.uri ?? 'sip:alice@example.test',
    source_address: parts.source ?? '127.0.0.1',
    source_port: parts.port ?? 5060,
    protocol: parts.protocol ?? 'udp',
    body: parts.body,
    get: (name) => headers.get(name.toLowerCase()),
    has: (name) => headers.has(name.toLowerCase()),
    on() {
      return this;
    },
  };
}
