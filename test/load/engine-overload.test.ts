import { expect } from 'chai';
import { Bench } from '../bench/bench.ts';
import { Child } from '../bench/child.ts';
import type { LoadOrder, LoadReport } from '../bench/engine-generator.ts';
import type { ServedEngine } from '../bench/engine-server.ts';
import { startServedEngine } from '../bench/engine-server.ts';

/** ms the application works on each text: it takes less than a thousand a second. */
const WORK = 1;
const TIMES = 3;
const WINDOW = 64;

describe(`${TIMES} times as many texts as an application can answer`, function () {
  this.timeout(60_000);

  const bench = new Bench(1);
  let served: ServedEngine;
  let generator: Child;

  before(async () => {
    served = await startServedEngine(bench, { work: WORK });
    generator = await bench.keep(Promise.resolve(Child.start('engine-generator-process')));
  });

  after(() => bench.stop());

  async function load(pace: LoadOrder['pace'], duration: number): Promise<LoadReport> {
    const server = served.ports.udp;
    return await generator.ask({ transport: 'udp', server, kind: 'message', pace, duration });
  }

  it('are answered each, 200 or 503; those it can do are done, and it sees none twice', async () => {
    await load({ window: WINDOW }, 1_000);
    const peak = await load({ window: WINDOW }, 3_000);
    const shownBefore = await served.shown();
    const much = await load({ rate: TIMES * peak.perSecond }, 5_000);
    const shown = (await served.shown()) - shownBefore;
    process.stdout.write(
      `      ${much.perSecond} of ${peak.perSecond}/s answered 200, ${much.refused['503'] ?? 0} turned away, ` +
        `${much.retransmissions} sent again, p99 ${Number(much.toAnswerMs['p99'])} ms\n`,
    );
    expect(much.unanswered).to.equal(0);
    expect(Object.keys(much.refused)).to.deep.equal(['503']);
    expect(much.accepted + (much.refused['503'] ?? 0)).to.equal(much.sent);
    expect(shown).to.equal(much.accepted);
    // Machines are shared: what is lost here is no more than what others take meanwhile.
    expect(much.perSecond).to.be.above(peak.perSecond / 2);
  });
});
