import { expect, test } from 'vitest'
import { readText } from '../files.ts'
import { MUTATIONS } from './mutations.ts'

test.each(MUTATIONS)('the edit of "$name" fits the sources', ({ edits }) => {
  for (const { file, find, replace } of edits) {
    expect(readText(file).text.split(find)).toHaveLength(2)
    expect(replace).not.toBe(find)
  }
})

test('mutations have names of their own', () => {
  expect(new Set(MUTATIONS.map(({ name }) => name)).size).toBe(MUTATIONS.length)
})
