/**
 * The way to one broker: its connection, made when it is needed, and at most one fetch under way.
 *
 * After a failure nothing is tried before `notBefore`; waits double up to a limit, with jitter, so
 * that a broker coming back is not met by all its readers at once.
 */
import { Connection, type ConnectionOptions, type HostPort } from './connection.ts'
import { type Backoff, backoffMs } from './timing.ts'

export class BrokerLink {
  readonly id: number
  /** A fetch is under way. */
  busy = false
  /** Bytes that the fetch under way may bring. */
  reserved = 0
  /** ms of the injected clock. */
  notBefore = 0
  /** Counts requests, so that each begins with another partition. */
  turn = 0
  readonly #options: ConnectionOptions
  readonly #backoff: Backoff
  #connection: Connection | undefined
  #to: HostPort | undefined
  #failures = 0
  #cancelTimer: () => void = () => {}
  #closed = false

  constructor(id: number, options: ConnectionOptions, backoff: Backoff) {
    this.id = id
    this.#options = options
    this.#backoff = backoff
  }

  /** @throws ConnectionEnded */
  async connection(at: HostPort): Promise<Connection> {
    const open = this.#connection
    const same = this.#to?.host === at.host && this.#to.port === at.port
    if (open !== undefined && same && !open.ended && !open.old) return open
    open?.close()
    this.#to = at
    const made = await Connection.open(at, this.#options)
    if (this.#closed) made.close()
    this.#connection = made
    return made
  }

  succeeded(): void {
    this.#failures = 0
  }

  failed(): void {
    this.#connection?.close()
    this.#connection = undefined
    this.#failures++
    const { timing } = this.#options
    this.wait(backoffMs(this.#backoff, this.#failures, timing.random()))
  }

  wait(ms: number): void {
    this.notBefore = Math.max(this.notBefore, this.#options.timing.now() + ms)
  }

  /** Calls back once at `time`, instead of at whatever time was set before. */
  wakeAt(time: number, wake: () => void): void {
    this.#cancelTimer()
    const { timing } = this.#options
    this.#cancelTimer = timing.after(Math.max(1, time - timing.now()), wake)
  }

  close(): void {
    this.#closed = true
    this.#cancelTimer()
    this.#connection?.close()
  }
}
