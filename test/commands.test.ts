import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect } from 'chai';
import { runCommand } from '../src/commands.ts';
import { runCommandProcess } from './doubles/command-process.ts';
import { SipPhone } from './doubles/sip-phone.ts';
import { ALICE, Site } from './doubles/site.ts';
import { CapturedOutput } from './ops/captured-output.ts';

const SALES = 'sip:sales@example.test';

describe('the commands beside a server that runs', function () {
  this.timeout(60_000);
  let site: Site;

  beforeEach(async () => {
    site = await Site.open();
  });

  afterEach(async () => {
    await site.close();
  });

  it('doctor: all right after a deposit, by the database and by what a phone is told', async () => {
    await site.leaveText('hello');
    await site.published();
    const looked = await site.run('doctor', 'alice@example.test');
    expect(looked.output).to.equal('1 lamp checked: all right.\n');
    expect(looked.code).to.equal(0);
    const asked = await site.run('doctor', '--subscribe');
    expect(asked.output).to.match(/^\d+ lamps? checked: all right\.\n$/);
    expect(asked).to.include({ code: 0, errors: '' });
  });

  it('doctor: names the mailbox whose count was changed by hand', async () => {
    await site.leaveText('hello');
    await site.leaveText('hello', 'sip:carol@example.test');
    await site.published();
    site.database((database) =>
      database.prepare('update mailbox set new_count = 5 where aor = ?').run(ALICE),
    );
    const { code, output } = await site.run('doctor');
    expect(code).to.equal(1);
    expect(output).to.include(
      `wrong ${ALICE}  counts-wrong: the mailbox of ${ALICE} says 5/0 (0/0), its texts are 1/0`,
    );
    expect(output).to.match(/\d+ lamps checked: 1 wrong\.\n$/);
    expect(output).not.to.include('carol');
  });

  it('doctor --subscribe: finds that somebody else told phones of texts', async () => {
    await site.leaveText('hello');
    await site.published();
    const body =
      'Messages-Waiting: yes\r\nMessage-Account: sip:mailbox@example.test\r\nText-Message: 7/0 (0/0)\r\n';
    const intruder = await SipPhone.open({ address: ALICE, server: site.server.udp });
    try {
      const headers = {
        Event: 'message-summary',
        Expires: '60',
        'Content-Type': 'application/simple-message-summary',
      };
      const answer = await intruder.request('PUBLISH', ALICE, headers, body);
      expect(answer.startLine).to.equal('SIP/2.0 200 OK');
    } finally {
      await intruder.close();
    }
    expect((await site.run('doctor')).code).to.equal(0);
    const { code, output } = await site.run('doctor', '--subscribe', '--json', ALICE);
    expect(code).to.equal(1);
    const [finding] = output.split('\n');
    expect(JSON.parse(finding ?? '')).to.include({ target: ALICE, problem: 'told-wrong', severity: 'wrong' });
  });

  it('alias: gives a mailbox a second lamp, lists it and takes it away', async () => {
    await site.leaveText('hello');
    await site.published();
    expect((await site.run('alias', 'add', ALICE, 'sales@example.test')).code).to.equal(0);
    await site.published();
    const both = await site.run('doctor', '--subscribe', ALICE, SALES);
    expect(both.output).to.equal('2 lamps checked: all right.\n');
    expect((await site.run('alias', 'list')).output).to.equal(`${SALES}  ${ALICE}\n`);
    expect((await site.run('alias', 'remove', SALES)).code).to.equal(0);
    expect((await site.run('alias', 'remove', SALES)).code).to.equal(1);
    expect((await site.run('alias', 'list')).output).to.equal('');
    await site.published();
    expect((await site.run('doctor', '--subscribe')).code).to.equal(0);
  });

  it('alias: refuses a domain that is not served', async () => {
    const { code, errors } = await site.run('alias', 'add', ALICE, 'sip:alice@exmaple.test');
    expect(code).to.equal(2);
    expect(errors).to.include('exmaple.test is none of DOMAINS');
  });
});

describe('the commands where texts are brought and no lamp is lit', function () {
  this.timeout(60_000);
  let site: Site;

  beforeEach(async () => {
    site = await Site.open({ DELIVERY: 'push' });
    await site.leaveText('hello');
  });

  afterEach(async () => {
    await site.close();
  });

  it('status says so in one line, and so does the server', async () => {
    expect(await site.run('status')).to.include({
      code: 0,
      output: 'No lamps are lit, for DELIVERY is push.\n',
    });
    const { output } = await site.run('status', '--json');
    expect(JSON.parse(output)).to.include({ lamps: 0, behind: 0, due: 0 });
  });

  it('doctor says so in one line, and still finds a count that is wrong', async () => {
    const looked = await site.run('doctor', '--subscribe');
    expect(looked).to.include({ code: 0, errors: '' });
    expect(looked.output).to.match(
      /^No lamps are lit, for DELIVERY is push; \d+ counts? checked: all right\.\n$/,
    );
    site.database((database) =>
      database.prepare('update mailbox set new_count = 5 where aor = ?').run(ALICE),
    );
    const { code, output } = await site.run('doctor');
    expect(code).to.equal(1);
    expect(output).to.include(`wrong ${ALICE}  counts-wrong`);
  });
});

describe('the commands where the presence server refuses', function () {
  this.timeout(60_000);

  it('status shows 489 and what to look at, doctor finds every such lamp', async () => {
    const presence = await SipPhone.open({ address: 'sip:presence@example.test', server: 9 });
    presence.answerTo = () => '489 Bad Event';
    const site = await Site.open({ PRESENCE_SERVER: `sip:127.0.0.1:${presence.port}` });
    try {
      await site.leaveText('hello');
      const totals = await site.status('the refusal', ({ refused }) => refused.length > 0);
      expect(totals.refused[0]).to.include({ status: 489 });
      expect(totals.refused[0]?.advice).to.include('presence_mwi');
      expect((await site.run('status')).output).to.match(/^refused +\d+ {2}with 489: .*presence_mwi/m);
      const { code, output } = await site.run('doctor', ALICE);
      expect(code).to.equal(1);
      expect(output)
        .to.include(`wrong ${ALICE}  refused: the presence server answers 489`)
        .and.include('presence_mwi');
      expect((await site.run('doctor', '--subscribe', ALICE)).output).to.include('489 Bad Event');
    } finally {
      await site.close();
      await presence.close();
    }
  });
});

describe('the commands without a server', function () {
  this.timeout(30_000);
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'text-mailbox-commands-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('end with 2 and make no database where there is none', async () => {
    for (const args of [['doctor'], ['status'], ['alias', 'list']]) {
      const { code, errors, output } = await runCommandProcess(folder, args, {});
      expect(code).to.equal(2);
      expect(errors).to.equal(
        'text-mailbox: there is no database ./data/mailbox.db: the server makes it when it starts\n',
      );
      expect(output).to.equal('');
    }
  });

  it('leave a database of an older program as it is, and say so', async () => {
    await mkdir(join(folder, 'data'));
    const database = new Sqlite(join(folder, 'data/mailbox.db'));
    database.exec(
      'create table knex_migrations (id integer primary key, name text, batch integer, migration_time text);' +
        'create table knex_migrations_lock ("index" integer primary key, is_locked integer);' +
        "insert into knex_migrations (name, batch) values ('001-initial', 1)",
    );
    const tables = database.prepare('select name from sqlite_master order by name').all();
    const { code, errors } = await runCommandProcess(folder, ['doctor'], {});
    expect(code).to.equal(2);
    expect(errors).to.include('the database lacks 002-lamps');
    expect(database.prepare('select name from sqlite_master order by name').all()).to.deep.equal(tables);
    database.close();
  });

  it('end with 2 when the environment has faults, and list them', async () => {
    const { code, errors } = await runCommandProcess(folder, ['status'], { DOMAINS: '%' });
    expect(code).to.equal(2);
    expect(errors).to.include('DOMAINS');
  });
});

describe('the command line', () => {
  const run = async (...args: readonly string[]): Promise<{ code: number | undefined; told: string }> => {
    const [output, errors] = [new CapturedOutput(), new CapturedOutput()];
    const code = await runCommand(args, { output, errors });
    return { code, told: output.text + errors.text };
  };

  it('helps with 0', async () => {
    const { code, told } = await run('--help');
    expect(code).to.equal(0);
    for (const command of ['serve', 'doctor', 'status', 'alias']) expect(told).to.include(command);
  });

  it('ends with 2 at what it does not understand', async () => {
    const faulty: [args: string[], told: string][] = [
      [['docter'], "unknown command 'docter'"],
      [['doctor', '--all'], "unknown option '--all'"],
      [['doctor', 'alice'], 'no sip:USER@DOMAIN'],
      [['doctor', '--watch', '0'], 'no whole number of seconds'],
      [['alias', 'add', ALICE], "missing required argument 'alias'"],
      [['status', 'now'], 'too many arguments'],
    ];
    for (const [args, words] of faulty) {
      const { code, told } = await run(...args);
      expect(code, args.join(' ')).to.equal(2);
      expect(told).to.include(words);
    }
  });
});
