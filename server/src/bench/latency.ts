/**
 * From the instant an event bears to the commit that makes its outcome visible. Reads what was just
 * committed, from the end of the topic on; the log has that in memory.
 */
import type { EventLog, LogReader } from '#engine'

/** ms; a latency above the last is counted there and kept as the maximum. */
const LONGEST = 60_000

export class CommitLatency {
  readonly #log: EventLog
  readonly #topic: string
  readonly #from: number
  readonly #counts = new Uint32Array(LONGEST + 1)
  readonly #positions = new Map<number, number>()
  readonly #reader: LogReader
  #off: () => void = () => {}
  #reading: Promise<void> = Promise.resolve()
  #total = 0
  #max = 0
  /** Time it took from the thread it shares, ms. */
  spentMs = 0

  /** @param from ms since 1970: events of an earlier instant are not measured */
  constructor(log: EventLog, topic: string, from: number) {
    this.#log = log
    this.#topic = topic
    this.#from = from
    this.#reader = log.reader()
  }

  async start(): Promise<void> {
    const spec = (await this.#log.topics()).find((t) => t.name === this.#topic)
    for (let partition = 0; partition < (spec?.partitions ?? 0); partition++) {
      const [bounds] = await this.#log.bounds([{ topic: this.#topic, partition }])
      this.#positions.set(partition, bounds?.end ?? 0)
    }
    this.#off = this.#log.onAppend([this.#topic], () => {
      const seen = Date.now()
      this.#reading = this.#reading.then(() => this.#read(seen))
    })
  }

  async stop(): Promise<void> {
    this.#off()
    await this.#reading
    await this.#reader.close()
  }

  percentiles() {
    return {
      p50_ms: this.#at(0.5),
      p95_ms: this.#at(0.95),
      p99_ms: this.#at(0.99),
      p999_ms: this.#at(0.999),
      max_ms: this.#max,
    }
  }

  #at(share: number): number {
    let left = Math.ceil(this.#total * share)
    for (let ms = 0; ms <= LONGEST; ms++) {
      left -= this.#counts[ms] as number
      if (left <= 0) return ms
    }
    return LONGEST
  }

  async #read(seen: number): Promise<void> {
    const started = performance.now()
    for (const [partition, from] of this.#positions) {
      const at = { topic: this.#topic, partition }
      for (let offset = from; ; ) {
        const batch = await this.#reader.read(at, offset, { maxRecords: 10_000, maxBytes: 8 << 20 })
        if (batch === undefined) break
        for (let i = 0; i < batch.length; i++)
          this.#note(seen - batch.timestamp(i), batch.timestamp(i))
        offset = batch.nextOffset
        this.#positions.set(partition, offset)
      }
    }
    this.spentMs += performance.now() - started
  }

  #note(latency: number, instant: number): void {
    if (instant < this.#from) return
    const ms = Math.max(0, Math.min(LONGEST, Math.round(latency)))
    this.#counts[ms] = (this.#counts[ms] as number) + 1
    this.#total++
    if (ms > this.#max) this.#max = ms
  }
}
