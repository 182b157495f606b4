/**
 * What became of events since the process started, for metrics: counted from the topics, where it is
 * committed, so that nothing is counted twice or before it is true.
 *
 * Where only the number matters it is the distance between two ends; what has a label is read. What was
 * there before the first look does not count.
 */
import type { DeadLetter, EventLog, LogBatch } from '#engine'
import { type PathSnapshot, readDecision } from '#sinks'
import { TOPICS, type TriggerRow } from '../app/topology.ts'

type ReadableLog = Pick<EventLog, 'topics' | 'bounds' | 'reader'>

interface DecisionCount {
  readonly action: string
  readonly reason: string
  count: number
}

interface VerdictCount {
  readonly guardrail: string
  readonly outcome: string
  count: number
}

const LIMITS = { maxRecords: 2_000, maxBytes: 4 << 20 }
const SECOND = 1_000

export class PathCounts {
  /** Offsets counted up to; by topic and partition. */
  readonly #positions = new Map<string, number>()
  readonly #numbers = { accepted: 0, duplicates: 0, sessions: 0 }
  readonly #rejected: Record<string, number> = {}
  readonly #triggers: Record<string, number> = {}
  readonly #decisions = new Map<string, DecisionCount>()
  readonly #verdicts = new Map<string, VerdictCount>()
  readonly #onLatency: (seconds: number) => void
  #looking: Promise<void> = Promise.resolve()
  /** ms since 1970, by the log's clock: decisions about earlier instants are an import's. */
  readonly #since = Date.now()

  /** @param onLatency hears of each decision how long after its instant it was committed */
  constructor(onLatency: (seconds: number) => void) {
    this.#onLatency = onLatency
  }

  /** Counts what was committed since the last look. */
  async follow(log: ReadableLog): Promise<void> {
    this.#numbers.accepted += await this.#grown(log, TOPICS.activity)
    this.#numbers.duplicates += await this.#grown(log, TOPICS.duplicates)
    this.#numbers.sessions += await this.#grown(log, TOPICS.sessions)
    await this.#read(log, TOPICS.deadLetters, (value) => {
      add(this.#rejected, (parse(value) as DeadLetter).code)
    })
    await this.#read(log, TOPICS.triggers, (value) => {
      add(this.#triggers, (parse(value) as TriggerRow).trigger.kind)
    })
    await this.#readDecisions(log)
  }

  /** Looks at decisions as they are committed: only then can be told how long they took. */
  watch(log: ReadableLog & Pick<EventLog, 'onAppend'>): () => void {
    return log.onAppend([TOPICS.decisions], () => {
      // What a failed look missed is read by the next one.
      this.#readDecisions(log).catch(() => {})
    })
  }

  snapshot(): PathSnapshot {
    return {
      ...this.#numbers,
      rejected: this.#rejected,
      triggers: this.#triggers,
      decisions: [...this.#decisions.values()],
      verdicts: [...this.#verdicts.values()],
    }
  }

  /** One at a time: two would count the same records. */
  #readDecisions(log: ReadableLog): Promise<void> {
    const seenAt = Date.now()
    const look = this.#looking.then(() =>
      this.#read(log, TOPICS.decisions, (value) => this.#decision(value, seenAt)),
    )
    this.#looking = look.catch(() => {})
    return look
  }

  #decision(value: Uint8Array, committedAt: number): void {
    const { action, reason, timestamp, guardrail_checks } = readDecision(value)
    const name = `${action} ${reason}`
    const known = this.#decisions.get(name) ?? { action, reason, count: 0 }
    known.count++
    this.#decisions.set(name, known)
    for (const { guardrail, outcome } of guardrail_checks) this.#verdict(guardrail, outcome)
    if (timestamp >= this.#since) this.#onLatency(Math.max(0, committedAt - timestamp) / SECOND)
  }

  #verdict(guardrail: string, outcome: string): void {
    const name = `${guardrail} ${outcome}`
    const known = this.#verdicts.get(name) ?? { guardrail, outcome, count: 0 }
    known.count++
    this.#verdicts.set(name, known)
  }

  /** By how much a topic grew. Gaps in the offsets, which aborted epochs leave, count as records. */
  async #grown(log: ReadableLog, topic: string): Promise<number> {
    let records = 0
    for (const { key, end } of await endsOf(log, topic)) {
      records += end - (this.#positions.get(key) ?? end)
      this.#positions.set(key, end)
    }
    return records
  }

  async #read(log: ReadableLog, topic: string, take: (value: Uint8Array) => void): Promise<void> {
    const reader = log.reader()
    try {
      for (const { key, partition, start, end } of await endsOf(log, topic)) {
        let offset = Math.max(start, this.#positions.get(key) ?? end)
        while (offset < end) {
          const batch = await reader.read({ topic, partition }, offset, LIMITS)
          if (batch === undefined) break
          each(batch, take)
          offset = batch.nextOffset
        }
        this.#positions.set(key, offset)
      }
    } finally {
      await reader.close()
    }
  }
}

async function endsOf(log: ReadableLog, topic: string) {
  const partitions = (await log.topics()).find((t) => t.name === topic)?.partitions ?? 0
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  const bounds = await log.bounds(all)
  return bounds.map(({ start, end }, partition) => ({
    key: `${topic}/${partition}`,
    partition,
    start,
    end,
  }))
}

function each(batch: LogBatch, take: (value: Uint8Array) => void): void {
  for (let i = 0; i < batch.length; i++) {
    const value = batch.value(i)
    if (value !== null) take(value)
  }
}

const parse = (value: Uint8Array): unknown => JSON.parse(Buffer.from(value).toString('utf8'))

const add = (counts: Record<string, number>, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1
}
