import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseMessage } from '../../src/engine/message/parse-message.ts';
import { MSRP_LIMITS } from '../../src/msrp/limits.ts';
import { MsrpParser } from '../../src/msrp/parser.ts';
import { serializeRequest } from '../../src/msrp/serializer.ts';
import { packageRoot } from '../doubles/package-root.ts';
import type { Part } from './bench.ts';
import { rate } from './rate.ts';

/** SIP messages and MSRP bytes parsed in a second. */
export const parsers: Part = {
  deadline: 20_000,
  measure: () => Promise.resolve({ sipParsePerSecond: sipParse(), msrpParseMBps: msrpParse() }),
};

function sipParse(): number {
  const message = readFileSync(join(packageRoot, 'fixtures/sip/valid/message.sip'));
  return rate(() => void parseMessage(message));
}

function msrpParse(): number {
  const body = Buffer.alloc(100_000, 'a line of text\r\n');
  const headers = [['Content-Type', 'text/plain']] as const;
  const bytes = serializeRequest({ transactId: 'bench123', method: 'SEND', headers, body });
  const parser = new MsrpParser(MSRP_LIMITS);
  return Math.round((rate(() => void parser.push(bytes)) * bytes.length) / 1_000_000);
}
