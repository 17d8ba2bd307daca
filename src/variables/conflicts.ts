import type { Settings } from '../config.ts';

/** One fault in the environment. */
export interface ConfigFault {
  readonly variable: string;
  readonly problem: string;
}

/** Where a SIP URI leads: host and port, whoever the user and whatever the transport. */
function hop(uri: string): string {
  const [, host = '', port = '5060'] = /^sips?:(?:[^@]*@)?(\[[^\]]*\]|[^:;?]+)(?::(\d+))?/i.exec(uri) ?? [];
  return `${host.toLowerCase()}:${port}`;
}

/** Settings that are fine alone and wrong together. */
export function conflicts(settings: Settings): ConfigFault[] {
  const faults: ConfigFault[] = [];
  for (const kind of ['SIP', 'MSRP'] as const) {
    const [certificate, key] = [`${kind}_TLS_CERTIFICATE`, `${kind}_TLS_KEY`] as const;
    if ((settings[certificate] === '') !== (settings[key] === '')) {
      const missing = settings[key] === '' ? key : certificate;
      faults.push({ variable: missing, problem: 'certificate and key are given together or not at all' });
    }
  }
  if ((settings.SIP_AUTH_USER === '') !== (settings.SIP_AUTH_PASSWORD === '')) {
    const missing = settings.SIP_AUTH_USER === '' ? 'SIP_AUTH_USER' : 'SIP_AUTH_PASSWORD';
    faults.push({ variable: missing, problem: 'user name and password are given together or not at all' });
  }
  if (settings.SIP_T2_MS < settings.SIP_T1_MS) {
    faults.push({ variable: 'SIP_T2_MS', problem: 'must not be below SIP_T1_MS' });
  }
  const { VOICEMAIL_MWI: voicemail, PRESENCE_SERVER: presence } = settings;
  if (voicemail !== undefined && presence !== undefined && hop(voicemail) === hop(presence)) {
    const problem = 'must not be PRESENCE_SERVER: it would tell us our own words';
    faults.push({ variable: 'VOICEMAIL_MWI', problem });
  }
  if (settings.MWI_UNSOLICITED === 'on' && settings.PRESENCE_SERVER !== undefined) {
    faults.push({ variable: 'MWI_UNSOLICITED', problem: 'is for sites without PRESENCE_SERVER' });
  }
  if (settings.MWI_UNSOLICITED === 'on' && settings.OUTBOUND_PROXY === undefined) {
    faults.push({
      variable: 'OUTBOUND_PROXY',
      problem: 'needed for MWI_UNSOLICITED: phones are reached through it',
    });
  }
  if (
    settings.DRACHTIO_SERVERS.length > 1 &&
    settings.PRESENCE_SERVER === undefined &&
    settings.MWI_UNSOLICITED === 'off'
  ) {
    faults.push({
      variable: 'PRESENCE_SERVER',
      problem:
        'needed with more than one of DRACHTIO_SERVERS: the built-in one is reached through one server only',
    });
  }
  const anywhere = [...settings.MSRP_LISTEN, ...settings.WS_LISTEN].some(
    ({ host }) => host === '0.0.0.0' || host === '::',
  );
  if (anywhere && settings.MSRP_ADVERTISED_HOST === undefined) {
    faults.push({
      variable: 'MSRP_ADVERTISED_HOST',
      problem:
        'needed when MSRP_LISTEN or WS_LISTEN is on every address: clients must be told one they can reach',
    });
  }
  if (settings.MESSAGE_ACCOUNT !== undefined && !settings.DOMAINS.includes(settings.MESSAGE_ACCOUNT.host)) {
    faults.push({ variable: 'MESSAGE_ACCOUNT', problem: 'its domain must be one of DOMAINS' });
  }
  const strangers = [...settings.MESSAGE_TTL.of.keys()].filter((name) => !settings.DOMAINS.includes(name));
  if (strangers.length > 0) {
    faults.push({ variable: 'MESSAGE_TTL', problem: `${strangers.join(', ')} must be among DOMAINS` });
  }
  if (settings.MAILBOX_MAX_BYTES < settings.MESSAGE_MAX_BYTES) {
    faults.push({
      variable: 'MAILBOX_MAX_BYTES',
      problem: 'must hold one text of MESSAGE_MAX_BYTES at least',
    });
  }
  if (settings.REG_EVENT_SERVER !== undefined && settings.DELIVERY === 'mailbox') {
    faults.push({ variable: 'REG_EVENT_SERVER', problem: 'is for DELIVERY=push and DELIVERY=both' });
  }
  if (settings.DELIVERY === 'push' && settings.MWI_UNSOLICITED === 'on') {
    faults.push({ variable: 'MWI_UNSOLICITED', problem: 'lights no lamp with DELIVERY=push' });
  }
  return faults;
}
