/**
 * Pause before the next try after `failures` of them (1 or more), ms: doubles each time up to the ceiling, and is drawn from
 * its upper half, so that those who failed together do not come back together.
 */
export function backoff(
  pace: { readonly first: number; readonly ceiling: number },
  failures: number,
  fraction: number,
): number {
  const whole = Math.min(pace.first * 2 ** Math.min(failures - 1, 30), pace.ceiling);
  return Math.round(whole * (0.5 + fraction / 2));
}
