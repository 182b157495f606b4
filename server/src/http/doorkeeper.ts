/** Lets events in: knows the write keys, their limits, and how much unfinished work there is. */
import { OpportuneError } from '#engine'
import { WriteKeys } from './access.ts'
import type { Settings } from './options.ts'
import type { HttpPorts } from './ports.ts'
import { RateLimiter } from './rate-limit.ts'

export class Doorkeeper {
  readonly #keys: WriteKeys
  readonly #limiter: RateLimiter | null
  readonly #ports: Pick<HttpPorts, 'ingest'>
  readonly #settings: Settings
  /** Bytes handed to the log and not yet durable. */
  #pending = 0

  constructor(ports: Pick<HttpPorts, 'ingest'>, settings: Settings) {
    this.#ports = ports
    this.#settings = settings
    this.#keys = new WriteKeys(settings.writeKeys)
    this.#limiter =
      settings.rateLimit === null
        ? null
        : new RateLimiter(settings.rateLimit, settings.clock.monotonic)
  }

  /** Takes one request from the key's allowance. @throws http_unauthorized, http_rate_limited */
  admit(writeKey: string | null): void {
    const label = this.#keys.label(writeKey)
    if (label === null)
      throw new OpportuneError(
        'http_unauthorized',
        writeKey === null ? 'There is no write key.' : 'The write key is unknown.',
      )
    const wait = this.#limiter?.take(label) ?? 0
    if (wait > 0)
      throw new OpportuneError('http_rate_limited', `The limit is for each write key.`, {
        retry_after_s: wait,
      })
  }

  /** Resolves when the records are durable. @throws http_overloaded, and what the log says */
  async ingest(stamp: (receivedAt: number) => readonly Uint8Array[]): Promise<void> {
    const receivedAt = this.#settings.clock.now()
    const records = stamp(receivedAt)
    if (records.length === 0) return
    const bytes = records.reduce((sum, it) => sum + it.length, 0)
    if (this.#pending + bytes > this.#settings.limits.pendingBytes)
      throw new OpportuneError('http_overloaded', 'Too many events wait for the log.')
    this.#pending += bytes
    try {
      await this.#ports.ingest(records, receivedAt)
    } finally {
      this.#pending -= bytes
    }
  }
}
