/** Time as the in-process logs use it; simulations inject a virtual one. */
export interface Scheduler {
  /** Runs `run` after `ms`; returns the way to cancel it. */
  after(ms: number, run: () => void): () => void
}

export const realScheduler: Scheduler = {
  after(ms, run) {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  },
}
