import { join } from 'node:path';
import { MSRP_LIMITS } from '../../src/msrp/limits.ts';
import { MsrpParser } from '../../src/msrp/parser.ts';
import { serializeRequest } from '../../src/msrp/serializer.ts';
import { LargeMsrpReader } from '../doubles/large-msrp-reader.ts';
import { MsrpChat, chatOffer, pathOf } from '../doubles/msrp-chat.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import { freePort } from '../peers/ports.ts';
import type { Bench, Figures, Part } from './bench.ts';
import { openFolder } from './folder.ts';
import { machine } from './machine.ts';
import { startMeasured } from './measured-program.ts';
import type { MsrpSink } from './msrp-sink.ts';
import { startMsrpSink } from './msrp-sink.ts';
import { MsrpTalker } from './msrp-talker.ts';
import { percentiles, rounded } from './percentiles.ts';
import { rate } from './rate.ts';

type Transport = 'tcp' | 'tls';

const SESSIONS = 20;
const SECONDS = 5;
/** ms in which both sides get their machine code made. */
const WARM_UP = 1_500;
const LINE = Buffer.from('a line of text that somebody typed');
const LARGE = 10_000_000;

/**
 * Chat over loopback: what the parser reads; lines from SEND to 200 with nothing behind the endpoint, and through the whole
 * program into SQLite, plain and over TLS; large messages both ways. Each with the CPU of the process measured, whose load is
 * made in this one.
 */
export const msrp: Part = {
  deadline: 180_000,
  measure: async (bench) => {
    const parser = parsed(Number(machine()['memoryCopyMBps']));
    const sink = await bench.keep(startMsrpSink());
    const alone = await overBoth((transport) => linesAlone(bench, sink, transport));
    const stored = await overBoth((transport) => linesStored(bench, transport));
    const large = await overBoth((transport) => largeMessages(bench, sink, transport));
    const chunked = await bench.keep(startMsrpSink(1));
    bench.tell('large messages in chunks');
    return {
      parser,
      linesAlone: alone,
      linesStored: stored,
      storedOfAlone: {
        perSecond: share(stored['tcp'], alone['tcp'], 'perSecond'),
        cpuMicrosecondsPerLine: share(stored['tcp'], alone['tcp'], 'cpuMicrosecondsPerLine'),
      },
      large: { ...large, outInChunksMBps: await sent(bench, chunked, 'tcp') },
    };
  },
};

async function overBoth(
  measure: (transport: Transport) => Promise<Figures>,
): Promise<Record<string, Figures | number>> {
  const [tcp, tls] = [await measure('tcp'), await measure('tls')];
  const ratios = Object.keys(tcp).filter((name) => /perSecond|cpuMicroseconds|MBps/.test(name));
  const tlsOfPlain = Object.fromEntries(ratios.map((name) => [name, share(tls, tcp, name)]));
  return { tcp, tls, tlsOfPlain };
}

function share(
  part: Figures | number | undefined,
  whole: Figures | number | undefined,
  name: string,
): number {
  if (typeof part !== 'object' || typeof whole !== 'object') return Number.NaN;
  return rounded(Number(part[name]) / Number(whole[name]));
}

/** One session's lines, bodies in chunks, and large bodies in reads of the size that sockets give. */
function parsed(memoryCopyMBps: number): Figures {
  const of = (length: number, count: number): { MBps: number; requestsPerSecond: number } => {
    const body = Buffer.alloc(length, 'a line of text\r\n');
    const headers = [
      ['To-Path', 'msrp://127.0.0.1:2855/3f2c5a9be1f04d5d8a6b7c8d9e0f1a2b;tcp'],
      ['From-Path', 'msrp://127.0.0.1:9/5a9be1f04d5d8a6b7c8d;tcp'],
      ['Message-ID', '87652491'],
      ['Byte-Range', `1-${length}/${length}`],
      ['Content-Type', 'text/plain'],
    ] as const;
    const request = serializeRequest({ transactId: 'bench123', method: 'SEND', headers, body });
    const bytes = Buffer.concat(Array.from({ length: count }, () => request));
    const parser = new MsrpParser(MSRP_LIMITS);
    const perSecond = rate(() => {
      for (let at = 0; at < bytes.length; at += 65_536) parser.push(bytes.subarray(at, at + 65_536));
    });
    return {
      MBps: Math.round((perSecond * bytes.length) / 1_000_000),
      requestsPerSecond: perSecond * count,
    };
  };
  const [lines, chunks, bodies] = [of(LINE.length, 100), of(2_048, 10), of(100_000, 1)];
  return { lines, chunks, bodies, bodiesOfMemoryCopy: rounded(bodies.MBps / memoryCopyMBps, 3) };
}

async function linesAlone(bench: Bench, sink: MsrpSink, transport: Transport): Promise<Figures> {
  bench.tell(`lines over ${transport}, nothing behind`);
  const talkers: MsrpTalker[] = [];
  for (let i = 0; i < SESSIONS; i++) {
    const remote = await sink.open(transport);
    talkers.push(await bench.keep(MsrpTalker.open(MsrpChat.localPath(), remote, LINE)));
  }
  return await talked(bench, talkers, () => sink.cpu());
}

/** The whole way: calls to users who are offline, each line on disk before its 200. */
async function linesStored(bench: Bench, transport: Transport): Promise<Figures> {
  bench.tell(`lines over ${transport}, into SQLite`);
  const [folder, port] = [await bench.keep(openFolder('bench-lines')), await freePort()];
  const program = await bench.keep(
    startMeasured({
      SIP_LISTEN: `udp:127.0.0.1:${port}`,
      MSRP_LISTEN: 'tcp:127.0.0.1:0,tls:127.0.0.1:0',
      DATABASE_URL: `sqlite:${join(folder.path, 'mailbox.db')}`,
      DATA_DIR: folder.path,
      MAILBOX_MAX_MESSAGES: '1000000',
    }),
  );
  const opened = await SipPhone.open({ address: 'sip:bob@example.test', server: port });
  const phone = await bench.keep(Promise.resolve({ opened, stop: () => opened.close() }));
  const talkers: MsrpTalker[] = [];
  for (let i = 0; i < SESSIONS; i++) {
    const own = MsrpChat.localPath(transport === 'tls' ? 'msrps' : 'msrp');
    const headers = { 'Content-Type': 'application/sdp' };
    const call = await phone.opened.dialog('INVITE', `sip:user${i}@example.test`, headers, chatOffer(own));
    talkers.push(await bench.keep(MsrpTalker.open(own, pathOf(call.answer.body), LINE)));
  }
  return await talked(bench, talkers, () => Promise.resolve(program.cpu()));
}

async function talked(
  bench: Bench,
  talkers: readonly MsrpTalker[],
  cpu: () => Promise<number>,
): Promise<Figures> {
  await Promise.all(talkers.map((talker) => talker.talk(WARM_UP)));
  const [cpuBefore, ownBefore, started] = [await cpu(), process.cpuUsage(), performance.now()];
  const talks = await Promise.all(talkers.map((talker) => talker.talk(bench.duration(SECONDS))));
  const elapsed = performance.now() - started;
  const own = process.cpuUsage(ownBefore);
  const taken = (await cpu()) - cpuBefore;
  for (const talker of talkers) await talker.stop();
  const times = talks.flatMap((talk) => talk.times);
  return {
    perSecond: Math.round((times.length * 1_000) / elapsed),
    unaccepted: talks.reduce((sum, talk) => sum + talk.unaccepted, 0),
    toAnswerMs: percentiles(times),
    cpuMicrosecondsPerLine: rounded((taken * 1_000) / times.length),
    cpuShare: rounded(taken / elapsed),
    generatorCpuShare: rounded((own.user + own.system) / 1_000 / elapsed),
  };
}

async function largeMessages(bench: Bench, sink: MsrpSink, transport: Transport): Promise<Figures> {
  bench.tell(`messages of ${LARGE / 1_000_000} MB over ${transport}`);
  const remote = await sink.open(transport);
  const talker = await bench.keep(MsrpTalker.open(MsrpChat.localPath(), remote, Buffer.alloc(LARGE, LINE)));
  const started = performance.now();
  const { times } = await talker.talk(bench.duration(SECONDS / 2));
  const inMBps = Math.round((times.length * LARGE) / 1_000 / (performance.now() - started));
  await talker.stop();
  return { inMBps, outMBps: await sent(bench, sink, transport) };
}

/** MB a second that the endpoint sends to a peer that only counts. */
async function sent(bench: Bench, sink: MsrpSink, transport: Transport): Promise<number> {
  const reader = await LargeMsrpReader.bound(await sink.open(transport));
  try {
    const count = bench.count(50, 5);
    return Math.round((count * LARGE) / 1_000 / (await sink.send(count, LARGE)));
  } finally {
    reader.close();
  }
}
