import { existsSync } from 'node:fs';
import { Argument, Command, CommanderError, InvalidArgumentError } from 'commander';
import { NO_LAMPS, litLamps } from './app-presence.ts';
import type { Config } from './config.ts';
import { InvalidConfig, loadConfig } from './config.ts';
import { AddressOfRecord } from './core/address-of-record.ts';
import { systemClock } from './core/clock.ts';
import { MailboxError, describeError } from './core/errors.ts';
import { silentLogger } from './core/logger.ts';
import { noMetrics } from './core/metrics.ts';
import { systemRandom } from './core/random.ts';
import type { LampFetching } from './lamp-fetching.ts';
import { startLampFetching } from './lamp-fetching.ts';
import type { CheckOptions } from './mwi/convergence.ts';
import { checkLamps } from './mwi/convergence.ts';
import { LampBodies } from './mwi/lamp-body.ts';
import { addAlias, listAliases, removeAlias } from './ops/aliases.ts';
import type { ExitCode, Output } from './ops/command-end.ts';
import { EXIT } from './ops/command-end.ts';
import { examine, watch } from './ops/doctor.ts';
import { printNoLamps, printStatus } from './ops/status.ts';
import { serve } from './serve.ts';
import type { Store } from './store/store.ts';
import { openStore } from './store/store.ts';
import { storeSettings } from './store-settings.ts';
import { summarySettings } from './summary-settings.ts';

/** The command cannot do what was asked. */
export class CommandRefused extends MailboxError {
  constructor(reason: string) {
    super('COMMAND_REFUSED', reason);
  }
}

/** Where a command speaks. */
export interface Terminal {
  readonly output: Output;
  readonly errors: Output;
}

interface DoctorFlags {
  readonly json?: true;
  readonly subscribe?: true;
  /** Seconds. */
  readonly watch?: number;
}

/** Exit code of a server that could not start. */
const NOT_STARTED = 1;

/** Runs what the arguments say; resolves with the exit code, or with undefined once a server runs. Never rejects. */
export async function runCommand(
  args: readonly string[],
  terminal: Terminal = { output: process.stdout, errors: process.stderr },
): Promise<number | undefined> {
  let code: number | undefined;
  const program = describeCommands(terminal, (end) => {
    code = end;
  });
  const [name = 'serve', ...rest] = args;
  try {
    await program.parseAsync([name, ...rest], { from: 'user' });
    return code;
  } catch (error) {
    // It has told already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.right : EXIT.unknown;
    const told = error instanceof InvalidConfig ? error.message : `text-mailbox: ${describeError(error)}`;
    terminal.errors.write(`${told}\n`);
    return name === 'serve' ? NOT_STARTED : EXIT.unknown;
  }
}

function describeCommands(terminal: Terminal, end: (code: ExitCode) => void): Command {
  const { output } = terminal;
  const program = new Command('text-mailbox')
    .description(
      'A mailbox for text in the SIP world. Its settings are environment variables: see README.md.',
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.output.write(text),
      writeErr: (text) => terminal.errors.write(text),
    });
  program
    .command('serve')
    .description('take texts and light lamps until SIGTERM; the same without any command')
    .action(async () => await serve());
  program
    .command('doctor')
    .description('hold every lamp against the texts, what was published and what phones are told')
    .argument('[address...]', 'these users only', collectAddresses)
    .option('--json', 'a JSON object for each finding, the verdict in the last line')
    .option('--subscribe', 'ask the presence server what each phone is told')
    .option('--watch <seconds>', 'check again and again, with a pause between', readSeconds)
    .addHelpText('after', '\nExit code: 0 all lamps are right, 1 findings, 2 it could not be found out.')
    .action(async (only: AddressOfRecord[] | undefined, flags: DoctorFlags) => {
      end(await withStore(loadConfig(), (store, config) => doctor(store, config, only ?? [], flags, output)));
    });
  program
    .command('status')
    .description('how many lamps there are, behind, failing or refused')
    .option('--json', 'as a JSON object')
    .action(async ({ json }: { json?: true }) => {
      end(
        await withStore(loadConfig(), async (store, config) =>
          litLamps(config)
            ? printStatus(await store.totals(systemClock.now()), json === true, output)
            : printNoLamps(NO_LAMPS, json === true, output),
        ),
      );
    });
  describeAliases(program.command('alias').description('give a mailbox further addresses'), output, end);
  return program;
}

function describeAliases(alias: Command, output: Output, end: (code: ExitCode) => void): void {
  const address = (name: string): Argument => new Argument(`<${name}>`).argParser(readAddress);
  alias
    .command('add')
    .description('let ALIAS share the mailbox of OWNER; texts it has by itself move there')
    .addArgument(address('owner'))
    .addArgument(address('alias'))
    .action(async (owner: AddressOfRecord, added: AddressOfRecord) => {
      end(
        await withStore(loadConfig(), async (store, config) => {
          for (const each of [owner, added]) refuseForeign(each, config);
          return await addAlias(store, owner, added, output);
        }),
      );
    });
  alias
    .command('remove')
    .description('take ALIAS away; its texts stay with the owner')
    .addArgument(address('alias'))
    .action(async (removed: AddressOfRecord) => {
      end(await withStore(loadConfig(), async (store) => await removeAlias(store, removed, output)));
    });
  alias
    .command('list')
    .description('print ALIAS and OWNER, one pair a line')
    .action(async () => {
      end(await withStore(loadConfig(), async (store) => await listAliases(store, output)));
    });
}

async function doctor(
  store: Store,
  config: Config,
  only: readonly AddressOfRecord[],
  { json, subscribe, watch: seconds }: DoctorFlags,
  output: Output,
): Promise<ExitCode> {
  const isLit = litLamps(config);
  const fetching = subscribe === true && isLit ? await startLampFetching(config) : undefined;
  try {
    const bodies = new LampBodies(store, summarySettings(config), silentLogger);
    const options: CheckOptions = {
      audit: store,
      clock: systemClock,
      expectedBody: (record, now) => bodies.bodyOf(record, now),
      beacon: config.MESSAGE_ACCOUNT,
      ...(only.length === 0 ? {} : { only }),
      ...fetcherOf(fetching),
    };
    const examination = { check: () => checkLamps(options), json: json === true, unlit: !isLit, output };
    if (seconds === undefined) return await examine(examination);
    const signal = untilInterrupted();
    return await watch({ ...examination, every: seconds * 1000, clock: systemClock, signal });
  } finally {
    await fetching?.close();
  }
}

function fetcherOf(fetching: LampFetching | undefined): Pick<CheckOptions, 'fetcher'> {
  return fetching === undefined ? {} : { fetcher: fetching };
}

function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

/** Opens the database beside a server that may run, and leaves its schema as it is. */
async function withStore(
  config: Config,
  work: (store: Store, config: Config) => Promise<ExitCode>,
): Promise<ExitCode> {
  const file = /^sqlite:(.+)$/.exec(config.DATABASE_URL)?.[1];
  if (file !== undefined && !existsSync(file)) {
    throw new CommandRefused(`there is no database ${file}: the server makes it when it starts`);
  }
  const store = await openStore({
    ...storeSettings(config),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: noMetrics,
    onlyLook: true,
    onSummaryDirty: () => undefined,
  });
  try {
    return await work(store, config);
  } finally {
    await store.close();
  }
}

/** A mistyped domain would make a mailbox that no text ever comes to. */
function refuseForeign(address: AddressOfRecord, config: Config): void {
  if (!config.DOMAINS.includes(address.host)) {
    throw new CommandRefused(`${address.host} is none of DOMAINS (${config.DOMAINS.join(', ')})`);
  }
  if (address.equals(config.MESSAGE_ACCOUNT)) {
    throw new CommandRefused(`${address.toString()} is MESSAGE_ACCOUNT: it has no mailbox`);
  }
}

function collectAddresses(text: string, before: AddressOfRecord[] | undefined): AddressOfRecord[] {
  return [...(before ?? []), readAddress(text)];
}

/** `sip:alice@example.com`, or without its scheme. */
function readAddress(text: string): AddressOfRecord {
  const address = AddressOfRecord.tryParse(/^sips?:/i.test(text) ? text : `sip:${text}`);
  if (address === undefined) throw new InvalidArgumentError('It is no sip:USER@DOMAIN.');
  return address;
}

function readSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d{1,6}$/.test(text) || seconds === 0) {
    throw new InvalidArgumentError('It is no whole number of seconds.');
  }
  return seconds;
}
