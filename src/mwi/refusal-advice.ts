const ADVICE: ReadonlyMap<number, string> = new Map([
  [401, 'it asks for credentials and does not take ours: let it trust our address, or check them'],
  [403, 'it does not let us publish for its users: let it trust our address'],
  [404, 'it does not know the user or the domain: check PRESENCE_SERVER and the domains it serves'],
  [405, 'it takes no PUBLISH: check PRESENCE_SERVER, and that its presence module handles PUBLISH'],
  [407, 'a proxy before it asks for credentials and does not take ours: let it trust our address'],
  [423, 'it wants publications to live longer than we can keep them: check its shortest Expires'],
  [
    481,
    'the phone takes no NOTIFY it did not subscribe to: allow unsolicited MWI in its settings, or use a presence server',
  ],
  [
    489,
    'it does not serve the event package message-summary: load it (presence_mwi in Kamailio and OpenSIPS)',
  ],
]);

/** What to look at when the presence server refuses with an answer that will not change by itself. */
export function refusalAdvice(status: number): string {
  return ADVICE.get(status) ?? 'check what it has against this PUBLISH in its own log';
}
