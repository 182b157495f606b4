/**
 * docs/operators.md: where any operator, its rules and its tests are. Everything follows from the
 * topology, the file headers and the test names, so the page cannot fall behind them.
 *
 * An operator's file is named after its id (`dedupe` is `dedupe.ts`, `cut-points` is
 * `cut-points-operator.ts`). Its rules are those that the header of the file declares, or of a file of
 * the same folder that it is made of and no operator before it; its tests are the ones that carry such
 * a rule.
 *
 * Pure: files come in as texts.
 */
import { posix } from 'node:path'
import type { Coverage, Rule, SourceText } from './rules.ts'

/** An operator of the topology, in the order of the stream. */
export interface PlacedOperator {
  readonly id: string
  readonly stage: string
}

export interface OperatorRow {
  readonly id: string
  readonly stage: string
  readonly file: string
  readonly rules: readonly Rule[]
  readonly tests: readonly string[]
}

const LAYER = 'operators/'
const isTest = (file: string): boolean => file.endsWith('.test.ts')

/** @throws Error where no file, or more than one, is named after the operator */
function fileOf(id: string, sources: readonly SourceText[]): string {
  const found = sources
    .map((it) => it.file)
    .filter((it) => it.endsWith(`/${id}.ts`) || it.endsWith(`/${id}-operator.ts`))
  const [file] = found
  if (file === undefined || found.length > 1)
    throw new Error(`${id} has ${found.length} files in ${LAYER}`)
  return file
}

/** Imports of values from a file beside it; of types alone nothing is made. */
const VALUES_OF = /^import (?!type )[^;']*?from '\.\/([\w.-]+\.ts)'/gm

/** The files that `from` is made of: what it imports of its own folder, and so on, save `taken`. */
function partsOf(
  from: string,
  sources: ReadonlyMap<string, string>,
  taken: ReadonlySet<string>,
): readonly string[] {
  const parts = new Set<string>()
  const waiting = [from]
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (parts.has(file) || (file !== from && taken.has(file))) continue
    parts.add(file)
    for (const [, name] of (sources.get(file) ?? '').matchAll(VALUES_OF))
      waiting.push(posix.join(posix.dirname(file), name ?? ''))
  }
  return [...parts]
}

/** One row an operator. `rules` are all declared ones, those of headers included. */
export function operatorRows(
  placed: readonly PlacedOperator[],
  sources: readonly SourceText[],
  { declared, names }: { readonly declared: readonly Rule[]; readonly names: Coverage['names'] },
): readonly OperatorRow[] {
  const own = sources.filter((it) => it.file.startsWith(LAYER) && !isTest(it.file))
  const texts = new Map(own.map((it) => [it.file, it.text]))
  const files = new Map(placed.map(({ id }) => [id, fileOf(id, own)]))
  const taken = new Set(files.values())
  return placed.map(({ id, stage }) => {
    const file = files.get(id) ?? ''
    const parts = partsOf(file, texts, taken)
    for (const part of parts) taken.add(part)
    const rules = declared.filter((it) => it.kind === 'header' && parts.includes(it.file))
    const ids = new Set(rules.map((it) => it.id))
    const tests = names
      .filter((it) => it.file.startsWith(LAYER) && it.ids.some((one) => ids.has(one)))
      .map((it) => it.file)
    return { id, stage, file, rules, tests: [...new Set(tests)].toSorted() }
  })
}

/** Files of a folder that are one rule of many, by what `mark` finds in them. */
export interface Kind {
  readonly id: string
  readonly file: string
  /** The requirements that it says it serves. */
  readonly serves: readonly string[]
}

/** The guardrails: files that name themselves with `verdictsOf('id', 'RULE')`. */
export const guardrails = (sources: readonly SourceText[]): readonly Kind[] =>
  sources.flatMap(({ file, text }) => {
    if (!file.startsWith('operators/src/guardrails/') || isTest(file)) return []
    const [, id, rule] = /^const verdicts = verdictsOf\('([^']+)', '([^']+)'\)/m.exec(text) ?? []
    return id === undefined || rule === undefined ? [] : [{ id, file, serves: [rule] }]
  })

/** The kinds of trigger, each in the file of its name. */
export const triggerKinds = (
  kinds: readonly string[],
  sources: readonly SourceText[],
): readonly Kind[] =>
  kinds.map((id) => {
    const file = `operators/src/triggers/${id.replaceAll('_', '-')}.ts`
    if (!sources.some((it) => it.file === file)) throw new Error(`${file} does not exist`)
    return { id, file, serves: ['TRG-1', 'TRG-2', ...(id === 'stage_change' ? ['LIF-2'] : [])] }
  })

/** Tests of the same folder that carry one of the requirements it serves. */
const testsOfKind = (kind: Kind, names: Coverage['names']): readonly string[] => {
  const folder = posix.dirname(kind.file)
  const found = names.filter(
    (it) => posix.dirname(it.file) === folder && it.ids.some((id) => kind.serves.includes(id)),
  )
  return [...new Set(found.map((it) => it.file))].toSorted()
}

/** The sections of a SPEC.md with the ids of their rules, and the folders that they name. */
function sections(
  spec: SourceText,
): readonly { title: string; ids: readonly string[]; folders: readonly string[] }[] {
  return spec.text
    .split(/^#{2,3} /m)
    .slice(1)
    .map((part) => ({
      folders: [...part.matchAll(/`([\w/-]+\/)`/g)].map((it) => it[1] ?? ''),
      title: (part.split('\n')[0] ?? '').replace(/ \(.*$/, ''),
      ids: [...part.matchAll(/^- \*\*([A-Z0-9-]+)\*\*/gm)].map((it) => it[1] ?? ''),
    }))
    .filter((it) => it.ids.length > 0)
}

const link = (file: string): string => `[${posix.basename(file)}](../${file})`
/** A folder as a SPEC.md names it: from the root, or within its layer's `src`. */
const folderOf = (folder: string, layer: string): string =>
  (folder.startsWith(layer) ? folder : `${layer}src/${folder}`).replace(/\/$/, '')
const links = (files: readonly string[]): string => files.map(link).join(', ')

/** `P2, P1, P3, P5` as `P1 to P3, P5`. */
export function idRanges(ids: readonly string[]): string {
  const parsed = ids.map((id) => {
    const [, prefix = id, digits = ''] = /^(\D+)(\d+)$/.exec(id) ?? []
    return { prefix, number: Number(digits) }
  })
  const runs: { prefix: string; from: number; to: number }[] = []
  for (const { prefix, number } of parsed.toSorted(byPrefix)) {
    const last = runs.at(-1)
    if (last?.prefix === prefix && last.to + 1 === number) last.to++
    else runs.push({ prefix, from: number, to: number })
  }
  return runs
    .map((it) => `${it.prefix}${it.from}${it.to > it.from ? ` to ${it.prefix}${it.to}` : ''}`)
    .join(', ')
}

interface ParsedId {
  readonly prefix: string
  readonly number: number
}

const byPrefix = (a: ParsedId, b: ParsedId): number =>
  a.prefix < b.prefix ? -1 : a.prefix > b.prefix ? 1 : a.number - b.number

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

export interface OperatorPage {
  readonly rows: readonly OperatorRow[]
  readonly triggers: readonly Kind[]
  readonly guardrails: readonly Kind[]
  readonly specs: readonly SourceText[]
  readonly declared: readonly Rule[]
  readonly names: Coverage['names']
}

/** docs/operators.md */
export function renderOperators(page: OperatorPage): string {
  const { names } = page
  const kindRows = (kinds: readonly Kind[]): string[] =>
    kinds.map((it) =>
      row([`\`${it.id}\``, link(it.file), it.serves.join(', '), links(testsOfKind(it, names))]),
    )
  const specRows = (spec: SourceText): string[] => {
    const layer = `${posix.dirname(spec.file)}/`
    const inLayer = (file: string): boolean => file.startsWith(layer)
    return sections(spec).map(({ title, ids, folders }) => {
      const headers = page.declared.filter(
        (it) => it.kind === 'header' && inLayer(it.file) && ids.includes(it.id),
      )
      const tests = names.filter((it) => inLayer(it.file) && it.ids.some((id) => ids.includes(id)))
      return row([
        title,
        idRanges(ids),
        headers.length > 0
          ? links([...new Set(headers.map((it) => it.file))])
          : folders.map((it) => link(folderOf(it, layer))).join(', '),
        links([...new Set(tests.map((it) => it.file))].toSorted()),
      ])
    })
  }
  return [
    '# Where everything is',
    '',
    'Generated by `npm run docs` from the topology, file headers, `SPEC.md` files and test names; do not edit.',
    'What a rule says stands in [operators/SPEC.md](../operators/SPEC.md) and',
    '[engine/SPEC.md](../engine/SPEC.md), and every rule with its tests in [requirements](requirements.md).',
    '',
    '## Operators of the customer pipeline, in the order of the stream',
    '',
    row(['operator', 'stage', 'file', 'rules', 'tests']),
    '|---|---|---|---|---|',
    ...page.rows.map((it) =>
      row([
        `\`${it.id}\``,
        it.stage,
        link(it.file),
        idRanges(it.rules.map((rule) => rule.id)),
        links(it.tests),
      ]),
    ),
    '',
    '## Kinds of trigger',
    '',
    row(['trigger', 'file', 'serves', 'tests']),
    '|---|---|---|---|',
    ...kindRows(page.triggers),
    '',
    '## Guardrails',
    '',
    row(['guardrail', 'file', 'serves', 'tests']),
    '|---|---|---|---|',
    ...kindRows(page.guardrails),
    '',
    ...page.specs.flatMap((spec) => [
      `## Rules of ${posix.dirname(spec.file)}/`,
      '',
      row(['what', 'rules', 'kept by', 'tests']),
      '|---|---|---|---|',
      ...specRows(spec),
      '',
    ]),
  ].join('\n')
}
