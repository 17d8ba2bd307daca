import { MsrpChat, chatOffer, pathOf } from './msrp-chat.ts';
import type { SipPhone } from './sip-phone.ts';

/** Calls `mailbox` as `owner`, takes all she is handed, and gives the bodies back once the call was ended. */
export async function fetchTexts(owner: SipPhone, mailbox: string): Promise<string[]> {
  const path = MsrpChat.localPath();
  const headers = { 'Content-Type': 'application/sdp' };
  const call = await owner.dialog('INVITE', mailbox, headers, chatOffer(path));
  const chat = await MsrpChat.open(path, pathOf(call.answer.body));
  try {
    await call.next('BYE');
    return chat.messages().map(({ body }) => body);
  } finally {
    chat.close();
  }
}
