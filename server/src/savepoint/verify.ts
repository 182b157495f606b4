/**
 * `replay --from SAVEPOINT --verify`: runs the recorded inboxes again from a savepoint and compares
 * what comes out with what was recorded (SYS-4).
 *
 * Within one build every record of every sink topic is the same to the byte (of a decision its body:
 * links of the audit chain follow the order across customers), and so is the state at the end. Another build may differ; differences are counted and the first of them shown. Nothing is
 * written to the log. The directory must have no other owner, and no work left to do.
 */

import { join } from 'node:path'
import {
  OpportuneError,
  openEmbeddedLogReadOnly,
  openShadows,
  type Plan,
  type SavepointMeta,
  type Shadow,
  sinkTopics,
} from '#engine'
import { decodeRecord } from '#sinks'
import { App } from '../app/app.ts'
import { TOPICS } from '../app/topology.ts'
import { partitionsOf } from '../cli/backend/newest.ts'
import type { ProgressState } from '../cli/progress.ts'
import { packageVersion } from '../cli/version.ts'
import { Comparison, type Difference } from './comparison.ts'

export type { Difference } from './comparison.ts'

export interface Verification {
  /** Log records of the inboxes that were run again. */
  readonly records: number
  /** Sink records recorded since the savepoint. */
  readonly outputs: number
  readonly equal: number
  readonly different: number
  /** Recorded, and not given by the replay. */
  readonly missing: number
  /** Given by the replay, and not recorded. */
  readonly extra: number
  readonly state_equal: boolean
  readonly build_recorded: string
  readonly build_now: string
  readonly differences: readonly Difference[]
}

export interface VerifyOptions {
  readonly directory: string
  readonly savepoint: string
}

const LIMITS = { maxRecords: 1_000, maxBytes: 4 << 20 }

/** @throws savepoint_mismatch, savepoint_corrupt, log_owned, replay_unfinished */
export async function verifyCommand(
  options: VerifyOptions,
  progress: (state: ProgressState) => void,
): Promise<Verification> {
  const app = await App.open({
    directory: options.directory,
    log: { kind: 'embedded', durability: 'disk' },
    partitions: await recordedPartitions(options.directory),
    build: packageVersion(),
    now: Date.now,
  })
  try {
    const { meta, shadows } = await openShadows(options.savepoint, app.plan)
    await requireFinished(app)
    const comparison = new Comparison()
    let records = 0
    for (const shadow of shadows) {
      records += await runAgain(app, shadow, comparison)
      progress({ label: 'replaying', done: records, total: 0, unit: 'records' })
    }
    const outputs = await takeRecorded(app, meta, comparison)
    return {
      records,
      outputs,
      ...comparison.result(),
      state_equal: await statesEqual(app, shadows),
      build_recorded: meta.build,
      build_now: packageVersion(),
    }
  } finally {
    await app.stop()
  }
}

async function recordedPartitions(directory: string): Promise<number> {
  const log = await openEmbeddedLogReadOnly(join(directory, 'log'))
  try {
    return await partitionsOf(log, TOPICS.customerInbox)
  } finally {
    await log.close()
  }
}

/** What is still to be processed would come out of the replay and not be recorded. */
async function requireFinished(app: App): Promise<void> {
  for (const [task, lag] of await app.worker.lags())
    if (lag > 0)
      throw new OpportuneError(
        'replay_unfinished',
        `${task} has work left that the recorded run did not get to.`,
        { task },
      )
}

async function runAgain(app: App, shadow: Shadow, comparison: Comparison): Promise<number> {
  const at = { topic: shadow.stage.topic, partition: shadow.partition }
  const [bounds] = await app.log.bounds([at])
  if (bounds !== undefined && bounds.start > shadow.position)
    throw new OpportuneError(
      'savepoint_mismatch',
      `Retention has removed what ${at.topic}/${at.partition} held at the savepoint.`,
    )
  const topics = new Set(sinkTopics(app.plan))
  const take = (outputs: ReturnType<Shadow['run']>): void => {
    for (const { topic, partition, records } of outputs)
      if (topics.has(topic))
        for (const { value } of records)
          comparison.replayed(`${topic}/${partition}`, payload(topic, value))
  }
  const reader = app.log.reader()
  let count = 0
  try {
    for (let offset = shadow.position; ; ) {
      const batch = await reader.read(at, offset, LIMITS)
      if (batch === undefined) break
      take(shadow.run(batch))
      count += batch.length
      offset = batch.nextOffset
    }
  } finally {
    await reader.close()
  }
  take(shadow.finish())
  return count
}

/**
 * A decision's body as it was written. Its links to the record before it follow the order in which
 * several customers' timers fired, which depends on how many fit into a slice.
 */
function payload(topic: string, value: Uint8Array | null): Uint8Array | null {
  if (topic !== TOPICS.decisions || value === null) return value
  const record = decodeRecord(value)
  return record === undefined ? value : Buffer.from(record.body)
}

async function takeRecorded(
  app: App,
  meta: SavepointMeta,
  comparison: Comparison,
): Promise<number> {
  const reader = app.log.reader()
  let count = 0
  try {
    for (const topic of sinkTopics(app.plan as Plan))
      for (const [partition, end] of (meta.sinks[topic] ?? []).entries())
        for (let offset = end; ; ) {
          const batch = await reader.read({ topic, partition }, offset, LIMITS)
          if (batch === undefined) break
          for (let i = 0; i < batch.length; i++)
            comparison.recorded(`${topic}/${partition}`, payload(topic, batch.value(i)))
          count += batch.length
          offset = batch.nextOffset
        }
  } finally {
    await reader.close()
  }
  return count
}

/** Byte by byte, in the order of the stores. */
async function statesEqual(app: App, shadows: readonly Shadow[]): Promise<boolean> {
  return app.worker.between(async (tasks) => {
    for (const shadow of shadows) {
      const recorded = tasks.find(
        ({ task }) => task.stage.id === shadow.stage.id && task.partition === shadow.partition,
      )
      if (recorded === undefined) return false
      const [a, b] = [recorded.task.store.stored(), shadow.store.stored()]
      try {
        for (;;) {
          const [x, y] = [a.next(), b.next()]
          if (x.done === true || y.done === true) {
            if (x.done !== y.done) return false
            break
          }
          const same = x.value.slice(0, 3).join('\n') === y.value.slice(0, 3).join('\n')
          if (!same || !Buffer.from(x.value[3]).equals(y.value[3])) return false
        }
      } finally {
        a.return?.()
        b.return?.()
      }
    }
    return true
  })
}
