import { setTimeout as pause } from 'node:timers/promises';

/**
 * Calls `send` `rate` times a second for `duration` ms, at its own pace whatever becomes of what was sent before. Resolves with
 * how late each call was, ms.
 */
export async function openLoop(
  rate: number,
  duration: number,
  send: (index: number) => void,
): Promise<number[]> {
  const lateness: number[] = [];
  const started = performance.now();
  const calls = Math.round((rate * duration) / 1_000);
  while (lateness.length < calls) {
    const now = performance.now();
    for (;;) {
      const due = started + (lateness.length * 1_000) / rate;
      if (due > now || lateness.length >= calls) break;
      send(lateness.length);
      lateness.push(performance.now() - due);
    }
    await pause(1);
  }
  return lateness;
}
