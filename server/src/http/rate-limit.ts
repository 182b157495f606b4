/**
 * A token bucket for each write key, in this process. Keys are the configured ones, so the number of
 * buckets is bounded by the configuration.
 */
export interface RateLimit {
  /** Requests a second that a key may send for ever. */
  readonly perSecond: number
  /** Requests that it may send at once after a pause. */
  readonly burst: number
}

interface Bucket {
  tokens: number
  at: number
}

export class RateLimiter {
  readonly #limit: RateLimit
  readonly #now: () => number
  readonly #buckets = new Map<string, Bucket>()

  /** @param now ms of a clock that does not go back */
  constructor(limit: RateLimit, now: () => number) {
    this.#limit = limit
    this.#now = now
  }

  /** Takes one request from the key's bucket: 0, or whole seconds until there is room for one. */
  take(key: string): number {
    const { perSecond, burst } = this.#limit
    const now = this.#now()
    const bucket = this.#buckets.get(key) ?? { tokens: burst, at: now }
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond)
    bucket.at = now
    this.#buckets.set(key, bucket)
    if (bucket.tokens < 1) return Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond))
    bucket.tokens--
    return 0
  }
}
