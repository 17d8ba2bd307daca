/**
 * The shortest time of whole seconds that is not below `ms`, ms: timers of few different lengths cost little, and after a
 * restart there are many at once.
 */
export function wholeSeconds(ms: number): number {
  return Math.max(0, Math.ceil(ms / 1000) * 1000);
}
