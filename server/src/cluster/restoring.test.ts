import { describe, expect, test } from 'vitest'
import { Restoring } from './restoring.ts'

const at = (task: string, offset: number) => ({
  task,
  records: offset / 2,
  from: 0,
  at: offset,
  end: 2_000,
})

describe('how far restores are', () => {
  test('sums up the tasks, and is done where there is nothing', () => {
    const restoring = new Restoring(
      () => {},
      () => 0,
    )
    expect(restoring.sum).toEqual({ tasks: 0, records: 0, share: 1 })
    restoring.take(at('a', 500))
    restoring.take(at('a', 1_000))
    restoring.take(at('b', 2_000))
    expect(restoring.sum).toEqual({ tasks: 2, records: 1_500, share: 0.75 })
  })

  test('is told while it takes long, and not more often', () => {
    let clock = 0
    const said: string[] = []
    const restoring = new Restoring(
      (line) => said.push(line),
      () => clock,
    )
    for (const offset of [100, 200, 300]) {
      clock += 900
      restoring.take(at('customer-inbox/1', offset))
    }
    expect(said).toEqual(['restoring customer-inbox/1: 150 records, 15 %'])
  })
})
