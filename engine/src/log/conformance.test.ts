import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
