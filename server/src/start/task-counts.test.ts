import { describe, expect, test } from 'vitest'
import { TaskCounts } from './task-counts.ts'

const task = (activity: number, duplicates = 0) => ({
  tallies: new Map([
    ['activity-rows', { values: activity }],
    ['duplicate-rows', { values: duplicates }],
    ['decide', { values: 99 }],
  ]),
})

describe('counts of the tasks here', () => {
  test('add up over tasks and looks, and do not go back when a task leaves or comes back anew', () => {
    const counts = new TaskCounts()
    const [first, second] = [task(3, 1), task(2)]
    expect(counts.follow([first, second])).toEqual({ accepted: 5, duplicates: 1, sessions: 0 })
    first.tallies.set('activity-rows', { values: 4 })
    expect(counts.follow([first])).toEqual({ accepted: 6, duplicates: 1, sessions: 0 })
    expect(counts.follow([])).toEqual({ accepted: 6, duplicates: 1, sessions: 0 })
    expect(counts.follow([task(1), second])).toMatchObject({ accepted: 7 })
  })
})
