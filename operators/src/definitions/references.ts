/** What a schema cannot say: that names lead somewhere and that values agree with each other. */
import type { Channel } from '../contract.ts'
import { REMEMBERED_FOR } from '../decide/touch-history.ts'
import type { CampaignSpec } from './campaign.ts'
import { type Definition, problemAt } from './check.ts'
import type { TemplateSpec } from './content.ts'
import type { Problem } from './documents.ts'
import type { Kind } from './kinds.ts'
import type { CapsSpec, LifecycleSpec, QuietHoursSpec } from './limits.ts'
import { millis, minuteOfDay } from './parts.ts'
import { placeholders, VARIABLES } from './placeholders.ts'
import { didYouMean } from './suggest.ts'

/** The definitions of a set, by kind and id. */
export type Index = ReadonlyMap<Kind, ReadonlyMap<string, Definition>>

const CHECKS: Partial<Record<Kind, (definition: Definition, index: Index) => Problem[]>> = {
  campaign: checkCampaign,
  caps: checkCaps,
  template: checkTemplate,
  lifecycle: checkLifecycle,
  'quiet-hours': checkQuietHours,
}

export function checkReferences(index: Index): Problem[] {
  const problems: Problem[] = []
  for (const [kind, definitions] of index) {
    const check = CHECKS[kind]
    if (check !== undefined)
      for (const definition of definitions.values()) problems.push(...check(definition, index))
  }
  return problems
}

function checkCampaign(campaign: Definition, index: Index): Problem[] {
  const spec = campaign.spec as CampaignSpec
  const problems: Problem[] = []
  const refer = (kind: Kind, id: string, path: readonly (string | number)[]): boolean => {
    const known = index.get(kind)
    if (known?.has(id) === true) return true
    const reason = `no ${kind} "${id}": ${didYouMean(id, [...(known?.keys() ?? [])])}`
    problems.push(problemAt(campaign.source, ['spec', ...path], reason))
    return false
  }
  spec.triggers.forEach((id, i) => {
    refer('trigger', id, ['triggers', i])
  })
  refer('topic', spec.topic, ['topic'])
  const seen = new Set<string>()
  spec.actions.forEach((action, i) => {
    refer('channel', action.channel, ['actions', i, 'channel'])
    if (refer('template', action.template, ['actions', i, 'template'])) {
      const written = channelOf(index, action.template)
      if (written !== action.channel)
        problems.push(
          problemAt(
            campaign.source,
            ['spec', 'actions', i, 'template'],
            `template "${action.template}" is written for ${written}, not ${action.channel}`,
          ),
        )
    }
    const name = `${action.channel} ${action.template}`
    if (seen.has(name))
      problems.push(
        problemAt(campaign.source, ['spec', 'actions', i], 'the same channel and template again'),
      )
    seen.add(name)
  })
  return problems
}

const channelOf = (index: Index, template: string): Channel | undefined =>
  (index.get('template')?.get(template)?.spec as TemplateSpec | undefined)?.channel

function checkTemplate(template: Definition): Problem[] {
  const spec = template.spec as TemplateSpec
  const problem = (path: string, reason: string): Problem =>
    problemAt(template.source, ['spec', path], reason)
  const problems: Problem[] = []
  const wantsSubject = spec.channel === 'email' || spec.channel === 'push'
  if (wantsSubject && spec.subject === undefined)
    problems.push(problem('subject', `is required for ${spec.channel}`))
  if (!wantsSubject && spec.subject !== undefined)
    problems.push(problem('subject', `${spec.channel} has none`))
  for (const field of ['subject', 'body'] as const) {
    const found = placeholders(spec[field] ?? '')
    if (!found.ok) {
      problems.push(problem(field, found.reason))
      continue
    }
    for (const name of found.names) {
      if (!VARIABLES.some((known) => known === name))
        problems.push(
          problem(field, `unknown placeholder "${name}": ${didYouMean(name, VARIABLES)}`),
        )
      else if (!Object.hasOwn(spec.fallbacks, name))
        problems.push(problem(field, `placeholder "${name}" has no entry under fallbacks`))
    }
  }
  return problems
}

function checkCaps(caps: Definition): Problem[] {
  const spec = caps.spec as CapsSpec
  const windows = [
    ['window', spec.window],
    ['digest.window', spec.digest.window],
    ['fatigue.window', spec.fatigue.window],
  ] as const
  return windows
    .filter(([, window]) => millis(window) > REMEMBERED_FOR)
    .map(([path]) =>
      problemAt(
        caps.source,
        ['spec', ...path.split('.')],
        'is longer than messages are remembered (90d), so the cap would be lax',
      ),
    )
}

function checkLifecycle(lifecycle: Definition): Problem[] {
  const spec = lifecycle.spec as LifecycleSpec
  return millis(spec.at_risk_after) < millis(spec.churned_after)
    ? []
    : [
        problemAt(
          lifecycle.source,
          ['spec', 'churned_after'],
          'must be longer than at_risk_after, or nobody would ever be at risk',
        ),
      ]
}

function checkQuietHours(quiet: Definition): Problem[] {
  const spec = quiet.spec as QuietHoursSpec
  const problems: Problem[] = []
  const ordered = (
    window: { readonly from: string; readonly to: string },
    path: readonly (string | number)[],
  ): void => {
    if (minuteOfDay(window.from) >= minuteOfDay(window.to))
      problems.push(
        problemAt(quiet.source, ['spec', ...path], 'from must be before to, within one day'),
      )
  }
  ordered(spec.allowed, ['allowed'])
  spec.tighter.forEach((rule, i) => {
    ordered(rule, ['tighter', i])
    if (rule.region !== undefined && rule.country === undefined)
      problems.push(
        problemAt(quiet.source, ['spec', 'tighter', i, 'region'], 'a region needs its country'),
      )
  })
  return problems
}
