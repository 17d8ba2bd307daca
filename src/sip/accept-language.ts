import { SIP_LIMITS } from './limits.ts';

/*
 * RFC 3261 §25.1: language = language-range *( SEMI accept-param ), language-range = ( 1*8ALPHA *( "-" 1*8ALPHA ) ) / "*";
 * accept-param = "q" EQUAL qvalue, 0 to 1, 1 where it is left out. BCP 47 has digits in its subtags too.
 */
const LANGUAGE = /^\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(;.*)?$/;
const QUALITY = /;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)/i;

/**
 * The languages of an Accept-Language header (RFC 3261 §20.3), most wanted first; those of one quality in the order they stand.
 * What is refused by `q=0`, any language (`*`) and what cannot be read are left out.
 */
export function acceptedLanguages(header: string | undefined): string[] {
  return (header ?? '')
    .split(',', SIP_LIMITS.languages)
    .flatMap((part) => {
      const [, tag, parameters = ''] = LANGUAGE.exec(part) ?? [];
      if (tag === undefined) return [];
      const quality = Number(QUALITY.exec(parameters)?.[1] ?? '1');
      return quality > 0 ? [{ tag, quality }] : [];
    })
    .sort((one, other) => other.quality - one.quality)
    .map(({ tag }) => tag);
}
