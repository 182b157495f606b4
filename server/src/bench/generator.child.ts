/**
 * The generator of the pipeline's benchmark, in a process of its own: making a call costs a good part of
 * what processing it does. It sends batches of calls, on demand ahead of the engine, or at their instants whether
 * or not anybody keeps up (open loop).
 */
import { type ClickstreamEvent, clickstream, introductions } from '#benchmarks'

/** What the benchmark asks for; answered by `CallBatch`es, the last of which is empty. */
export interface GeneratorJob {
  readonly kind: 'introductions' | 'clickstream'
  readonly customers: number
  /** Calls to send; of introductions there is one for each customer. */
  readonly events: number
  readonly seed: number
  /** ms since 1970 of the first call. */
  readonly startAt: number
  /** Calls per second. */
  readonly rate: number
  /** `demand`: `size` calls for each `more`; `clock`: each call at its instant. */
  readonly pace: 'demand' | 'clock'
  readonly size: number
}

export type GeneratorOrder = GeneratorJob | 'more'

/** Calls back to back, and where each ends. */
export interface CallBatch {
  readonly bytes: Uint8Array
  readonly ends: Uint32Array
}

const TICK_MS = 2

type Calls = Generator<ClickstreamEvent>

function callsOf(job: GeneratorJob): Calls {
  const { kind, customers, events, seed, startAt, rate } = job
  return kind === 'introductions'
    ? introductions({ customers, seed, startAt, rate })
    : clickstream({ customers, events, seed, startAt, rate })
}

/** Takes at most `size` calls that are due by `now`. @returns null once there are no more */
function* batches(job: GeneratorJob): Generator<CallBatch | null, void, number> {
  const calls = callsOf(job)
  let now = yield null
  let next = calls.next()
  while (next.done !== true) {
    const due: Buffer[] = []
    for (
      ;
      next.done !== true && next.value.time <= now && due.length < job.size;
      next = calls.next()
    )
      due.push(next.value.bytes)
    now = yield due.length === 0 ? null : packed(due)
  }
}

function packed(calls: readonly Buffer[]): CallBatch {
  const ends = new Uint32Array(calls.length)
  let end = 0
  for (const [i, { length }] of calls.entries()) ends[i] = end += length
  const bytes = new Uint8Array(end)
  for (const [i, call] of calls.entries()) bytes.set(call, ends[i - 1] ?? 0)
  return { bytes, ends }
}

const EMPTY: CallBatch = { bytes: new Uint8Array(0), ends: new Uint32Array(0) }

function serve(): void {
  const send = (batch: CallBatch): void => void process.send?.(batch)
  let source: ReturnType<typeof batches> | undefined
  const finish = (): void => {
    source = undefined
    send(EMPTY)
  }
  const onClock = (): void => {
    for (;;) {
      const next = source?.next(Date.now())
      if (next === undefined || next.done === true) return finish()
      if (next.value === null) break
      send(next.value)
    }
    setTimeout(onClock, TICK_MS)
  }
  process.on('message', (order: GeneratorOrder) => {
    if (order !== 'more') {
      source = batches(order)
      source.next(0)
      if (order.pace === 'clock') onClock()
      return
    }
    const next = source?.next(Number.POSITIVE_INFINITY)
    if (next?.value === undefined || next.value === null) finish()
    else send(next.value)
  })
}

serve()
