import { describe, expect, test } from 'vitest'
import { jsonCodec } from '../codec/codec.ts'
import { createSimulatedLog } from '../log/simulated/log.ts'
import { operator, output, stateSpec } from '../operator.ts'
import { topology } from '../topology/topology.ts'
import { isSound, type SimulationReport, simulate } from './simulation.ts'
import { Gate } from './simulation-gate.ts'
import { type Scenario, shopScenario } from './simulation-shop.ts'
import { VirtualTime } from './simulation-time.ts'

/** Seeds that once found something, and what it was. */
const PINNED: readonly (readonly [seed: number, what: string])[] = [
  [1, 'gaps behind the last record counted as lag, so that a quiet source never told the time'],
  [5, 'a partition went to another worker while it was restored: state_mismatch'],
  [10, 'a partition came back before its state had been put away'],
  [16, 'a task stayed behind whose partition had left while it was restored'],
  [222, 'a worker cut off from the log read on and died of state_mismatch'],
  [261, 'task time held back for a cancelled timer was never told downstream'],
  [505, 'a deletion compacted away came back from an older checkpoint'],
  [1450, 'a slice of timers alone, not committed yet, did not count as lag'],
  [1720, 'the same, and a timer seemed lost'],
  [2180, 'a member that had not subscribed again was given partitions and never told'],
  [7816, 'a worker that was stopped while it restored left the restore running'],
]

const told = (report: SimulationReport): string =>
  JSON.stringify({ ...report, happened: undefined })

describe('simulation', () => {
  test.each(PINNED)('[SYS-1] [E4] [R1] [R5] seed %i: %s', async (seed) => {
    const report = await simulate(seed)
    expect(isSound(report), `${told(report)}`).toBe(true)
  })

  test('[SYS-1] [L4] [R3] [R7] what comes out is the same whatever happens on the way', async () => {
    const happened = new Map<string, number>()
    for (let seed = 20_001; seed <= 20_020; seed++) {
      const report = await simulate(seed)
      expect(
        isSound(report),
        `replay: opportune chaos --simulated --seeds 1 --seed ${told(report)}`,
      ).toBe(true)
      expect(report.outputs).toBeGreaterThan(0)
      for (const [what, count] of Object.entries(report.happened))
        happened.set(what, (happened.get(what) ?? 0) + count)
    }
    // It is about these: a quiet run proves nothing.
    for (const what of [
      'kill: begin',
      'kill: processed',
      'kill: commit',
      'kill: committed',
      'kill: checkpoint',
      'kill: claim',
      'usurp',
      'stop',
      'compact',
      'commit:torn',
      'commit:fenced',
      'commit:crash-after',
      'begin:revoke',
      'poll:lost',
      'wire:request-lost',
      'wire:answer-lost',
      'wire:late',
      'cut',
      'freeze',
      'expelled',
      'rebalances',
      'fenced requests',
      'transaction timeouts',
    ])
      expect(happened.get(what) ?? 0, `${what}`).toBeGreaterThan(0)
  }, 30_000)

  test('a seed is one course of events', async () => {
    const course = async (): Promise<string[]> => {
      const events: string[] = []
      await simulate(5, { onEvent: (what) => events.push(what) })
      return events
    }
    const first = await course()
    expect(first.length).toBeGreaterThan(5)
    expect(await course()).toEqual(first)
  })

  test('notices an operator that keeps something outside of its state', async () => {
    const reports = []
    for (let seed = 1; seed <= 8; seed++) reports.push(await simulate(seed, { scenario: impure() }))
    expect(reports.some((report) => !isSound(report))).toBe(true)
    const [found] = reports.filter((report) => !isSound(report))
    expect(found?.differences[0]).toContain('became')
  })
})

/** A count that an abort does not take back. */
function impure(): Scenario {
  return {
    ...shopScenario,
    topology(partitions) {
      const seen = new Map<string, number>()
      const counter = operator({
        id: 'counter',
        state: stateSpec<number>({ version: 1, initial: 0 }),
        outputs: { rows: output<{ user: string; count: number }>() },
        onRecord(visit: { user: string }, cx) {
          seen.set(visit.user, (seen.get(visit.user) ?? 0) + 1)
          cx.emit('rows', { user: visit.user, count: seen.get(visit.user) ?? 0 })
        },
      })
      const t = topology('impure')
      const clock = { kind: 'append', idle: 'hold' } as const
      t.source<{ limit: number }>('limits', { topic: 'limits', codec: jsonCodec(), clock }).sink(
        'kept',
        {
          topic: 'kept',
          codec: jsonCodec(),
        },
      )
      t.source<{ user: string }>('visits', { topic: 'visits', codec: jsonCodec(), clock })
        .keyBy('by-user', (visit) => visit.user, { codec: jsonCodec(), partitions })
        .process(counter)
        .rows.sink('rows', { topic: 'rows', codec: jsonCodec(), key: (row) => row.user })
      return t
    },
  }
}

test('virtual time runs what waits in the order of its instants, and never by itself', () => {
  const time = new VirtualTime(100)
  const ran: string[] = []
  time.after(20, () => ran.push(`late at ${time.now}`))
  time.after(10, () => {
    ran.push(`early at ${time.now}`)
    time.after(5, () => ran.push(`nested at ${time.now}`))
  })
  const cancel = time.after(12, () => ran.push('cancelled'))
  cancel()
  time.advance(109)
  expect(ran).toEqual([])
  time.advance(200)
  expect(ran).toEqual(['early at 110', 'nested at 115', 'late at 120'])
  expect(time.now).toBe(200)
  expect(() => time.advance(199)).toThrow('time does not go back')
})

test('a dead process hears nothing, changes nothing and learns nothing', async () => {
  const log = createSimulatedLog()
  await log.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete' }])
  const gate = new Gate(log)
  const heard: string[] = []
  const member = await gate.log.member({ group: 'g', id: 'm' })
  await member.subscribe(['in'], {
    claimed: () => void heard.push('claimed'),
    revoked: () => void heard.push('revoked'),
    lost: () => void heard.push('lost'),
  })
  const epoch = member.begin([{ topic: 'in', partition: 0, offset: 0, metadata: 'dead' }])
  let learnt = false
  void member.committed([]).then(() => {
    learnt = true
  })
  gate.close()
  await expect(async () => epoch.commit()).rejects.toThrow('log_crashed')
  // The same id comes back and fences its former self, which is not told.
  const again = await log.member({ group: 'g', id: 'm' })
  await again.subscribe(['in'], { claimed() {}, revoked() {}, lost() {} })
  expect((await again.committed([{ topic: 'in', partition: 0 }])).size).toBe(0)
  expect(heard).toEqual(['claimed'])
  expect(learnt).toBe(false)
})
