/** Runs `work` for about a second and returns how often it ran in a second. */
export function rate(work: () => void): number {
  const started = performance.now();
  let runs = 0;
  while (performance.now() - started < 1_000) {
    for (let i = 0; i < 100; i++) work();
    runs += 100;
  }
  return Math.round((runs * 1_000) / (performance.now() - started));
}
