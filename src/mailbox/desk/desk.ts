import type { Counter } from '../../core/metrics.ts';
import type { Command, Mistake } from '../commands/command.ts';
import { parseCommand } from '../commands/parse-command.ts';
import { block, showBlocked, unblock } from './blocking.ts';
import { deleteTexts, keepTexts } from './keeping.ts';
import type { FetchResult } from './reading.ts';
import { fetchNew, showFrom, showNew, showOld } from './reading.ts';
import { resetGreeting, setGreeting, setLanguage, setTimeZone, showGreeting } from './settings.ts';
import type { DeskOptions, Doing, Task } from './task.ts';
import type { ShownList, Visit, Visitor } from './visit.ts';
import { remind, reply, showReminders } from './writing.ts';

/** `unknown`: the words begin with no command's; nothing was said. `bye`: she wants to go, and was told so. */
export type DeskOutcome = 'done' | 'bye' | 'unknown';

const DOINGS: { readonly [K in Command['kind']]: Doing<K> } = {
  help: async ({ visit, profile }) => await visit.say(profile.phrases.help),
  new: showNew,
  old: showOld,
  from: showFrom,
  delete: deleteTexts,
  keep: keepTexts,
  reply,
  block,
  unblock,
  blocked: showBlocked,
  'show greeting': showGreeting,
  'set greeting': setGreeting,
  'reset greeting': resetGreeting,
  language: setLanguage,
  timezone: setTimeZone,
  remind,
  reminders: showReminders,
  bye: async ({ visit, profile }) => await visit.say(profile.phrases.bye),
};

/** What ways to an owner need of it. */
export type DeskWork = Pick<Desk, 'understand' | 'run' | 'notUnderstood' | 'fetch'>;

/** Where owners handle their mailboxes: does what their words ask for, whatever way they came. */
export class Desk {
  readonly #options: DeskOptions;
  readonly #commands: Counter;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#commands = options.metrics.counter('commands_total', 'What owners asked for, by command', [
      'command',
    ]);
  }

  /** What the words ask for, in her language. @throws StoreUnavailable */
  async understand({ owner, languages }: Visitor, words: string): Promise<Command | Mistake> {
    const { phrases } = await this.#options.profiles.of(owner, languages);
    return parseCommand(words, phrases.language);
  }

  /**
   * Does what the words say; resolves once she has been told. Words that are no command at all are left to the caller, who may
   * have told her a moment ago ({@link notUnderstood}).
   * @param seen the list she had before her when she wrote them: when she was shown another one since, she cannot mean its numbers
   * @throws StoreUnavailable, and what `visit` rejects with
   */
  async run(
    visitor: Visitor,
    words: string,
    visit: Visit,
    seen: ShownList = visit.shown,
  ): Promise<DeskOutcome> {
    const task = { ...(await this.#task(visitor, visit)), seen };
    const command = parseCommand(words, task.profile.phrases.language);
    this.#commands.add({ command: command.kind.replaceAll(' ', '_') });
    if (command.kind === 'unknown') return 'unknown';
    if (command.kind === 'usage') {
      await visit.say(task.profile.phrases.usage(command.example));
      return 'done';
    }
    if (command.kind === 'too long') {
      await visit.say(task.profile.phrases.tooLong(command.most));
      return 'done';
    }
    const doing = DOINGS[command.kind] as (task: Task, command: Command) => Promise<void>;
    await doing(task, command);
    return command.kind === 'bye' ? 'bye' : 'done';
  }

  /** Tells her, in one line, that words mean nothing here and what would. */
  async notUnderstood(visitor: Visitor, words: string, visit: Visit): Promise<void> {
    const { profile } = await this.#task(visitor, visit);
    const command = parseCommand(words, profile.phrases.language);
    await visit.say(profile.phrases.notUnderstood(command.kind === 'unknown' ? command.words : ''));
  }

  /**
   * Hands over her new texts and tells their numbers; nothing is said when there are none.
   * @throws StoreUnavailable, and what `visit` rejects with
   */
  async fetch(visitor: Visitor, visit: Visit): Promise<FetchResult> {
    return await fetchNew(await this.#task(visitor, visit));
  }

  async #task(visitor: Visitor, visit: Visit): Promise<Task> {
    const profile = await this.#options.profiles.of(visitor.owner, visitor.languages);
    return { desk: this.#options, visitor, visit, profile, seen: visit.shown };
  }
}
