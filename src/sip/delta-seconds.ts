/** RFC 3261 §25.1: delta-seconds = 1*DIGIT. Undefined for anything else; huge values count as 2**31-1 (§20.19). */
export function deltaSeconds(value: string | undefined): number | undefined {
  const digits = /^\s*(\d+)\s*(?:[;(].*)?$/s.exec(value ?? '')?.[1];
  return digits === undefined ? undefined : Math.min(Number(digits), 2 ** 31 - 1);
}
