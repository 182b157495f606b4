/**
 * The test run's closing line, `N passed, N failed, N skipped`, alone on the last line for whoever
 * reads it by machine, and the rule that a skipped test says why (`ctx.skip('reason')`).
 *
 * What is no test but failed all the same (a file that does not load, a hook that throws, an error
 * outside any test, a test that never ran) counts as failed, so that the line cannot look better than
 * the exit code.
 */
import type { Reporter, TestModule } from 'vitest/node'

interface Tally {
  readonly passed: number
  readonly failed: number
  /** Names of skipped tests with the reason they gave. */
  readonly skipped: readonly { readonly name: string; readonly reason: string | undefined }[]
}

/** The parts of a finished run that count; `TestModule` has them all. */
type FinishedModule = Pick<TestModule, 'errors' | 'children'>

/** Counts a finished run. `strayErrors`: errors that belong to no test. */
function tally(modules: readonly FinishedModule[], strayErrors: number): Tally {
  let passed = 0
  let failed = strayErrors
  const skipped: { name: string; reason: string | undefined }[] = []
  for (const module of modules) {
    failed += module.errors().length
    for (const suite of module.children.allSuites()) failed += suite.errors().length
    for (const test of module.children.allTests()) {
      const result = test.result()
      if (result.state === 'passed') passed++
      else if (result.state === 'skipped')
        skipped.push({ name: test.fullName, reason: result.note })
      else failed++
    }
  }
  return { passed, failed, skipped }
}

/** The lines to print, the count last; `wrong` where the run must not pass because of them. */
function closingLines(counts: Tally): { lines: readonly string[]; wrong: boolean } {
  const mute = counts.skipped.filter((it) => it.reason === undefined)
  const lines = counts.skipped.map((it) => `skipped: ${it.name}: ${it.reason ?? 'NO REASON GIVEN'}`)
  if (mute.length > 0)
    lines.push("A skipped test says why: test('...', (ctx) => ctx.skip('reason')).")
  lines.push(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped.length} skipped`)
  return { lines, wrong: mute.length > 0 }
}

/** A reporter that adds the closing lines; to be listed last. */
export function plainCount(): Reporter {
  return {
    onTestRunEnd(modules, strayErrors) {
      const { lines, wrong } = closingLines(tally(modules, strayErrors.length))
      if (wrong) process.exitCode = 1
      for (const line of lines) console.log(line)
    },
  }
}
