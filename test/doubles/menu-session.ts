import { MsrpChat, chatOffer, pathOf } from './msrp-chat.ts';
import type { PhoneDialog, SipPhone } from './sip-phone.ts';

/** A chat session with the mailbox, typed by hand. The client takes plain texts only, unless it is said otherwise. */
export class MenuSession {
  readonly call: PhoneDialog;
  readonly chat: MsrpChat;
  #read = 0;

  private constructor(call: PhoneDialog, chat: MsrpChat) {
    this.call = call;
    this.chat = chat;
  }

  static async open(
    owner: SipPhone,
    mailbox: string,
    headers: Readonly<Record<string, string>> = {},
    acceptTypes = 'text/plain',
  ): Promise<MenuSession> {
    const path = MsrpChat.localPath();
    const sdp = chatOffer(path, { acceptTypes });
    const call = await owner.dialog(
      'INVITE',
      mailbox,
      { 'Content-Type': 'application/sdp', ...headers },
      sdp,
    );
    return new MenuSession(call, await MsrpChat.open(path, pathOf(call.answer.body)));
  }

  /** The next `count` messages of the mailbox. */
  async hear(count: number): Promise<string[]> {
    const messages = await this.chat.waitForMessages(this.#read + count);
    const heard = messages.slice(this.#read).map(({ body }) => body);
    this.#read += count;
    return heard;
  }

  /** Types `words`, and resolves with the next `count` messages of the mailbox. */
  async ask(words: string, count = 1): Promise<string[]> {
    const { status } = await this.chat.send('text/plain', words);
    if (status !== 200) throw new Error(`"${words}" was answered ${status}`);
    return await this.hear(count);
  }

  close(): void {
    this.chat.close();
  }
}
