import { describe, expect, test } from 'vitest'
import { ENGINES, type PeerEngine } from './engines.ts'
import { causeIn } from './measure.ts'
import { type Cell, markdown, type Setting } from './report.ts'

const setting: Setting = {
  command: 'npm run bench:peers',
  date: '2026-11-22',
  machine: '2 x CPU',
  versions: ['Node v20'],
  cores: 'broker on core 0, engine on core 1',
  runs: 3,
  commitMs: 1000,
  seed: 42,
}

const engine = (id: string): PeerEngine => {
  const found = ENGINES.find((each) => each.id === id)
  if (found === undefined) throw new Error(`no engine ${id}`)
  return found
}

const cell = (id: string, rate: number): Cell => ({
  engine: engine(id),
  query: 'q5',
  result: {
    eventsPerSecond: { median: rate, min: rate - 1000, max: rate + 1000 },
    cpuSecondsPerMillion: { median: 10, min: 10, max: 10 },
    rssPeakMb: { median: 1234, min: 1234, max: 1234 },
  },
})

const table = (cells: readonly Cell[]): string =>
  markdown(setting, [
    {
      events: 1_000_000,
      rows: new Map([['q5', 53]]),
      cells,
      load: { before: [0.1, 0, 0], after: [1, 1, 1] },
    },
  ])

describe('the table', () => {
  test('divides by the best exactly-once peer, of which Opportune is none', () => {
    const text = table([
      cell('opportune', 300_000),
      cell('flink-hashmap', 100_000),
      cell('bytewax', 200_000),
    ])
    expect(text).toContain(
      '| Opportune | exactly once | 300,000 (299,000 to 301,000) | 3.00 | 10.00 | 1,234 |',
    )
    expect(text).toContain('| 100,000 (99,000 to 101,000) | 1.00 |')
    expect(text).toContain('| at least once | 200,000 (199,000 to 201,000) | 2.00 |')
    expect(text).toContain('## 1,000,000 events')
  })

  test('gives a reason and no figure where a run failed', () => {
    const failed: Cell = { engine: engine('bytewax'), query: 'q5', result: 'wrong\noutput | odd' }
    expect(table([failed])).toContain('| bytewax 0.21.1 | not run: wrong output / odd | | | | |')
  })

  test('has no ratio where no peer has figures', () => {
    expect(table([cell('opportune', 5_000)])).toContain('| 5,000 (4,000 to 6,000) |  | 10.00 |')
  })
})

test('a failure is named by its innermost cause', () => {
  const trace =
    'Exception in thread main\n\tat a\nCaused by: outer\n\tat b\nCaused by: inner\n\tat c'
  expect(causeIn(trace)).toBe('Caused by: inner')
  expect(causeIn('one\nlast line\n')).toBe('last line')
})
