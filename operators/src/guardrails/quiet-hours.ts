/**
 * No pushed marketing inside quiet hours, where the customer is or may be (TIM-3).
 *
 * QH1 With the zone known, that zone counts. Unknown or not a zone: every zone of the country must
 *     be open. Country unknown too: nobody can tell, so it blocks (GRD-3).
 * QH2 A rule of a country or region applies where the customer is there, or may be: what is unknown
 *     counts as there (CPL-5: the strictest where unknown). A zone rules out the countries it is
 *     not of.
 * QH3 Outside the hours it defers to the next instant open everywhere the customer may be, however
 *     the clocks change until then; none within the horizon: it blocks.
 */
import type { Millis } from '#engine'
import type { Channel } from '../contract.ts'
import type { Plan } from '../definitions/plan.ts'
import { type Country, countriesOfZone, countryOf } from './countries.ts'
import { type Guardrail, verdictsOf } from './guardrail.ts'
import { type HourRule, LEGAL_HOURS, regionCode } from './legal-hours.ts'
import { isOpenInAll, nextOpen, type Week, weekOf } from './open-hours.ts'
import { createZoneClock, type ZoneClock } from './zone-clock.ts'

const verdicts = verdictsOf('quiet-hours', 'TIM-3')

interface Whereabouts {
  /** Codes of the countries the customer may be in; null: any. */
  readonly countries: readonly string[] | null
  readonly region: string | null
}

const mayApply = (rule: HourRule, channel: Channel, where: Whereabouts): boolean =>
  rule.channels.includes(channel) &&
  (rule.country === undefined || (where.countries?.includes(rule.country) ?? true)) &&
  (rule.region === undefined || where.region === null || where.region === rule.region)

function whereabouts(
  country: Country | undefined,
  zone: string | null,
  region: string | null,
): Whereabouts {
  const ofZone = zone === null ? [] : countriesOfZone(zone)
  const countries = country === undefined ? (ofZone.length > 0 ? ofZone : null) : [country.code]
  return { countries, region: regionCode(region, countries) }
}

/** The hours for a channel and whereabouts, made once for each plan. */
function createWeeks() {
  const weeks = new WeakMap<Plan, Map<string, Week>>()
  return (plan: Plan, channel: Channel, where: Whereabouts): Week => {
    const quiet = plan.set.quietHours
    const ofPlan = weeks.get(plan) ?? new Map<string, Week>()
    weeks.set(plan, ofPlan)
    const rules = [...LEGAL_HOURS, ...quiet.tighter].filter((r) => mayApply(r, channel, where))
    // The rules that apply are the key: customers who differ in nothing else share a week.
    const key = rules.map((rule) => `${rule.from}-${rule.to}${rule.days.join()}`).join(';')
    const week = ofPlan.get(key) ?? weekOf(quiet.allowed, rules)
    ofPlan.set(key, week)
    return week
  }
}

interface ClosedSpan {
  readonly from: Millis
  readonly until: Millis
}

/** Countries and zones; more than live traffic meets under one set of hours. */
const MAX_SPANS = 1_000

/**
 * The next open instant, remembered: between the instant it was looked for and itself nothing opens,
 * so all who ask in between get the same answer.
 */
function createNextOpen(clock: ZoneClock) {
  const spans = new WeakMap<Week, Map<string, ClosedSpan>>()
  return (where: { zones: readonly string[]; week: Week }, now: Millis, horizon: Millis) => {
    const ofWeek = spans.get(where.week) ?? new Map<string, ClosedSpan>()
    spans.set(where.week, ofWeek)
    const key = where.zones.join()
    const known = ofWeek.get(key)
    if (known !== undefined && known.from <= now && now < known.until) return known.until
    const until = nextOpen(clock, where, now, horizon)
    if (until === null) return null
    if (ofWeek.size >= MAX_SPANS) ofWeek.clear()
    ofWeek.set(key, { from: now, until })
    return until
  }
}

export function createQuietHours(clock: ZoneClock = createZoneClock()): Guardrail {
  const weekFor = createWeeks()
  const nextOpenAt = createNextOpen(clock)
  return {
    id: 'quiet-hours',
    family: 'compliance',
    rules: ['TIM-3', 'CPL-5'],
    evaluate({ channel, facts, plan, now }) {
      const quiet = plan.set.quietHours
      if (!quiet.channels.includes(channel)) return verdicts.pass({ exempt: channel })
      const country = facts.country === null ? undefined : countryOf(facts.country)
      const zone = facts.zone !== null && clock.knows(facts.zone) ? facts.zone : null
      const zones = zone === null ? (country?.zones ?? []) : [zone]
      if (zones.length === 0)
        return verdicts.block('guardrail_undecided', { why: 'neither zone nor country known' })
      const where = whereabouts(country, zone, facts.region)
      const week = weekFor(plan, channel, where)
      const evidence = { zone, country: country?.code ?? null, zones: zones.length }
      if (isOpenInAll(clock, zones, week, now)) return verdicts.pass(evidence)
      const until = nextOpenAt({ zones, week }, now, plan.quietHorizon)
      return until === null
        ? verdicts.block('no_open_hour', evidence)
        : verdicts.defer('quiet_hours', until, evidence)
    },
  }
}
