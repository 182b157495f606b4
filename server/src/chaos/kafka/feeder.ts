/**
 * The feed of a chaos run: what `opportune replay` would append, but only as fast as faults come, so that
 * there is work under way whenever one strikes.
 *
 * It writes to the broker directly, with one idempotent producer that outlasts the broker's restarts: what
 * goes in is the same in every run.
 */
import type { LogAppender, OutgoingRecord } from '#engine'
import { CONTROL_KEY } from '#engine'
import { TOPICS } from '../../app/topology.ts'
import type { FeedTarget } from '../../replay/feed.ts'

export interface FeederOptions {
  readonly appender: LogAppender
  readonly settled: () => Promise<void>
  /** Only time was appended, and nothing else waits: timers are all there is to do now. */
  readonly onTimersOnly: () => void
}

const LOOK_MS = 20
/** Between two appends, so that they meet more than one epoch. */
const REST_MS = 15

export class Feeder implements FeedTarget {
  readonly #options: FeederOptions
  #granted = 0
  #stopped = false
  /** Something was appended since all was settled. */
  #unsettled = true

  constructor(options: FeederOptions) {
    this.#options = options
  }

  /** So many records more may go in. */
  grant(records: number): void {
    this.#granted += records
  }

  /** Ends the feed with an error at its next append. */
  stop(): void {
    this.#stopped = true
  }

  end(): Promise<number> {
    return Promise.resolve(0)
  }

  async settled(): Promise<void> {
    if (!this.#unsettled) return
    await this.#options.settled()
    this.#unsettled = false
  }

  async append(records: readonly OutgoingRecord[]): Promise<void> {
    while (this.#granted < records.length) {
      if (this.#stopped) throw new Error('the feed was stopped')
      await sleep(LOOK_MS)
    }
    this.#granted -= records.length
    const marks = records.length - 1
    const last = records[marks]
    if (last === undefined) return
    if (!isMark(last)) return await this.#write(records)
    await this.#write(records.slice(0, marks))
    await this.settled()
    await this.#write([last])
    this.#options.onTimersOnly()
  }

  async #write(records: readonly OutgoingRecord[]): Promise<void> {
    if (records.length === 0) return
    this.#unsettled = true
    await this.#options.appender.append(TOPICS.import, 0, records)
    await sleep(REST_MS)
  }
}

const isMark = ({ key, value }: OutgoingRecord): boolean =>
  key !== null &&
  value !== null &&
  Buffer.from(key).toString() === CONTROL_KEY &&
  Buffer.from(value).includes('"mark"')

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms))
