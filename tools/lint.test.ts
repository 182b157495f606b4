/**
 * Proves that each lint rule we rely on fires with our configuration: every case is a small file that
 * breaks one rule, written into a project of its own and linted with a copy of `.oxlintrc.json`.
 * A rule that a new oxlint renames or a typo switches off fails here instead of going unnoticed.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

interface Case {
  readonly breaks: string
  readonly file: string
  readonly rule: string
  /** Part of what the reader is told. */
  readonly says?: string
  readonly code: string
}

const lines = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index)).join('\n')

const layer = (file: string, specifier: string, says: string): Case => ({
  breaks: `${file.split('/')[0]} imports ${specifier}`,
  file,
  rule: 'no-restricted-imports',
  says,
  code: `import { x } from '${specifier}'\nexport const y = x\n`,
})

const inOperator = (breaks: string, rule: string, code: string, says?: string): Case => ({
  breaks,
  file: 'operators/src/probe.ts',
  rule,
  code,
  ...(says === undefined ? {} : { says }),
})

const GENERAL: readonly Case[] = [
  {
    breaks: 'a promise is left alone',
    file: 'engine/src/a.ts',
    rule: 'no-floating-promises',
    code: 'async function f(): Promise<void> {}\nexport function g(): void {\n  f()\n}\n',
  },
  {
    breaks: 'an async callback goes where nobody awaits it',
    file: 'engine/src/a.ts',
    rule: 'no-misused-promises',
    code: 'export const f = (xs: number[]): void => xs.forEach(async (x) => { await Promise.resolve(x) })\n',
  },
  {
    breaks: 'a switch forgets a member of its union',
    file: 'engine/src/a.ts',
    rule: 'switch-exhaustiveness-check',
    code: "export function f(x: 'a' | 'b'): number {\n  switch (x) {\n    case 'a':\n      return 1\n  }\n  return 0\n}\n",
  },
  {
    breaks: 'any',
    file: 'engine/src/a.ts',
    rule: 'no-explicit-any',
    code: 'export const f = (x: any): unknown => x\n',
  },
  {
    breaks: 'a non-null assertion',
    file: 'engine/src/a.ts',
    rule: 'no-non-null-assertion',
    code: 'export const f = (x: string | undefined): string => x!\n',
  },
  {
    breaks: 'a default export',
    file: 'engine/src/a.ts',
    rule: 'no-default-export',
    code: 'export default function f(): void {}\n',
  },
  {
    breaks: 'a file over 500 lines',
    file: 'engine/src/a.ts',
    rule: 'max-lines',
    code: lines(501, (i) => `export const a${i} = ${i}`),
  },
  {
    breaks: 'a function over 70 lines',
    file: 'engine/src/a.ts',
    rule: 'max-lines-per-function',
    code: `export function f(): number {\n  let x = 0\n${lines(70, (i) => `  x += ${i}`)}\n  return x\n}\n`,
  },
  {
    breaks: 'five positional parameters',
    file: 'engine/src/a.ts',
    rule: 'max-params',
    code: 'export const f = (a: number, b: number, c: number, d: number, e: number): number => a + b + c + d + e\n',
  },
  {
    breaks: 'printing from a layer',
    file: 'sinks/src/a.ts',
    rule: 'no-console',
    code: "console.log('x')\n",
  },
  {
    breaks: 'a test that runs alone',
    file: 'engine/src/a.test.ts',
    rule: 'no-focused-tests',
    code: "import { expect, test } from 'vitest'\ntest.only('x', () => {\n  expect(1).toBe(1)\n})\n",
  },
  {
    breaks: 'a test that cannot fail',
    file: 'engine/src/a.test.ts',
    rule: 'expect-expect',
    code: "import { test } from 'vitest'\ntest('x', () => {\n  Math.abs(1)\n})\n",
  },
]

const LAYERS: readonly Case[] = [
  layer('engine/src/a.ts', '#models', 'engine imports nothing above it'),
  layer('engine/src/a.ts', '#operators', 'engine imports nothing above it'),
  layer('engine/src/a.ts', '../../sinks/src/x.ts', 'through its entry only'),
  layer('models/src/a.ts', '#operators', 'models import only #engine'),
  layer('operators/src/a.ts', '#sinks', 'operators import only #engine, #models/serving'),
  layer('operators/src/a.ts', '#models', 'leads to training and tfjs'),
  layer('operators/src/a.ts', '../../engine/src/time.ts', 'through its entry only'),
  layer('operators/src/deep/a.ts', '../../../models/src/x.ts', 'through its entry only'),
  layer('operators/src/a.ts', '#engine/src/time.ts', 'A layer has one entry'),
  layer('operators/src/a.ts', 'node:fs', 'Operators do no I/O'),
  layer('operators/src/a.ts', 'node:fs/promises', 'Operators do no I/O'),
  layer('operators/src/a.test.ts', '#sinks', 'operators import only #engine, #models/serving'),
  layer('sinks/src/a.ts', '#operators', 'sinks import only #engine and #models/vocabulary'),
  layer('sinks/src/a.ts', '#models', 'sinks import only #engine and #models/vocabulary'),
  layer('sinks/src/a.ts', '#models/serving', 'sinks import only #engine and #models/vocabulary'),
  layer('benchmarks/src/a.ts', '#server', 'nothing imports server'),
  layer('simulator/src/a.ts', '../../server/src/x.ts', 'through its entry only'),
  layer('server/src/a.ts', '../../dist/engine/src/index.js', 'dist/ is made from the sources'),
]

const CLOCK = 'must not depend on when'

const DETERMINISM: readonly Case[] = [
  inOperator('Date.now', 'no-restricted-properties', 'export const a = Date.now()\n', CLOCK),
  inOperator(
    'Date.now taken out of Date',
    'no-restricted-properties',
    'const { now } = Date\nexport const a = now()\n',
    CLOCK,
  ),
  inOperator(
    'Math.random',
    'no-restricted-properties',
    'export const a = Math.random()\n',
    'hash of (seed, key, cause)',
  ),
  inOperator('new Date()', 'no-clock-date', 'export const a = new Date()\n', 'reads the clock'),
  inOperator('Date()', 'no-clock-date', 'export const a = Date()\n', 'reads the clock'),
  inOperator(
    'a date in the local time zone',
    'no-clock-date',
    'export const a = new Date(2026, 1, 1)\n',
    'Date.UTC',
  ),
  inOperator(
    'an hour in the local time zone',
    'no-restricted-properties',
    'export const f = (d: Date): number => d.getHours()\n',
    'time zone',
  ),
  inOperator('performance', 'no-restricted-globals', 'export const a = performance.now()\n', CLOCK),
  inOperator(
    'setTimeout',
    'no-restricted-globals',
    'setTimeout(() => undefined, 1)\n',
    'timer of the engine',
  ),
  inOperator(
    'process',
    'no-restricted-globals',
    "export const a = process.env['A']\n",
    'Pass in what is needed',
  ),
  inOperator(
    'fetch',
    'no-restricted-globals',
    "export const a = fetch('http://localhost')\n",
    'No I/O here',
  ),
  inOperator(
    'toLocaleString',
    'no-restricted-properties',
    'export const a = (1).toLocaleString()\n',
    'locale',
  ),
  inOperator(
    'localeCompare',
    'no-restricted-properties',
    "export const a = 'a'.localeCompare('b')\n",
    'locale',
  ),
  inOperator(
    'Intl without a locale',
    'no-default-locale',
    'export const a = new Intl.NumberFormat()\n',
    'name one',
  ),
]

/** Files that keep the rules where a careless configuration would refuse them. */
const FINE: Readonly<Record<string, string>> = {
  'operators/src/fine.ts':
    "import { x } from '#engine'\nimport { y } from '#models/serving'\nexport const a = [x, y, new Date(0), Date.UTC(2026, 1), new Intl.NumberFormat('en')]\n",
  'operators/src/files.test.ts':
    "import { readFileSync } from 'node:fs'\nimport { expect, test } from 'vitest'\ntest('x', () => {\n  expect(readFileSync('x')).toBe('')\n})\n",
  'engine/src/conformance/rules.ts': `export function rules(): number {\n  let x = 0\n${lines(80, (i) => `  x += ${i}`)}\n  return x\n}\n`,
  'operators/src/fine.test.ts': `import { describe, expect, test } from 'vitest'\ndescribe('long', () => {\n  test('x', () => {\n${lines(80, () => '    expect(Date.now()).toBeGreaterThan(0)')}\n  })\n})\n`,
  'server/src/fine.ts':
    "import { a } from '#engine'\nimport { b } from '#operators'\nimport { c } from '#sinks'\nimport { d } from '#simulator'\nexport const e = [a, b, c, d, Date.now()]\n",
}

interface Diagnostic {
  readonly code: string
  readonly message: string
  readonly help?: string
  readonly filename: string
}

let place = ''

function lint(): readonly Diagnostic[] {
  const oxlint = join(ROOT, 'node_modules', 'oxlint', 'bin', 'oxlint')
  let out: string
  try {
    out = execFileSync(process.execPath, [oxlint, '--type-aware', '--format=json'], {
      cwd: place,
      encoding: 'utf8',
      // The type-aware part is found on the PATH, as npm scripts and npx set it.
      env: { ...process.env, PATH: `${join(ROOT, 'node_modules', '.bin')}:${process.env['PATH']}` },
    })
  } catch (error) {
    // Findings make oxlint exit with 1 after it has printed them.
    out = String((error as { stdout?: unknown }).stdout)
  }
  return (JSON.parse(out) as { diagnostics: Diagnostic[] }).diagnostics
}

function write(file: string, code: string): void {
  mkdirSync(dirname(join(place, file)), { recursive: true })
  writeFileSync(join(place, file), code)
}

/** Each case gets a file of its own, so that one lint run answers for all of them. */
const fileOf = (it: Case, index: number): string =>
  it.file.replace(/\/([a-z]+)(\.test)?\.ts$/, `/$1-${index}$2.ts`)

describe('lint rules fire', () => {
  const cases = [...GENERAL, ...LAYERS, ...DETERMINISM]
  let found: readonly Diagnostic[] = []

  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), 'opportune-lint-'))
    for (const file of ['.oxlintrc.json', 'tsconfig.json', 'package.json', 'tools/lint'])
      cpSync(join(ROOT, file), join(place, file), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules'), join(place, 'node_modules'))
    cases.forEach((it, index) => write(fileOf(it, index), it.code))
    for (const [file, code] of Object.entries(FINE)) write(file, code)
    write(
      'engine/src/cycle-a.ts',
      "import { b } from './cycle-b.ts'\nexport const a = (): unknown => b\n",
    )
    write(
      'engine/src/cycle-b.ts',
      "import { a } from './cycle-a.ts'\nexport const b = (): unknown => a\n",
    )
    found = lint()
  }, 60_000)
  afterAll(() => rmSync(place, { recursive: true, force: true }))

  const inFile = (file: string) => found.filter((it) => it.filename.endsWith(file))

  test.each(cases.map((it, index) => ({ ...it, index })))('$breaks -> $rule', (it) => {
    const here = inFile(fileOf(it, it.index)).filter((d) => d.code.includes(`(${it.rule})`))
    expect(here).not.toHaveLength(0)
    if (it.says !== undefined) expect(`${here[0]?.message} ${here[0]?.help}`).toContain(it.says)
  })

  test('two files that import each other -> no-cycle', () => {
    expect(inFile('cycle-a.ts').map((d) => d.code)).toContain('import(no-cycle)')
  })

  test.each(Object.keys(FINE))('%s is left in peace', (file) => {
    expect(inFile(file)).toEqual([])
  })
})
