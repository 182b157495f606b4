/** Time and chance as the fetch path uses them; tests inject their own. */
export interface Timing {
  /** ms on a clock that never goes back. */
  now(): number
  /** Runs `run` after `ms`; returns the way to cancel it. */
  after(ms: number, run: () => void): () => void
  /** In [0, 1), for jitter. */
  random(): number
}

export const realTiming: Timing = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  },
  random: () => Math.random(),
}

/** Waits that double from `firstMs` to `mostMs`, each shortened by up to half at random. */
export interface Backoff {
  readonly firstMs: number
  readonly mostMs: number
}

/** @param failures attempts that failed in a row, from 1 */
export function backoffMs(backoff: Backoff, failures: number, random: number): number {
  const whole = Math.min(backoff.mostMs, backoff.firstMs * 2 ** Math.min(failures - 1, 30))
  return whole * (1 - random / 2)
}
