/** The coverage of this project: its rules and tests, read from its files. */
import { projectFiles, readText } from './files.ts'
import {
  type Coverage,
  coverage,
  declaredRules,
  type Rule,
  readRequirements,
  type SourceText,
  testNames,
} from './rules.ts'

const isTest = (file: string): boolean => file.endsWith('.test.ts')

/** The project's code and tests. */
export const projectSources = (): readonly SourceText[] =>
  [...projectFiles('.ts'), ...projectFiles('.mjs')]
    // The tools' own tests hold made-up names with made-up ids.
    .filter((file) => file !== 'tools/rules.test.ts')
    .map(readText)

export const projectSpecs = (): readonly SourceText[] => projectFiles('SPEC.md').map(readText)

/** Every declaration of a rule, those of headers that repeat a SPEC.md included. */
export const projectRules = (sources: readonly SourceText[]): readonly Rule[] =>
  declaredRules(
    projectSpecs(),
    sources.filter((it) => !isTest(it.file)),
  )

export function projectCoverage(): Coverage {
  const sources = projectSources()
  return coverage(
    readRequirements(readText('docs/requirements.json').text),
    projectRules(sources),
    sources.flatMap(testNames),
  )
}
