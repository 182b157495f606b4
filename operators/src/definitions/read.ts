/**
 * Reads definition files into a set, or says everything that is wrong with them.
 *
 * All or nothing: one problem anywhere and there is no set, so that what runs never mixes a new
 * campaign with an old cap. Every problem is reported, not only the first.
 */
import type { CampaignSpec } from './campaign.ts'
import { checkDocument, type Definition, problemAt } from './check.ts'
import type { ChannelSpec, TemplateSpec, TopicSpec } from './content.ts'
import { type Problem, parseDocuments, type SourceFile } from './documents.ts'
import { KINDS, type Kind } from './kinds.ts'
import type { CapsSpec, LifecycleSpec, QuietHoursSpec, ShopSpec } from './limits.ts'
import { checkReferences } from './references.ts'
import { type DefinitionSet, definitionSet, standardLimits } from './set.ts'
import type { TriggerSpec } from './trigger.ts'

export type ReadResult =
  | { readonly ok: true; readonly set: DefinitionSet }
  | { readonly ok: false; readonly problems: readonly Problem[] }

export function readDefinitions(files: readonly SourceFile[]): ReadResult {
  const problems: Problem[] = []
  const index = new Map<Kind, Map<string, Definition>>(KINDS.map((kind) => [kind, new Map()]))
  for (const file of files) {
    const parsed = parseDocuments(file)
    problems.push(...parsed.problems)
    for (const document of parsed.documents) {
      const checked = checkDocument(document)
      if ('problems' in checked) problems.push(...checked.problems)
      else problems.push(...addTo(index, checked.definition))
    }
  }
  // A document that failed is not in the index; checking references then would blame the innocent.
  if (problems.length === 0) problems.push(...checkReferences(index))
  if (problems.length > 0) return { ok: false, problems: sorted(problems) }
  return { ok: true, set: assemble(index) }
}

function addTo(index: Map<Kind, Map<string, Definition>>, definition: Definition): Problem[] {
  const known = index.get(definition.kind)
  const first = known?.get(definition.id)
  if (first === undefined) {
    known?.set(definition.id, definition)
    return []
  }
  const where = `${first.source.file}:${first.source.lineOf(['id'])}`
  return [
    problemAt(definition.source, ['id'], `"${definition.id}" is defined already, at ${where}`),
  ]
}

const sorted = (problems: readonly Problem[]): Problem[] =>
  [...problems].sort(
    (a, b) =>
      (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) ||
      a.line - b.line ||
      (a.path < b.path ? -1 : a.path > b.path ? 1 : 0),
  )

function assemble(index: ReadonlyMap<Kind, ReadonlyMap<string, Definition>>): DefinitionSet {
  const all = <T>(kind: Kind): Record<string, T> =>
    Object.fromEntries([...(index.get(kind) ?? [])].map(([id, d]) => [id, d.spec as T]))
  const single = <T>(kind: Kind, standard: T): T =>
    (index.get(kind)?.get('default')?.spec as T | undefined) ?? standard
  const standard = standardLimits()
  return definitionSet({
    triggers: all<TriggerSpec>('trigger'),
    campaigns: all<CampaignSpec>('campaign'),
    templates: all<TemplateSpec>('template'),
    topics: all<TopicSpec>('topic'),
    channels: all<ChannelSpec>('channel'),
    caps: single<CapsSpec>('caps', standard.caps),
    quietHours: single<QuietHoursSpec>('quiet-hours', standard.quietHours),
    lifecycle: single<LifecycleSpec>('lifecycle', standard.lifecycle),
    shop: single<ShopSpec>('shop', standard.shop),
  })
}
