import { describe, expect, test } from 'vitest'
import type { LogBatch } from '../log/port.ts'
import { EPOCH_MS, SliceSize } from './slice-size.ts'

const batch = (length: number, bytes: number): LogBatch => ({ length, bytes }) as LogBatch

/** Runs epochs over an endless backlog at `perRecord` ms each. @returns the records of each */
function catchUp(size: SliceSize, epochs: number, perRecord: number): number[] {
  return Array.from({ length: epochs }, () => {
    const { maxRecords } = size.limits
    size.learn(maxRecords * perRecord, [batch(maxRecords, maxRecords * 10)], false)
    return maxRecords
  })
}

describe('slice size', () => {
  test('[E5] grows with a backlog until an epoch takes its time, and stays there', () => {
    const records = catchUp(new SliceSize(), 30, 0.005)
    for (const last of records.slice(-10)) {
      expect(last * 0.005).toBeLessThanOrEqual(EPOCH_MS)
      expect(last * 0.005).toBeGreaterThanOrEqual(EPOCH_MS / 4)
    }
  })

  test('falls at once when records turn out to be dear, and never to nothing', () => {
    const size = new SliceSize()
    catchUp(size, 10, 0.001)
    catchUp(size, 3, 1)
    expect(size.limits.maxRecords).toBeLessThanOrEqual(256)
    expect(size.limits.maxRecords).toBeGreaterThan(0)
    expect(size.limits.maxBytes).toBeGreaterThan(0)
  })

  test('a worker that keeps up changes nothing', () => {
    const size = new SliceSize()
    const before = size.limits
    for (let i = 0; i < 20; i++) size.learn(3, [batch(10, 1_000)], false)
    expect(size.limits).toEqual(before)
  })

  test('timers that had to wait count as a backlog', () => {
    const size = new SliceSize()
    const before = size.limits
    size.learn(3, [], true)
    expect(size.limits.maxRecords).toBeGreaterThan(before.maxRecords)
  })
})
