import type { Clock } from '../../core/clock.ts';
import type { Application } from '../control/application.ts';
import { fieldSafe } from '../control/notice.ts';
import type { Flow } from '../transport/transport.ts';
import type { Dialog } from './dialog.ts';
import type { DialogState } from './dialog-state.ts';
import { DIALOG_LIMITS } from './limits.ts';

/** What a new dialog begins with. */
export interface NewDialog {
  readonly kind: Dialog['kind'];
  /** Tag in From of the request that began it, whoever sent that. */
  readonly fromTag: string;
  readonly owner: Application;
  readonly flow: Flow;
  readonly state: DialogState;
  /** How long it lives without traffic, ms. */
  readonly idle: number;
}

/** All dialogs, each with a bound on its life. */
export class DialogTable {
  readonly #clock: Clock;
  readonly #byTags = new Map<string, Dialog>();
  readonly #byId = new Map<string, Dialog>();
  /** Told when a dialog has outlived its bound; it is gone by then. */
  readonly #lapsed: (dialog: Dialog) => void;

  constructor(clock: Clock, lapsed: (dialog: Dialog) => void) {
    this.#clock = clock;
    this.#lapsed = lapsed;
  }

  get size(): number {
    return this.#byTags.size;
  }

  get full(): boolean {
    return this.#byTags.size >= DIALOG_LIMITS.dialogs;
  }

  open({ kind, fromTag, owner, flow, state, idle }: NewDialog): Dialog {
    const tags = tagsKey(state.callId, state.localTag, state.remoteTag);
    // Tags an application chose twice: the dialog that had them cannot be told from this one any more.
    const namesake = this.#byTags.get(tags);
    if (namesake !== undefined) this.close(namesake);
    const dialog: Dialog = {
      id: this.#freeId(fieldSafe(`${state.callId};from-tag=${fromTag}`), state.localTag),
      kind,
      owner,
      flow,
      state,
      accepted: undefined,
      acknowledgement: undefined,
      unacknowledged: undefined,
      inviting: false,
      invited: undefined,
      offering: undefined,
      updated: undefined,
      parting: undefined,
      postponed: undefined,
      lapsesAt: 0,
      lapse: undefined,
      doomed: undefined,
    };
    this.#byTags.set(tags, dialog);
    this.#byId.set(dialog.id, dialog);
    this.keep(dialog, idle);
    return dialog;
  }

  /** The dialog a message of the peer belongs to. */
  find(callId: string, localTag: string, remoteTag: string): Dialog | undefined {
    return this.#byTags.get(tagsKey(callId, localTag, remoteTag));
  }

  /** The dialog an application names, if it is its own. */
  findOwned(id: string, owner: Application): Dialog | undefined {
    const dialog = this.#byId.get(id);
    return dialog?.owner === owner ? dialog : undefined;
  }

  /** Whether the dialog is still there. */
  has(dialog: Dialog): boolean {
    return this.#byId.get(dialog.id) === dialog;
  }

  /** The dialog may live on for `idle` ms from now. */
  keep(dialog: Dialog, idle: number): void {
    this.spare(dialog);
    const lapsesAt = this.#clock.now() + idle;
    // A later end is found when the timer rings; only an earlier one needs another timer.
    if (lapsesAt < dialog.lapsesAt) {
      dialog.lapse?.cancel();
      dialog.lapse = undefined;
    }
    dialog.lapsesAt = lapsesAt;
    dialog.lapse ??= this.#clock.after(idle, () => this.#judge(dialog));
  }

  /** The peer seems not to know the dialog: it ends after `delay` ms unless something says otherwise. */
  doom(dialog: Dialog, delay: number): void {
    if (!this.has(dialog)) return;
    dialog.doomed ??= this.#clock.after(delay, () => this.#lapse(dialog));
  }

  /** The peer does know the dialog. */
  spare(dialog: Dialog): void {
    dialog.doomed?.cancel();
    dialog.doomed = undefined;
  }

  close(dialog: Dialog): void {
    if (!this.has(dialog)) return;
    const { callId, localTag, remoteTag } = dialog.state;
    this.#byTags.delete(tagsKey(callId, localTag, remoteTag));
    this.#byId.delete(dialog.id);
    dialog.lapse?.cancel();
    dialog.doomed?.cancel();
    dialog.accepted?.stop();
    dialog.accepted = undefined;
    dialog.acknowledgement = undefined;
    dialog.unacknowledged = undefined;
    // RFC 3261 §15.1.2: what the peer still asked in it is answered.
    const { invited, parting, postponed } = dialog;
    forgetWaiting(dialog);
    invited?.refuse(487);
    parting?.drop();
    postponed?.drop();
  }

  /** What belongs to an application. */
  ownedBy(owner: Application): Dialog[] {
    return [...this.#byTags.values()].filter((dialog) => dialog.owner === owner);
  }

  /** Drops them all; no peer is told. */
  closeAll(): void {
    for (const dialog of [...this.#byTags.values()]) {
      forgetWaiting(dialog);
      this.close(dialog);
    }
  }

  #judge(dialog: Dialog): void {
    dialog.lapse = undefined;
    const left = dialog.lapsesAt - this.#clock.now();
    if (left > 0) {
      dialog.lapse = this.#clock.after(left, () => this.#judge(dialog));
      return;
    }
    this.#lapse(dialog);
  }

  #lapse(dialog: Dialog): void {
    this.close(dialog);
    this.#lapsed(dialog);
  }

  /** Both ends of one dialog may be ours, and a fork makes several: only one of them can have the plain name. */
  #freeId(plain: string, localTag: string): string {
    return this.#byId.has(plain) ? `${plain};local-tag=${fieldSafe(localTag)}` : plain;
  }
}

function forgetWaiting(dialog: Dialog): void {
  dialog.invited = undefined;
  dialog.parting = undefined;
  dialog.postponed = undefined;
}

function tagsKey(callId: string, localTag: string, remoteTag: string): string {
  return `${callId} ${localTag} ${remoteTag}`;
}
