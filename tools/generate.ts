/**
 * Writes the pages of docs/ that follow from something else, or compares them with it.
 *
 *   npm run docs                 writes them
 *   npm run docs -- --check      exit code 1 where a page differs from its source
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ERRORS } from '#engine'
import { ProfileViewSchema } from '#operators'
import { metricsReference, topicsReference } from '#sinks'
import { renderErrors } from './errors.ts'
import { ROOT } from './files.ts'
import { renderOperators } from './operators.ts'
import { projectCoverage } from './project-coverage.ts'
import { projectOperators } from './project-operators.ts'
import { renderRequirements } from './rules.ts'

const PAGES: Readonly<Record<string, () => string>> = {
  'docs/errors.md': () => renderErrors(ERRORS),
  'docs/metrics.md': () => metricsReference(),
  'docs/schemas.md': () => topicsReference(ProfileViewSchema),
  'docs/operators.md': () => renderOperators(projectOperators()),
  'docs/requirements.md': () => renderRequirements(projectCoverage()),
}

function current(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

const checking = process.argv.includes('--check')
for (const [file, render] of Object.entries(PAGES)) {
  const path = join(ROOT, file)
  const text = render()
  if (current(path) === text) continue
  if (checking) {
    console.error(`${file} differs from what it is made of: run npm run docs`)
    process.exitCode = 1
  } else {
    writeFileSync(path, text)
    console.log(`${file} written`)
  }
}
