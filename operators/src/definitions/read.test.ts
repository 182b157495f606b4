import { readdirSync, readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Problem, SourceFile } from './documents.ts'
import { readDefinitions } from './read.ts'
import { definitionReference } from './reference.ts'
import { canonicalJson, type DefinitionSet, definitionSet, NO_DEFINITIONS } from './set.ts'

const SHOP = new URL('../../../examples/shop/', import.meta.url)

const shopFiles = (): SourceFile[] =>
  readdirSync(SHOP)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => ({ path: name, text: readFileSync(new URL(name, SHOP), 'utf8') }))

function read(...files: SourceFile[]): DefinitionSet {
  const result = readDefinitions(files)
  if (!result.ok) throw new Error(JSON.stringify(result.problems, null, 1))
  return result.set
}

function problemsOf(text: string): readonly Problem[] {
  const result = readDefinitions([{ path: 'a.yaml', text }])
  return result.ok ? [] : result.problems
}

describe('reading definitions', () => {
  test('[DEF-1] the example shop is valid and complete', () => {
    const set = read(...shopFiles())
    expect(Object.keys(set.triggers).sort()).toEqual([
      'browsed',
      'cart-idle',
      'milestone',
      'season-away',
      'slipping',
      'week-away',
    ])
    expect(Object.keys(set.campaigns)).toHaveLength(4)
    expect(set.channels['email']?.priors.abandoned_cart).toBe(0.15)
  })

  test('[CFG-1] thresholds not written down have their standard values', () => {
    const set = read({ path: 'a.yaml', text: 'kind: trigger\nid: c\nspec: { on: abandoned_cart }' })
    expect(set.triggers['c']).toEqual({ on: 'abandoned_cart', idle: '2h', max_age: '46h' })
    expect(set.caps).toMatchObject({ overall: 4, window: '7d', minimum_gap: '4h' })
    expect(set.caps.per_channel.email).toBe(3)
    expect(set.caps.fatigue).toEqual({ window: '7d', messages: 5, unopened: 3, settle: '24h' })
    expect(set.quietHours.allowed).toEqual({ from: '09:00', to: '21:00' })
    expect(set.lifecycle).toMatchObject({ at_risk_after: '30d', churned_after: '90d' })
  })

  test('[DEF-2] an unknown field is refused with its line, path and what was meant', () => {
    const text = 'kind: trigger\nid: c\nspec:\n  on: abandoned_cart\n  idel: 3h\n'
    expect(problemsOf(text)).toEqual([
      {
        file: 'a.yaml',
        line: 5,
        path: 'spec.idel',
        reason: 'unknown field "idel": did you mean "idle"?',
      },
    ])
  })

  test('[DEF-2] an unknown value of a closed list is refused with what was meant', () => {
    const text =
      'kind: trigger\nid: c\nspec:\n  on: stage_change\n  to:\n    - active\n    - at_rsk\n'
    expect(problemsOf(text)).toEqual([
      {
        file: 'a.yaml',
        line: 7,
        path: 'spec.to.1',
        reason: 'unknown value "at_rsk": did you mean "at_risk"?',
      },
    ])
  })

  test('[DEF-3] all problems are reported, across documents and files', () => {
    const result = readDefinitions([
      { path: 'b.yaml', text: 'kind: trigger\nid: Bad Id\nspec: { on: dormancy, after: soon }\n' },
      { path: 'a.yaml', text: 'kind: trigre\nid: x\n---\nkind: caps\nid: other\nspec: {}\n' },
    ])
    expect(result.ok ? [] : result.problems.map((p) => `${p.file}:${p.line} ${p.path}`)).toEqual([
      'a.yaml:1 kind',
      'a.yaml:5 id',
      'b.yaml:2 id',
      'b.yaml:3 spec.after',
    ])
  })

  test('[DEF-4] a name that leads nowhere is refused', () => {
    const text = shopFiles()
      .map((file) => file.text.replace('triggers: [cart-idle]', 'triggers: [cart-idel]'))
      .join('\n---\n')
    expect(problemsOf(text)).toMatchObject([
      { path: 'spec.triggers.0', reason: 'no trigger "cart-idel": did you mean "cart-idle"?' },
    ])
  })

  test('[DEF-4] a template of another channel is refused', () => {
    const text = shopFiles()
      .map((file) => file.text.replace('template: cart-reminder-sms', 'template: thanks-email'))
      .join('\n---\n')
    expect(problemsOf(text)[0]?.reason).toBe(
      'template "thanks-email" is written for email, not sms',
    )
  })

  test('[DEF-5] a placeholder without a fallback, or unknown, is refused', () => {
    const body = (text: string) =>
      `kind: template\nid: t\nspec:\n  channel: sms\n  body: "${text}"\n`
    expect(problemsOf(body('Hi {{first_name}}'))[0]?.reason).toContain('no entry under fallbacks')
    expect(problemsOf(body('Hi {{frist_name}}'))[0]?.reason).toContain('did you mean "first_name"')
    expect(problemsOf(body('Hi {{ first-name }}'))[0]?.reason).toContain('a placeholder is')
    expect(problemsOf(body('Hi {% if x %}'))[0]?.reason).toContain('a placeholder is')
    expect(problemsOf(body('Hi'))).toEqual([])
  })

  test('[DEF-6] the same id twice is refused and names the first', () => {
    const one = 'kind: trigger\nid: c\nspec: { on: dormancy }\n'
    expect(problemsOf(`${one}---\n${one}`)).toMatchObject([
      { line: 6, path: 'id', reason: '"c" is defined already, at a.yaml:2' },
    ])
  })

  test('[DEF-7] text that is not YAML, doubles a key, or expands without end is refused', () => {
    expect(problemsOf('kind: [trigger')[0]?.reason).toContain('not valid YAML')
    expect(problemsOf('kind: trigger\nkind: trigger\n')[0]?.reason).toContain('not valid YAML')
    const ten = (alias: string): string => `[${Array.from({ length: 10 }, () => alias).join()}]`
    const bomb = `a: &a ${ten('x')}\nb: &b ${ten('*a')}\nc: &c ${ten('*b')}\nd: ${ten('*c')}\n`
    expect(problemsOf(bomb)[0]?.reason).toBe('its aliases expand to too much')
  })

  test('[DEF-7] no text makes reading throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const shaped = `kind: trigger\nid: x\nspec:\n  on: ${text}\n`
        for (const t of [text, shaped]) readDefinitions([{ path: 'f', text: t }])
      }),
      { numRuns: 60 },
    )
  })

  test('[DEF-8] boundaries that contradict each other are refused', () => {
    const churn = 'kind: lifecycle\nspec: { at_risk_after: 90d, churned_after: 90d }\n'
    expect(problemsOf(churn)).toMatchObject([{ path: 'spec.churned_after' }])
    const caps = 'kind: caps\nspec: { fatigue: { window: 91d } }\n'
    expect(problemsOf(caps)).toMatchObject([{ path: 'spec.fatigue.window' }])
    const quiet = 'kind: quiet-hours\nspec: { allowed: { from: "21:00", to: "09:00" } }\n'
    expect(problemsOf(quiet)).toMatchObject([{ path: 'spec.allowed' }])
  })
})

describe('definition sets', () => {
  test('[DEF-9] the version is the content: order of files, documents and keys does not matter', () => {
    const files = shopFiles()
    const turned = [...files].reverse().map((file) => ({
      path: `x-${file.path}`,
      text: file.text.split('---\n').reverse().join('\n---\n'),
    }))
    expect(read(...turned)).toEqual(read(...files))
    expect(read(...files).version).toMatch(/^[0-9a-f]{16}$/)
  })

  test('[DEF-9] any changed threshold changes the version', () => {
    const { format, version, ...bodies } = NO_DEFINITIONS
    const caps = { ...bodies.caps, overall: bodies.caps.overall + 1 }
    expect(format).toBe(1)
    expect(definitionSet({ ...bodies, caps }).version).not.toBe(version)
    expect(definitionSet(bodies).version).toBe(version)
  })

  test('canonical JSON is JSON and ignores key order', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value)
        expect(canonicalJson(JSON.parse(text))).toBe(text)
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
      { numRuns: 60 },
    )
  })

  test('[DEF-10] the reference names every kind, field and default', () => {
    const page = definitionReference()
    for (const part of [
      '## quiet-hours',
      '`on: abandoned_cart`',
      '| `idle` | duration | `"2h"` |',
      '`fatigue.unopened`',
      '`actions[].incentive_cost`',
    ])
      expect(page).toContain(part)
  })
})
