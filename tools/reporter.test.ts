/** Runs a small suite in a vitest of its own and reads what the closing line makes of it. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const REPORTER = pathToFileURL(join(ROOT, 'tools', 'reporter.ts')).href

describe('the closing line', () => {
  let place = ''
  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), 'opportune-reporter-'))
    symlinkSync(join(ROOT, 'node_modules'), join(place, 'node_modules'))
    writeFileSync(join(place, 'package.json'), '{"type":"module"}')
    writeFileSync(
      join(place, 'vitest.config.ts'),
      `import { plainCount } from ${JSON.stringify(REPORTER)}
       export default { test: { reporters: ['default', plainCount()], include: ['*.test.ts'] } }`,
    )
  })
  afterEach(() => rmSync(place, { recursive: true, force: true }))

  /** Each file's body is what follows the import of vitest. */
  function suite(files: Readonly<Record<string, string>>) {
    mkdirSync(place, { recursive: true })
    for (const [name, body] of Object.entries(files))
      writeFileSync(
        join(place, `${name}.test.ts`),
        `import { beforeAll, describe, expect, test } from 'vitest'\n${body}`,
      )
    const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
    const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1' }
    // A vitest inside a vitest would otherwise take itself for a worker of the outer one.
    for (const name of Object.keys(env))
      if (/^(VITEST|TEST$|NODE_OPTIONS)/.test(name)) delete env[name]
    const run = spawnSync(process.execPath, ['--import', 'tsx', vitest, 'run'], {
      cwd: place,
      env,
      encoding: 'utf8',
    })
    return { code: run.status, lines: run.stdout.trimEnd().split('\n') }
  }

  test('counts passed and skipped with their reason, and passes', () => {
    const { code, lines } = suite({
      a: "test('one', () => { expect(1).toBe(1) })\ntest('two', (ctx) => ctx.skip('no disk here'))",
    })
    expect(lines.slice(-2)).toEqual(['skipped: two: no disk here', '1 passed, 0 failed, 1 skipped'])
    expect(code).toBe(0)
  }, 20_000)

  test('a skip without a reason fails the run', () => {
    const { code, lines } = suite({
      a: "test('one', () => { expect(1).toBe(1) })\ntest.skip('two', () => { expect(1).toBe(1) })",
    })
    expect(lines.at(-1)).toBe('1 passed, 0 failed, 1 skipped')
    expect(lines).toContain('skipped: two: NO REASON GIVEN')
    expect(code).toBe(1)
  }, 20_000)

  test('a failed test, a file that does not load and a failed hook all count', () => {
    const { code, lines } = suite({
      a: "test('one', () => { expect(1).toBe(2) })",
      b: "throw new Error('does not load')",
      c: "describe('x', () => { beforeAll(() => { throw new Error('hook') })\ntest('y', () => { expect(1).toBe(1) }) })",
    })
    const counts = /^(\d+) passed, (\d+) failed, (\d+) skipped$/.exec(lines.at(-1) ?? '')
    expect(counts?.[1]).toBe('0')
    expect(Number(counts?.[2])).toBeGreaterThanOrEqual(3)
    expect(code).toBe(1)
  }, 20_000)
})
