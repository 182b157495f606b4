/**
 * Lists every rule with the tests that carry its id.
 *
 *   npm run requirements                 the table, then what is wrong
 *   npm run requirements -- --check      only what is wrong
 *
 * Exit code 1 where a rule marked built or partly has no test, a rule marked planned has some, or a test
 * carries an id that no rule has.
 */
import { projectCoverage } from './project-coverage.ts'
import { complaints, renderTable } from './rules.ts'

const found = projectCoverage()
if (!process.argv.includes('--check')) console.log(renderTable(found))
for (const wrong of complaints(found)) {
  console.error(wrong)
  process.exitCode = 1
}
