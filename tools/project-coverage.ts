/** The coverage of this project: its rules and tests, read from its files. */
import { projectFiles, readText } from './files.ts'
import { type Coverage, coverage, declaredRules, readRequirements, testNames } from './rules.ts'

export function projectCoverage(): Coverage {
  const sources = [...projectFiles('.ts'), ...projectFiles('.mjs')]
    // The tools' own tests hold made-up names with made-up ids.
    .filter((file) => file !== 'tools/rules.test.ts')
    .map(readText)
  const isTest = (file: string) => file.endsWith('.test.ts')
  return coverage(
    readRequirements(readText('docs/requirements.json').text),
    declaredRules(
      projectFiles('SPEC.md').map(readText),
      sources.filter((it) => !isTest(it.file)),
    ),
    sources.flatMap(testNames),
  )
}
