import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventLogConformance, type LogSettings, type LogUnderTest } from './conformance.ts'
import { openEmbeddedLog } from './embedded/open.ts'
import { createSimulatedLog } from './simulated/log.ts'

function clock(): { now: () => number; advance: (ms: number) => void } {
  let time = 1_750_000_000_000
  return {
    now: () => time,
    advance: (ms) => {
      time += ms
    },
  }
}

const embedded =
  (tailBytes?: number) =>
  async (settings: LogSettings = {}): Promise<LogUnderTest> => {
    const directory = mkdtempSync(join(tmpdir(), 'opportune-log-'))
    const { now, advance } = clock()
    const log = await openEmbeddedLog({
      ...settings,
      directory,
      durability: 'os',
      now,
      ...(tailBytes === undefined ? {} : { tailBytes }),
    })
    return {
      log,
      advance,
      compact: (topic, partition) => log.compact(topic, partition),
      housekeep: () => log.housekeep(),
      async dispose() {
        await log.close()
        rmSync(directory, { recursive: true, force: true })
      },
    }
  }

const simulated =
  (markers: boolean) =>
  async (settings: LogSettings = {}): Promise<LogUnderTest> => {
    const { now, advance } = clock()
    const log = createSimulatedLog({ ...settings, now, markers })
    return {
      log,
      advance,
      compact: (topic, partition) => log.compact(topic, partition),
      housekeep: () => log.housekeep(),
      dispose: () => log.close(),
    }
  }

eventLogConformance('simulated', simulated(false))
eventLogConformance('simulated, with gaps as of transaction markers', simulated(true))
eventLogConformance('embedded', embedded())
eventLogConformance('embedded, every read through LMDB', embedded(0))

test.each([
  ['simulated', simulated(false), true],
  // Offsets that a commit takes for itself are not known before it.
  ['simulated, with gaps', simulated(true), false],
  ['embedded', embedded(), true],
] as const)('[L6] what the %s log offers', async (_, make, ahead) => {
  const { log, dispose } = await make()
  await log.ensureTopics([{ name: 'a', partitions: 1, cleanup: 'delete' }])
  const member = await log.member({ group: 'group', id: 'm' })
  await member.subscribe(['a'], {
    claimed: (partitions) => member.resume(partitions),
    revoked: () => {},
    lost: () => {},
  })
  const epoch = member.begin([])
  epoch.write('a', 0, [{ key: null, value: Buffer.from('x') }])
  expect([member.overlaps, epoch.readAhead?.({ topic: 'a', partition: 0 })?.length]).toEqual([
    true,
    ahead ? 1 : undefined,
  ])
  await dispose()
})
