import type { Config } from './config.ts';
import type { Credentials } from './sip/digest.ts';

/** What answers challenges to our requests, by the environment; undefined when it gives nothing. */
export function sipCredentials(
  config: Pick<Config, 'SIP_AUTH_USER' | 'SIP_AUTH_PASSWORD' | 'SIP_AUTH_REALM'>,
): Credentials | undefined {
  const { SIP_AUTH_USER: username, SIP_AUTH_PASSWORD: password, SIP_AUTH_REALM: realm } = config;
  if (username === '') return undefined;
  return { username, password, ...(realm === '' ? {} : { realm }) };
}
