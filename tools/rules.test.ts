import { describe, expect, test } from 'vitest'
import {
  complaints,
  coverage,
  declaredRules,
  type Requirement,
  readRequirements,
  renderRequirements,
  renderTable,
  testNames,
} from './rules.ts'

const requirement = (id: string, status: Requirement['status']): Requirement => ({
  id,
  title: `what ${id} asks`,
  status,
})

/** A file of tests with these names. */
const testFile = (...names: readonly string[]) => ({
  file: 'engine/src/x.test.ts',
  text: `import { test } from 'vitest'\n${names.map((it) => `test('${it}', () => {})`).join('\n')}`,
})

const SPEC = {
  file: 'engine/SPEC.md',
  text: '# Engine\n\n- **E1** Epochs commit whole.\n- **E2** Time does not go back.\nprose about E3\n',
}

const judge = (
  requirements: readonly Requirement[],
  names: readonly string[],
  specs = [] as (typeof SPEC)[],
) =>
  complaints(
    coverage(
      requirements,
      declaredRules(specs, []),
      names.flatMap((it) => testNames(testFile(it))),
    ),
  )

describe('reading', () => {
  test('a name may carry several ids, in one bracket or more', () => {
    expect(
      testNames(testFile('[ING-4][E1] keeps bytes', '[E2, E3a] [E4] all', 'no id [E9]')),
    ).toEqual([
      { ids: ['ING-4', 'E1'], title: 'keeps bytes', file: 'engine/src/x.test.ts' },
      { ids: ['E2', 'E3a', 'E4'], title: 'all', file: 'engine/src/x.test.ts' },
    ])
  })

  test('a file without tests gives no names', () => {
    expect(testNames({ file: 'a.ts', text: "const a = '[E1] x'" })).toEqual([])
    const told = "const imports = text.includes(\"from 'vitest'\")\nconst a = '[E1] x'"
    expect(testNames({ file: 'a.ts', text: told })).toEqual([])
  })

  test('what only looks like an id at the start of a line is none', () => {
    const header = { file: 'engine/src/a.ts', text: '/**\n * REES46 is a format.\n */\n' }
    expect(declaredRules([], [header])).toEqual([])
  })

  test('rules come from SPEC.md bullets and from file headers', () => {
    const header = {
      file: 'engine/src/a.ts',
      text: '/**\n * L1 Offsets grow\n *    and have gaps.\n * Prose.\n */\n',
    }
    expect(declaredRules([SPEC], [header]).map((it) => `${it.kind} ${it.id} ${it.text}`)).toEqual([
      'spec E1 Epochs commit whole.',
      'spec E2 Time does not go back.',
      'header L1 Offsets grow and have gaps.',
    ])
  })

  test.each([
    ['no list', '{}'],
    ['an unknown status', '{"requirements":[{"id":"A-1","title":"x","status":"soon"}]}'],
    ['no title', '{"requirements":[{"id":"A-1","status":"built"}]}'],
    [
      'an id twice',
      '{"requirements":[{"id":"A-1","title":"x","status":"built"},{"id":"A-1","title":"x","status":"built"}]}',
    ],
  ])('requirements.json with %s is refused', (_, json) => {
    expect(() => readRequirements(json)).toThrow()
  })
})

describe('complaints', () => {
  test('none where built rules have tests and the rest have not', () => {
    const list = [requirement('ING-4', 'built'), requirement('ING-5', 'planned')]
    expect(judge(list, ['[ING-4] x', '[E1] x', '[E2] x'], [SPEC])).toEqual([])
  })

  test.each([
    [
      'a built requirement without a test',
      [requirement('ING-4', 'built')],
      [],
      'ING-4 is marked built',
    ],
    [
      'a partly built one without a test',
      [requirement('ING-4', 'partly')],
      [],
      'ING-4 is marked partly',
    ],
    [
      'a planned one with tests',
      [requirement('ING-4', 'planned')],
      ['[ING-4] x'],
      'mark it partly',
    ],
    ['a test with an unknown id', [], ['[ING-9] x'], 'ING-9 is unknown'],
  ] as const)('%s', (_, list, names, says) => {
    expect(judge(list, names).join('\n')).toContain(says)
  })

  test('a rule of a SPEC.md without a test', () => {
    expect(judge([], ['[E1] x'], [SPEC])).toEqual(['E2 of engine/SPEC.md has no test'])
  })

  test('two files of a layer that declare one id; a header may repeat its SPEC.md', () => {
    const a = { file: 'engine/a.ts', text: ' * E1 Epochs commit\n *    whole.\n' }
    const b = { file: 'engine/b.ts', text: ' * H1 two\n' }
    const c = { file: 'engine/c.ts', text: ' * H1 three\n' }
    const d = { file: 'models/d.ts', text: ' * H1 of another layer\n' }
    const names = testNames(testFile('[E1] x', '[E2] x'))
    expect(complaints(coverage([], declaredRules([SPEC], [a, b, c, d]), names))).toEqual([
      'H1 is declared in engine/b.ts and in engine/c.ts',
    ])
  })

  test('a header that says something else than its SPEC.md', () => {
    const header = { file: 'engine/a.ts', text: ' * E1 Epochs commit in parts.\n' }
    const names = testNames(testFile('[E1] x', '[E2] x'))
    expect(complaints(coverage([], declaredRules([SPEC], [header]), names))).toEqual([
      'E1 says something else in engine/a.ts than in engine/SPEC.md',
    ])
  })

  test('an id means the rule of its own layer, and the engine’s where that layer has none', () => {
    const own = { file: 'models/SPEC.md', text: '- **E1** Weights are finite.\n' }
    const names = [{ ids: ['E1', 'E2'], title: 'x', file: 'models/src/x.test.ts' }]
    expect(complaints(coverage([], declaredRules([SPEC, own], []), names))).toEqual([
      'E1 of engine/SPEC.md has no test',
    ])
  })
})

test('both tables name the test beside its rule', () => {
  const found = coverage(
    [requirement('ING-4', 'built')],
    declaredRules([SPEC], []),
    testNames(testFile('[ING-4] a | b')),
  )
  expect(renderTable(found)).toContain('engine/src/x.test.ts: a | b')
  expect(renderRequirements(found)).toContain(
    '| ING-4 | what ING-4 asks | built |  | [x.test.ts](../engine/src/x.test.ts) |',
  )
})
