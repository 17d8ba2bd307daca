/*
 * RFC 3966 §3: "tel:" number *( ";" parameter ); within the number "-", ".", "(" and ")" are there for the eye.
 * §4: they, and the case of the scheme, make no difference.
 */
const TEL_URI = /^tel:(\+?[\d().-]*\d[\d().-]*)(;[^\s<>]*)?$/i;

/** A tel URI as everybody writes it who means the same number; undefined for what is none. */
export function normalTelUri(uri: string): string | undefined {
  const [, number, parameters = ''] = TEL_URI.exec(uri.trim()) ?? [];
  return number === undefined ? undefined : `tel:${number.replace(/[().-]/g, '')}${parameters}`;
}
