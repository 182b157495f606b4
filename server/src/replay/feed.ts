/**
 * Feeds a file into the `import` topic so that its outcome depends on the file alone.
 *
 * D1 What is appended, and in what order, is a function of the file and the options: a feed that was
 *    cut off goes on where the topic ends.
 * D2 The stream stands still once a day, half an hour past midnight: the cut points computed from the
 *    states as of that midnight are everywhere before they come into force, at one o'clock, however
 *    fast the file is read.
 * D3 It stands still before and after a record that may cross from one identity to another (it links
 *    two, or goes to one that is forwarded): what the other did before is all in, and time does not
 *    go on before it has arrived, whatever the batch size or the number of partitions.
 * D4 Rows that are no events are appended as they are: the router refuses them, with their bytes.
 * D5 Time is the event's own: record timestamps are event times, never older than the ones before.
 */
import { CONTROL_KEY, days, hash53, type Millis, minutes, type OutgoingRecord } from '#engine'
import type { ImportRecord } from '../imports/index.ts'

/**
 * The first record of every feed: from it on the import holds time back. Append it before the engine
 * runs, where there are live sources as well: what is not there holds nothing back, and time that has
 * reached the wall clock does not return for a file.
 */
export const holdTime = (): OutgoingRecord => controlRecord({ mark: LONG_AGO }, LONG_AGO)

/** Ends a feed that will not go on: time follows the other sources from then on. */
export const letTimeGo = (at: Millis): readonly OutgoingRecord[] => [
  controlRecord({ live: true }, at),
  controlRecord({ end: true }, at),
]

/** What a feed needs of the running engine. */
export interface FeedTarget {
  /** How many records the import topic has. */
  end(): Promise<number>
  append(records: readonly OutgoingRecord[]): Promise<void>
  /** Resolves when everything appended has been processed and nothing moves any more. */
  settled(): Promise<void>
}

export interface FeedOptions {
  /** Event time from which records are live; absent: all of them. */
  readonly liveFrom?: Millis
  /** How far time goes on after the last event (timers that wait then fire), in ms. */
  readonly tail?: Millis
  /** Say at the end that nothing more will come: time then follows the other sources. */
  readonly end?: boolean
  /** Records per append. */
  readonly batch?: number
  /** Stops between two records; another feed of the same file goes on there (D1). */
  readonly signal?: AbortSignal
  readonly onProgress?: (read: number) => void
}

export interface FeedResult {
  /** Rows read from the file as records, accepted or not. */
  readonly read: number
  /** The time the engine stands at. */
  readonly until: Millis | null
}

type Step = { readonly record: OutgoingRecord } | { readonly settle: true }

const DAY = days(1)
/** After a midnight, and before its cut points come into force. */
const STAND_STILL = minutes(30)
/** After so long without an event nobody counts for the cut points any more: no midnight makes any. */
const LONG_SILENCE = days(400)
const LINKS_REMEMBERED = 100_000
/** Of events without a time, before any has one; and the bounds of what the router takes. */
const LONG_AGO = Date.UTC(2000, 0, 1)
const FAR_AWAY = Date.UTC(2100, 0, 1)

export async function feed(
  records: AsyncIterable<readonly ImportRecord[]>,
  target: FeedTarget,
  options: FeedOptions,
): Promise<FeedResult> {
  const plan = new FeedPlan(options)
  const pump = new Pump(target, options.batch ?? 500)
  await pump.start()
  await pump.take({ record: holdTime() })
  for await (const batch of records) {
    for (const record of batch) {
      for (const step of plan.steps(record)) await pump.take(step)
      if (options.signal?.aborted === true) return { read: plan.read, until: plan.time }
    }
    options.onProgress?.(plan.read)
  }
  for (const step of plan.finish()) await pump.take(step)
  await pump.flush()
  await target.settled()
  return { read: plan.read, until: plan.time }
}

/** Turns records into appends and stand-stills; pure but for what it remembers. */
class FeedPlan {
  read = 0
  /** Largest time so far. */
  time: Millis | null = null
  #live: boolean
  readonly #options: FeedOptions
  readonly #links = new Set<string>()
  /** Hashes of ids that were linked to another one; 16 bytes each, and all of them are needed. */
  readonly #linked = new Set<number>()

  constructor(options: FeedOptions) {
    this.#options = options
    this.#live = false
  }

  *steps(record: ImportRecord): Generator<Step> {
    this.read++
    if (record.kind === 'rejected') {
      yield { record: this.#record(Buffer.from(record.bytes), this.time ?? LONG_AGO) }
      return
    }
    const at = Math.max(timeOf(record.call['timestamp']) ?? LONG_AGO, this.time ?? LONG_AGO)
    yield* this.#moveTo(at)
    const crosses = this.#crosses(record.call)
    if (crosses) yield { settle: true }
    yield { record: this.#record(Buffer.from(JSON.stringify(record.call)), at) }
    if (crosses) yield { settle: true }
  }

  *finish(): Generator<Step> {
    if (this.time !== null) yield* this.#moveTo(this.time + (this.#options.tail ?? 0))
    const at = this.time ?? LONG_AGO
    if (!this.#live) yield control({ live: true }, at)
    yield control({ mark: at }, at)
    yield { settle: true }
    if (this.#options.end === true) yield control({ end: true }, at)
  }

  /** Lets time go on to `at`, standing still once a day on the way. */
  *#moveTo(at: Millis): Generator<Step> {
    const from = this.time
    this.time = at
    const { liveFrom } = this.#options
    const goesLive = !this.#live && (liveFrom === undefined || at >= liveFrom)
    if (from !== null && from > LONG_AGO) yield* this.#midnights(from, at)
    if (!goesLive) return
    this.#live = true
    if (liveFrom !== undefined && from !== null)
      yield control({ mark: Math.max(from, Math.min(at, liveFrom)) }, at)
    yield control({ live: true }, at)
  }

  *#midnights(from: Millis, to: Millis): Generator<Step> {
    let at = Math.floor((from - STAND_STILL) / DAY + 1) * DAY + STAND_STILL
    for (; at <= to; at += DAY) {
      yield control({ mark: at }, at)
      yield { settle: true }
      if (at - from > LONG_SILENCE) at += Math.floor((to - at) / DAY) * DAY
    }
  }

  #record(value: Buffer, timestamp: Millis): OutgoingRecord {
    return { key: null, value, timestamp }
  }

  /**
   * Whether the record may go from one id to another: it names two that were not seen together before,
   * or it goes to one that was linked to another and is forwarded from there.
   */
  #crosses(call: Readonly<Record<string, unknown>>): boolean {
    const [user, anonymous, previous] = [
      call['userId'],
      call['anonymousId'],
      call['previousId'],
    ].map((id) => (typeof id === 'string' || typeof id === 'number' ? hash53(String(id), 0) : null))
    const forwarded = this.#linked.has(user ?? anonymous ?? -1)
    const sources = [anonymous, previous].filter((id) => id !== null && id !== undefined)
    if (sources.length + (typeof user === 'number' ? 1 : 0) < 2) return forwarded
    for (const id of sources) this.#linked.add(id)
    const link = JSON.stringify([user, anonymous, previous])
    if (this.#links.has(link)) return forwarded
    // Forgetting one costs a stand-still too many, never one too few.
    if (this.#links.size >= LINKS_REMEMBERED) this.#links.clear()
    this.#links.add(link)
    return true
  }
}

/** Appends in batches, skipping what an earlier run of the same feed appended already. */
class Pump {
  readonly #target: FeedTarget
  readonly #batch: number
  readonly #waiting: OutgoingRecord[] = []
  #skip = 0

  constructor(target: FeedTarget, batch: number) {
    this.#target = target
    this.#batch = batch
  }

  async start(): Promise<void> {
    this.#skip = await this.#target.end()
    if (this.#skip > 0) await this.#target.settled()
  }

  async take(step: Step): Promise<void> {
    if ('settle' in step) {
      if (this.#skip > 0) return
      await this.flush()
      await this.#target.settled()
      return
    }
    if (this.#skip > 0) {
      this.#skip--
      return
    }
    this.#waiting.push(step.record)
    if (this.#waiting.length >= this.#batch) await this.flush()
  }

  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return
    await this.#target.append(this.#waiting.splice(0))
  }
}

const control = (order: object, timestamp: Millis): Step => ({
  record: controlRecord(order, timestamp),
})

const controlRecord = (order: object, timestamp: Millis): OutgoingRecord => ({
  key: Buffer.from(CONTROL_KEY),
  value: Buffer.from(JSON.stringify(order)),
  timestamp,
})

/** Null where there is none that the router would take: what it refuses must not move time for others. */
function timeOf(value: unknown): Millis | null {
  if (typeof value !== 'string' && typeof value !== 'number') return null
  const at = typeof value === 'number' ? value : Date.parse(value)
  return at >= LONG_AGO && at < FAR_AWAY ? at : null
}
