import { describe, expect, test, vi } from 'vitest'
import { MemoryTerminal } from './io.fixture.ts'
import { Progress, progressLine } from './progress.ts'

describe('the line', () => {
  test('with a known end: bar, share, count, rate, time left', () => {
    const state = { label: 'replaying', done: 12_500, total: 50_000, unit: 'events' }
    expect(progressLine(state, 5_000, 120)).toBe(
      'replaying  [######------------------]  25 %  12,500 events  2,500/s  0:15 left',
    )
  })

  test('without a known end: count and time spent', () => {
    const state = { label: 'verifying', done: 900, total: 0, unit: 'records' }
    expect(progressLine(state, 65_000, 120)).toBe('verifying  900 records  14/s  1:05')
  })

  test('never wraps, never passes 100 %, and stands at 0 without a guess', () => {
    const over = { label: 'x', done: 11, total: 10 }
    expect(progressLine(over, 1_000, 120)).toBe('x  [########################]  100 %  0:01')
    expect(progressLine(over, 1_000, 10)).toHaveLength(9)
    expect(progressLine({ label: 'x', done: 0, total: 10 }, 1_000, 120)).toContain('0 %  0:01')
  })
})

describe('the bar', () => {
  function bar(isTTY: boolean) {
    vi.useFakeTimers()
    const terminal = new MemoryTerminal(isTTY)
    let at = 0
    const progress = new Progress(terminal, () => at)
    return {
      terminal,
      progress,
      pass(ms: number) {
        for (let i = 0; i < ms; i += 100) {
          at += 100
          vi.advanceTimersByTime(100)
        }
      },
    }
  }

  test('shows nothing for two seconds, then itself, and leaves no trace', () => {
    const { terminal, progress, pass } = bar(true)
    try {
      progress.update({ label: 'working', done: 1, total: 2 })
      pass(1_900)
      expect(terminal.text).toBe('')
      pass(200)
      expect(terminal.text).toContain('working  [############------------]  50 %')
      progress.end()
      expect(terminal.text.endsWith('\r\u001b[2K')).toBe(true)
      const before = terminal.text
      pass(500)
      expect(terminal.text).toBe(before)
    } finally {
      vi.useRealTimers()
    }
  })

  test('is silent where there is no terminal', () => {
    const { terminal, progress, pass } = bar(false)
    try {
      progress.update({ label: 'working', done: 1, total: 2 })
      pass(5_000)
      progress.end()
      expect(terminal.text).toBe('')
    } finally {
      vi.useRealTimers()
    }
  })
})
