import { expect, test } from 'vitest'
import { messageBlocks } from '../../src/generator/messages.ts'
import { framed, readWatched } from './toolbox.ts'

test('a block is framed as partition, length and bytes of each message', () => {
  for (const block of messageBlocks({ workload: 'ysb', events: 50, seed: 3 }, 8)) {
    const bytes = framed(block)
    let at = 0
    let from = 0
    for (const end of block.ends) {
      expect(bytes.readInt32BE(at)).toBe(block.partition)
      const length = bytes.readInt32BE(at + 4)
      expect(bytes.subarray(at + 8, at + 8 + length)).toEqual(block.bytes.subarray(from, end))
      from = end
      at += 8 + length
    }
    expect(at).toBe(bytes.length)
  }
})

test('the watcher’s answers are told from other lines', () => {
  expect(readWatched('END 1767225600123 42')).toEqual({
    kind: 'complete',
    lastRowAt: 1_767_225_600_123,
    rows: 42,
  })
  expect(readWatched('TIMEOUT 7')).toEqual({ kind: 'timeout', rows: 7 })
  expect(readWatched('WATCHING')).toBeUndefined()
})
