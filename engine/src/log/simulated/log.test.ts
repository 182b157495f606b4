import { describe, expect, test } from 'vitest'
import { findError } from '../../errors.ts'
import {
  AT_ONCE,
  append,
  at,
  codeOf,
  join,
  readAll,
  record,
  topic,
  tp,
  valuesOf,
} from '../conformance/harness.ts'
import type { Scheduler } from '../local/scheduler.ts'
import type { EpochTransaction, LogMember } from '../port.ts'
import { FAULT_POINTS, type FaultPlan, type FaultPoint } from './faults.ts'
import { createSimulatedLog, type SimulatedLog } from './log.ts'
import { Prng } from './prng.ts'

/** Timers fire in the order of their time, one each turn, without anybody sleeping. */
function virtualTime(): Scheduler & { elapsed: () => number } {
  let now = 0
  const due: { at: number; run: () => void }[] = []
  const turn = (): void => {
    due.sort((x, y) => x.at - y.at)
    const next = due.shift()
    if (next === undefined) return
    now = Math.max(now, next.at)
    next.run()
  }
  return {
    elapsed: () => now,
    after(ms, run) {
      const timer = { at: now + ms, run }
      due.push(timer)
      setImmediate(turn)
      return () => {
        const place = due.indexOf(timer)
        if (place >= 0) due.splice(place, 1)
      }
    },
  }
}

async function prepared(faults?: FaultPlan): Promise<SimulatedLog> {
  const log = createSimulatedLog(faults === undefined ? {} : { faults })
  await log.ensureTopics([topic('in'), topic('out', 2)])
  return log
}

/** One epoch with writes to both partitions of `out`. */
function epochOf(member: LogMember, value: string): EpochTransaction {
  const epoch = member.begin([at('in', 0, 0, value)])
  epoch.write('out', 0, [record(value)])
  epoch.write('out', 1, [record(value)])
  return epoch
}

describe('what each fault does', () => {
  const outcomes: [FaultPoint, string, boolean, number][] = [
    // fault, code the caller sees, whether the epoch is visible, crashes
    ['begin:crash', 'log_crashed', false, 1],
    ['write:crash', 'log_crashed', false, 1],
    ['write:lost', 'log_abortable', false, 0],
    ['commit:retriable', 'log_retriable', false, 0],
    ['commit:abortable', 'log_abortable', false, 0],
    ['commit:fenced', 'log_fenced', false, 0],
    ['commit:lost', 'log_abortable', false, 0],
    ['commit:torn', 'log_commit_unknown', false, 1],
    ['commit:crash-before', 'log_commit_unknown', false, 1],
    ['commit:crash-after', 'log_commit_unknown', true, 1],
  ]
  test.each(outcomes)('[L2] [L4] %s: %s', async (point, code, visible, crashes) => {
    const log = await prepared({ script: [point] })
    const { member } = await join(log, 'm', ['in'])
    expect(await codeOf(() => epochOf(member, 'x').commit())).toBe(code)
    const seen = visible ? ['x'] : []
    expect(await readAll(log, tp('out', 0))).toEqual(seen)
    expect(await readAll(log, tp('out', 1))).toEqual(seen)
    expect(log.crashes).toBe(crashes)
    expect(log.faults.map((fault) => fault.point)).toEqual([point])
    const again = await join(log, 'm', ['in'])
    const committed = await again.member.committed([tp('in')])
    expect(committed.get('in/0')?.metadata).toBe(visible ? 'x' : undefined)
    await epochOf(again.member, 'y').commit()
    expect(await readAll(log, tp('out', 1))).toEqual([...seen, 'y'])
  })

  test('a retriable commit succeeds when it is repeated', async () => {
    const log = await prepared({ script: ['commit:retriable', 'commit:retriable'] })
    const { member } = await join(log, 'm', ['in'])
    const epoch = epochOf(member, 'x')
    expect(await codeOf(() => epoch.commit())).toBe('log_retriable')
    expect(await codeOf(() => epoch.commit())).toBe('log_retriable')
    await epoch.commit()
    expect(await readAll(log, tp('out', 0))).toEqual(['x'])
  })

  test('a slow disk takes virtual time only', async () => {
    const scheduler = virtualTime()
    const log = createSimulatedLog({ faults: { script: ['commit:slow'] }, scheduler, slowMs: 1e6 })
    await log.ensureTopics([topic('in'), topic('out', 2)])
    const { member } = await join(log, 'm', ['in'])
    await epochOf(member, 'x').commit()
    expect(scheduler.elapsed()).toBeGreaterThan(1_000)
    expect(await readAll(log, tp('out', 0))).toEqual(['x'])
  })

  test('[L5] begin:revoke asks for a partition in mid-epoch, which may still commit', async () => {
    const log = await prepared({ script: ['begin:revoke'] })
    let committed: Promise<void> = Promise.resolve()
    const { member, told } = await join(log, 'm', ['in'], { revoked: () => committed })
    committed = epochOf(member, 'x').commit()
    await expect.poll(() => told).toEqual(['claimed in/0', 'revoked in/0', 'claimed in/0'])
    expect(await readAll(log, tp('out', 0))).toEqual(['x'])
  })

  test('[L4] an append whose process ends may or may not have taken place', async () => {
    for (const [point, values] of [
      ['append:crash-before', []],
      ['append:crash-after', ['x']],
    ] as const) {
      const log = await prepared({ script: [point] })
      expect(await codeOf(() => append(log, tp('in'), 'x'))).toBe('log_commit_unknown')
      expect(await readAll(log, tp('in'))).toEqual(values)
    }
  })

  test('crash() drops what is open, keeps what is committed, and the log can be joined again', async () => {
    const log = await prepared()
    const { member } = await join(log, 'm', ['in'])
    await epochOf(member, 'kept').commit()
    const open = epochOf(member, 'dropped')
    const appended = log.appender().append('in', 0, [record('dropped')])
    log.crash()
    expect(await codeOf(() => appended)).toBe('log_crashed')
    expect(await codeOf(() => open.commit())).toBe('log_crashed')
    expect(await codeOf(() => member.poll(AT_ONCE))).toBe('log_crashed')
    const again = await join(log, 'm', ['in'])
    expect((await again.member.committed([tp('in')])).get('in/0')?.metadata).toBe('kept')
    expect(await readAll(log, tp('out', 0))).toEqual(['kept'])
    expect(await readAll(log, tp('in'))).toEqual([])
  })
})

/** Copies `in` to `out` exactly once, doing what each class of error says, until all is copied. */
async function copyAll(log: SimulatedLog, total: number): Promise<void> {
  for (let lives = 0; lives < 500; lives++) {
    try {
      const { member } = await join(log, 'copier', ['in'])
      for (;;) {
        const batches = await member.poll({ maxRecords: 3, maxBytes: 1e6, waitMs: 0 })
        if (batches.length === 0 && (await countOf(log)) === total) return
        await copyEpoch(log, member, batches)
      }
    } catch (error) {
      if (findError(error)?.class !== 'fatal') throw error
    }
  }
  expect.unreachable('the copier never came to an end')
}

async function copyEpoch(
  log: SimulatedLog,
  member: LogMember,
  batches: Awaited<ReturnType<LogMember['poll']>>,
): Promise<void> {
  const epoch = member.begin(batches.map((b) => at('in', b.partition, b.nextOffset)))
  try {
    for (const batch of batches)
      epoch.write(
        'out',
        batch.partition,
        valuesOf(batch).map((value) => record(value)),
      )
    await commitPatiently(epoch)
  } catch (error) {
    if (findError(error)?.class !== 'abortable') throw error
    await epoch.abort()
    const committed = await member.committed(batches)
    for (const batch of batches)
      member.seek(batch, committed.get(`in/${batch.partition}`)?.offset ?? 0)
  }
  // Claims that follow a loss or a revoke arrive in turns of their own.
  if (log.faults.length > 0) await new Promise((resolve) => setImmediate(resolve))
}

async function commitPatiently(epoch: EpochTransaction): Promise<void> {
  for (;;)
    try {
      return await epoch.commit()
    } catch (error) {
      if (findError(error)?.class !== 'retriable') throw error
    }
}

async function countOf(log: SimulatedLog): Promise<number> {
  return (await readAll(log, tp('out', 0))).length + (await readAll(log, tp('out', 1))).length
}

async function copied(faults: FaultPlan): Promise<{ log: SimulatedLog; out: unknown[] }> {
  // A loss is answered by claiming again, so the copier sees new claims, not new members.
  const log = createSimulatedLog({ faults, scheduler: virtualTime(), markers: true })
  await log.ensureTopics([topic('in', 2), topic('out', 2)])
  for (const p of [0, 1]) for (let i = 0; i < 10; i++) await append(log, tp('in', p), `${p}-${i}`)
  await copyAll(log, 20)
  return { log, out: [await readAll(log, tp('out', 0)), await readAll(log, tp('out', 1))] }
}

describe('a copier that does what error classes say', () => {
  const steps = FAULT_POINTS.filter((point) => !point.startsWith('append'))
  const expected = [0, 1].map((p) => Array.from({ length: 10 }, (_, i) => `${p}-${i}`))

  test('[SYS-1] copies exactly once under any faults, and its faults can be replayed', async () => {
    const probability = Object.fromEntries(steps.map((point) => [point, 0.04]))
    const seen = new Set<FaultPoint>()
    for (let seed = 1; seed <= 60; seed++) {
      const { log, out } = await copied({ seed, probability })
      expect(out, `seed ${seed}, faults ${JSON.stringify(log.faults)}`).toEqual(expected)
      for (const fault of log.faults) seen.add(fault.point)
      if (seed > 5) continue
      const again = await copied({ replay: log.faults })
      expect(again.log.faults).toEqual(log.faults)
      expect(again.out).toEqual(expected)
    }
    expect([...seen].sort()).toEqual([...steps].sort())
  })
})

test('[L1] a member that read everything stands behind the gaps as well', async () => {
  const log = createSimulatedLog({ markers: true })
  await log.ensureTopics([topic('in')])
  const { member } = await join(log, 'm', ['in'])
  await append(log, tp('in'), 'x')
  const [batch] = await member.poll(AT_ONCE)
  const [bounds] = await log.bounds([tp('in')])
  expect(batch?.nextOffset).toBeLessThan(bounds?.end ?? 0)
  expect(await member.poll(AT_ONCE)).toEqual([])
  expect(member.position(tp('in'))).toBe(bounds?.end)
})

test('the same seed draws the same numbers on every machine', () => {
  const prng = new Prng(42)
  expect([prng.below(1000), prng.below(1000), prng.below(1000)]).toEqual([601, 448, 852])
  const many = Array.from({ length: 2_000 }, () => prng.next())
  expect(many.every((x) => x >= 0 && x < 1)).toBe(true)
  expect(Math.abs(many.reduce((sum, x) => sum + x, 0) / many.length - 0.5)).toBeLessThan(0.02)
})
