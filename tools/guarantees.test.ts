/** docs/guarantees.md promises nothing that no rule says and no test proves. */
import { describe, expect, test } from 'vitest'
import { readText } from './files.ts'
import { projectCoverage } from './project-coverage.ts'

const { text } = readText('docs/guarantees.md')
const [promised = '', refused = ''] = text.split('## What is not promised')
const lines = (part: string): readonly string[] =>
  part.split('\n').filter((line) => line.startsWith('- '))

/** The ids in the brackets that end a line. */
const idsOf = (line: string): readonly string[] =>
  /\(([A-Z][A-Z0-9-]*(?:, [A-Z][A-Z0-9-]*)*)\)\.$/.exec(line)?.[1]?.split(', ') ?? []

const found = projectCoverage()
const known = new Set([...found.requirements, ...found.rules].map((it) => it.id))
const proven = new Set(found.names.flatMap((it) => it.ids))

describe('guarantees', () => {
  test('the page promises something, and says what it does not', () => {
    expect(lines(promised).length).toBeGreaterThan(15)
    expect(lines(refused).length).toBeGreaterThan(5)
  })

  test.each(lines(promised))('%s', (line) => {
    expect(idsOf(line)).not.toEqual([])
    expect(idsOf(line).filter((id) => !known.has(id) || !proven.has(id))).toEqual([])
  })

  test('what is not promised names requirements that exist', () => {
    const ids = lines(refused).flatMap(idsOf)
    expect(ids.filter((id) => !known.has(id))).toEqual([])
    // Nothing that is built stands under it by mistake, save what bounds a promise.
    const built = found.requirements.filter((it) => it.status === 'built').map((it) => it.id)
    expect(ids.filter((id) => built.includes(id))).toEqual(['AUD-2'])
  })
})
