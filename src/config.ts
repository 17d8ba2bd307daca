import { existsSync } from 'node:fs';
import { z } from 'zod';
import { AddressOfRecord } from './core/address-of-record.ts';
import { MailboxError } from './core/errors.ts';
import { CHAT_VARIABLES } from './variables/chat.ts';
import type { ConfigFault } from './variables/conflicts.ts';
import { conflicts } from './variables/conflicts.ts';
import { LAMP_VARIABLES } from './variables/lamp.ts';
import { MAILBOX_VARIABLES } from './variables/mailbox.ts';
import { OPERATION_VARIABLES } from './variables/operation.ts';
import { PUSH_VARIABLES } from './variables/push.ts';
import { SIP_VARIABLES } from './variables/sip.ts';

/** The environment does not say what the program needs. Lists every fault, so that one start shows them all. */
export class InvalidConfig extends MailboxError {
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(
      'INVALID_CONFIG',
      ['The environment has faults:', ...faults.map((f) => `  ${f.variable}: ${f.problem}`)].join('\n'),
    );
    this.faults = faults;
  }
}

/*
 * The one description of the environment: it is read, checked, and printed (README, .env.example) from here.
 */
const VARIABLES = z.object({
  ...SIP_VARIABLES,
  ...LAMP_VARIABLES,
  ...CHAT_VARIABLES,
  ...MAILBOX_VARIABLES,
  ...PUSH_VARIABLES,
  ...OPERATION_VARIABLES,
});

/** The settings as read, before what depends on others is filled in. */
export type Settings = Readonly<z.infer<typeof VARIABLES>>;

/** The program's settings, checked and typed. Made by {@link readConfig} only. */
export type Config = Omit<Settings, 'MESSAGE_ACCOUNT'> & {
  readonly MESSAGE_ACCOUNT: AddressOfRecord;
};

/** Reads the settings. Unknown variables are none of ours and are left alone. @throws InvalidConfig */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(
    Object.keys(VARIABLES.shape).flatMap((name) => {
      const value = environment[name]?.trim();
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
  const result = VARIABLES.safeParse(given);
  const faults: ConfigFault[] = result.success
    ? []
    : result.error.issues.map((issue) => ({ variable: issue.path.join('.'), problem: issue.message }));
  if (result.success) faults.push(...conflicts(result.data));
  if (!result.success || faults.length > 0) throw new InvalidConfig(faults);
  const { MESSAGE_ACCOUNT: account, ...rest } = result.data;
  return {
    ...rest,
    MESSAGE_ACCOUNT: account ?? AddressOfRecord.parse(`sip:mailbox@${firstOf(rest.DOMAINS)}`),
  };
}

function firstOf(domains: readonly string[]): string {
  return domains[0] ?? 'localhost';
}

/** One row of the reference: name, default as written in the environment, meaning. */
export interface VariableReference {
  readonly name: string;
  readonly fallback: string;
  readonly meaning: string;
}

/** The reference of all variables, in the order of this file. */
export function variableReference(): VariableReference[] {
  return Object.entries(VARIABLES.shape).map(([name, schema]) => {
    const meta = schema.meta() as { description?: string; shown?: string } | undefined;
    return { name, fallback: meta?.shown ?? defaultOf(schema), meaning: meta?.description ?? '' };
  });
}

function defaultOf(schema: z.ZodType): string {
  const outer = schema instanceof z.ZodPipe ? (schema.in as z.ZodType) : schema;
  return outer instanceof z.ZodDefault ? String(outer.def.defaultValue) : '';
}

/** Reads the settings of this process; a `.env` file in the working directory fills in what is not set. @throws InvalidConfig */
export function loadConfig(): Config {
  if (existsSync('.env')) process.loadEnvFile('.env');
  return readConfig(process.env);
}
