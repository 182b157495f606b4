/**
 * Rules and the tests that carry their ids.
 *
 * A rule is declared once, in one of three places: `docs/requirements.json` (what the product must
 * do, with a status), a `SPEC.md` (`- **E1** text`, what a layer promises) or the header of a source
 * file (` * E1 text`, what that file keeps). A header may repeat a rule of its layer's SPEC.md, whole
 * or in part, in the same words: each of its sentences stands there. A test carries ids in brackets at
 * the start of its name: `[ING-4] ...`, `[E1][E2] ...`.
 *
 * Requirements hold everywhere. Rules belong to the layer that declares them, where an id means one
 * thing; in a test of another layer such an id means the engine's rule.
 *
 * Everything here is pure: files come in as texts.
 */

const STATUSES = ['built', 'partly', 'planned'] as const
type Status = (typeof STATUSES)[number]

export interface Requirement {
  readonly id: string
  /** One line in our own words. */
  readonly title: string
  readonly status: Status
  /** What is missing while `partly`, or where to look. */
  readonly note?: string
}

export interface Rule {
  readonly id: string
  readonly text: string
  /** The file that declares it, relative to the root. */
  readonly file: string
  readonly kind: 'spec' | 'header'
}

export interface TestName {
  readonly ids: readonly string[]
  readonly title: string
  readonly file: string
}

export interface SourceText {
  readonly file: string
  readonly text: string
}

const ID = '[A-Z]{1,5}-?\\d+[a-z]?'
const NAME = new RegExp(`(['"\`])((?:\\[${ID}(?:[ ,]+${ID})*\\] ?)+)([^'"\`\\n]*)`, 'g')
const SPEC_RULE = new RegExp(`^- \\*\\*(${ID})\\*\\*[:.]?\\s+(.+)$`, 'gm')
/**
 * A header's rule goes on over lines that are indented further. Without a hyphen its id has at most two
 * letters, so that names such as REES46 at the start of a line are none.
 */
const HEADER_ID = '[A-Z]{1,2}\\d+[a-z]?|[A-Z]{2,5}-\\d+'
const HEADER_RULE = new RegExp(`^ \\* (${HEADER_ID}) (\\S.*(?:\\n \\*  +\\S.*)*)$`, 'gm')
/** Other files may hold the word in a text, as the tools do. */
const IMPORTS_VITEST = /^(import .*|\} )from 'vitest'$/m

/** @throws Error naming the first entry that is not a requirement */
export function readRequirements(json: string): readonly Requirement[] {
  const parsed: unknown = JSON.parse(json)
  const list =
    typeof parsed === 'object' && parsed !== null && 'requirements' in parsed
      ? parsed.requirements
      : undefined
  if (!Array.isArray(list)) throw new Error('requirements.json has no list "requirements"')
  const seen = new Set<string>()
  return list.map((it: Partial<Requirement>) => {
    const wrong =
      !new RegExp(`^${ID}$`).test(it.id ?? '') ||
      !it.title ||
      !STATUSES.includes(it.status as Status) ||
      seen.has(it.id ?? '')
    if (wrong) throw new Error(`not a requirement, or listed twice: ${JSON.stringify(it)}`)
    seen.add(it.id ?? '')
    return it as Requirement
  })
}

const all = (text: string, pattern: RegExp): RegExpMatchArray[] => [...text.matchAll(pattern)]

/** The rules that SPEC.md files and file headers declare. */
export function declaredRules(
  specs: readonly SourceText[],
  sources: readonly SourceText[],
): readonly Rule[] {
  const of = (kind: Rule['kind'], pattern: RegExp) => (it: SourceText) =>
    all(it.text, pattern).map((m) => ({
      id: m[1] ?? '',
      text: (m[2] ?? '').replaceAll(/\n \*\s+/g, ' '),
      file: it.file,
      kind,
    }))
  return [...specs.flatMap(of('spec', SPEC_RULE)), ...sources.flatMap(of('header', HEADER_RULE))]
}

/** The names with ids in a file that holds tests; other files give none. */
export function testNames(source: SourceText): readonly TestName[] {
  if (!IMPORTS_VITEST.test(source.text)) return []
  return all(source.text, NAME).map((m) => ({
    ids: all(m[2] ?? '', new RegExp(ID, 'g')).map((it) => it[0]),
    title: (m[3] ?? '').trim(),
    file: source.file,
  }))
}

export interface Coverage {
  readonly requirements: readonly Requirement[]
  /** One entry a rule: a header that repeats its layer's SPEC.md is left out. */
  readonly rules: readonly Rule[]
  readonly names: readonly TestName[]
  /** What was wrong with the declarations themselves. */
  readonly clashes: readonly string[]
}

const layerOf = (file: string): string => file.split('/')[0] ?? ''
const ruleKey = (layer: string, id: string): string => `${layer}:${id}`

/** Whether each sentence of a header's rule stands in the rule of the SPEC.md. */
const repeats = (header: Rule, spec: Rule): boolean =>
  header.text.split(/(?<=\.)\s+/).every((sentence) => spec.text.includes(sentence))

export function coverage(
  requirements: readonly Requirement[],
  declared: readonly Rule[],
  names: readonly TestName[],
): Coverage {
  const rules = new Map<string, Rule>()
  const clashes: string[] = []
  for (const rule of declared) {
    const key = ruleKey(layerOf(rule.file), rule.id)
    const before = rules.get(key)
    if (before === undefined) rules.set(key, rule)
    else if (before.kind !== 'spec' || rule.kind !== 'header')
      clashes.push(`${rule.id} is declared in ${before.file} and in ${rule.file}`)
    else if (!repeats(rule, before))
      clashes.push(`${rule.id} says something else in ${rule.file} than in ${before.file}`)
  }
  return { requirements, rules: [...rules.values()], names, clashes }
}

/** Tests by what they prove: a requirement's id, or layer and id of a rule. */
interface Index {
  readonly tests: ReadonlyMap<string, readonly TestName[]>
  readonly unknown: readonly string[]
}

function index({ requirements, rules, names }: Coverage): Index {
  const known = new Set([
    ...requirements.map((it) => it.id),
    ...rules.map((it) => ruleKey(layerOf(it.file), it.id)),
  ])
  const tests = new Map<string, TestName[]>()
  const unknown: string[] = []
  for (const name of names)
    for (const id of name.ids) {
      const places = [id, ruleKey(layerOf(name.file), id), ruleKey('engine', id)]
      const key = places.find((it) => known.has(it))
      if (key === undefined) unknown.push(`${id} is unknown and ${name.file} carries it`)
      else tests.set(key, [...(tests.get(key) ?? []), name])
    }
  return { tests, unknown }
}

const testsOfRule = (tests: Index['tests'], rule: Rule): readonly TestName[] =>
  tests.get(ruleKey(layerOf(rule.file), rule.id)) ?? []

/** What is wrong, one sentence each; empty where rules and tests agree. */
export function complaints(found: Coverage): readonly string[] {
  const { tests, unknown } = index(found)
  const wrong: string[] = [...found.clashes]
  for (const { id, status } of found.requirements) {
    const count = tests.get(id)?.length ?? 0
    if (status !== 'planned' && count === 0)
      wrong.push(`${id} is marked ${status} and no test carries it`)
    if (status === 'planned' && count > 0)
      wrong.push(`${id} is marked planned and ${count} tests carry it: mark it partly or built`)
  }
  for (const rule of found.rules)
    if (rule.kind === 'spec' && testsOfRule(tests, rule).length === 0)
      wrong.push(`${rule.id} of ${rule.file} has no test`)
  return [...wrong, ...new Set(unknown)]
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

function fileLinks(names: readonly TestName[]): string {
  const files = [...new Set(names.map((it) => it.file))].toSorted()
  return files.map((file) => `[${file.split('/').pop()}](../${file})`).join(', ')
}

/** Rules in the order of their files, as declared within each. */
const byFile = (rules: readonly Rule[]): readonly Rule[] =>
  rules.toSorted((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0))

/** docs/requirements.md */
export function renderRequirements(found: Coverage): string {
  const { tests } = index(found)
  const { requirements, rules } = found
  const count = (status: Status) => requirements.filter((it) => it.status === status).length
  const rows = requirements.map(
    (it) =>
      `| ${it.id} | ${cell(it.title)} | ${it.status} | ${cell(it.note ?? '')} | ${fileLinks(tests.get(it.id) ?? [])} |`,
  )
  const ruleRows = byFile(rules).map(
    (it) =>
      `| ${it.id} | ${cell(it.text)} | [${it.file}](../${it.file}) | ${fileLinks(testsOfRule(tests, it))} |`,
  )
  return [
    '# Requirements and the tests that prove them',
    '',
    'Generated by `npm run docs` from `requirements.json`, the `SPEC.md` files, file headers and test names; do not edit. `npm run requirements` prints the tests themselves.',
    '',
    `${count('built')} built, ${count('partly')} partly, ${count('planned')} planned.`,
    '',
    '| id | what | status | note | tests |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    '## Rules of the layers',
    '',
    '| id | rule | declared in | tests |',
    '|---|---|---|---|',
    ...ruleRows,
    '',
  ].join('\n')
}

/** The table that `npm run requirements` prints: every id, then its tests. */
export function renderTable(found: Coverage): string {
  const { tests } = index(found)
  const entry = (id: string, what: string, names: readonly TestName[]): string[] => [
    `${id.padEnd(8)} ${what}`,
    ...names.map((it) => `${' '.repeat(11)}${it.file}: ${it.title}`),
  ]
  return [
    ...found.requirements.flatMap((it) =>
      entry(it.id, `${it.status.padEnd(8)} ${it.title}`, tests.get(it.id) ?? []),
    ),
    ...byFile(found.rules).flatMap((it) =>
      entry(it.id, `${it.file}: ${it.text}`, testsOfRule(tests, it)),
    ),
  ].join('\n')
}
