import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT, readText } from './files.ts'
import { idRanges, operatorRows, renderOperators } from './operators.ts'
import { projectOperators } from './project-operators.ts'
import { declaredRules } from './rules.ts'

describe('rows', () => {
  const sources = [
    {
      file: 'operators/src/a/count.ts',
      text: "/**\n * A1 Counts.\n */\nimport { add } from './add.ts'\nimport { x } from './other.ts'\nimport type { Y } from './kind.ts'\n",
    },
    { file: 'operators/src/a/kind.ts', text: '/**\n * A4 Is only named.\n */\n' },
    { file: 'operators/src/a/add.ts', text: '/**\n * A2 Adds.\n */\n' },
    { file: 'operators/src/a/other.ts', text: '/**\n * A3 Is an operator of its own.\n */\n' },
  ]
  const declared = declaredRules([], sources)
  const name = (file: string, ids: readonly string[]) => ({ file, ids, title: 'x' })
  const names = [
    name('operators/src/a/parts.test.ts', ['A2']),
    name('operators/src/a/other.test.ts', ['A3']),
    name('engine/src/x.test.ts', ['A1']),
  ]
  const placed = (...ids: string[]) => ids.map((id) => ({ id, stage: 's' }))

  test('an operator has the rules of its file and its parts, and the tests that carry them', () => {
    const [row] = operatorRows(placed('count', 'other'), sources, { declared, names })
    expect(row?.file).toBe('operators/src/a/count.ts')
    expect(row?.rules.map((it) => it.id)).toEqual(['A1', 'A2'])
    expect(row?.tests).toEqual(['operators/src/a/parts.test.ts'])
  })

  test('an operator without a file of its name is an error', () => {
    expect(() => operatorRows(placed('gone'), sources, { declared, names })).toThrow('gone has 0')
  })

  test('ids that follow one another are a range', () => {
    expect(idRanges(['P2', 'P1', 'P3', 'P5', 'DEF-1', 'DEF-2', 'C6'])).toBe(
      'C6, DEF-1 to DEF-2, P1 to P3, P5',
    )
  })
})

describe('the project', () => {
  const page = projectOperators()

  test('every operator of the topology has its file, a rule and a test', () => {
    expect(page.rows.map((it) => it.id)).toEqual(
      expect.arrayContaining(['validate', 'dedupe', 'identity', 'profile', 'triggers', 'decide']),
    )
    for (const { id, rules, tests } of page.rows) {
      expect(rules.length, `rules of ${id}`).toBeGreaterThan(0)
      expect(tests.length, `tests of ${id}`).toBeGreaterThan(0)
    }
  })

  test('so has every trigger and guardrail', () => {
    expect(page.guardrails.map((it) => it.id).toSorted()).toEqual([
      'caps',
      'consent',
      'fatigue',
      'gap',
      'quiet-hours',
      'reachability',
    ])
    expect(page.triggers.length).toBe(6)
    const rows = renderOperators(page)
      .split('\n')
      .filter((it) => it.startsWith('| `'))
    expect(rows.filter((row) => !/\.test\.ts\)/.test(row))).toEqual([])
  })

  test('the page is what follows from the files, and its links lead to files', () => {
    const { text } = readText('docs/operators.md')
    expect(text).toBe(renderOperators(page))
    const targets = [...text.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map((it) => it[1] ?? '')
    expect(targets.length).toBeGreaterThan(40)
    expect(targets.filter((it) => !existsSync(join(ROOT, it)))).toEqual([])
  })
})
