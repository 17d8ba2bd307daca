const ADVICE: ReadonlyMap<number, string> = new Map([
  [401, 'it asks for credentials: let it trust our address'],
  [403, 'it does not let us subscribe for its users: let it trust our address'],
  [
    404,
    'it does not know the user: fine for one who has no voicemail; else check VOICEMAIL_MWI and its domains',
  ],
  [405, 'it takes no SUBSCRIBE: check VOICEMAIL_MWI'],
  [407, 'a proxy before it asks for credentials: let it trust our address'],
  [423, 'it wants subscriptions to live longer than we can keep them: check its shortest Expires'],
  [
    489,
    'it does not serve the event package message-summary; if it can PUBLISH or send NOTIFY on its own, use that in place of VOICEMAIL_MWI',
  ],
]);

/** What to look at when the voicemail refuses with an answer that will not change by itself. */
export function voicemailAdvice(status: number): string {
  return ADVICE.get(status) ?? 'check what it has against this SUBSCRIBE in its own log';
}
