/**
 * The feature contract: a model names its features, and this file says how each is computed from what a
 * shop knows about a customer. An artefact that names a feature missing here is refused.
 *
 * How a retail profile maps to the features of the 2008 e-mail trial:
 *
 * | feature              | from the shop                                                           |
 * |----------------------|-------------------------------------------------------------------------|
 * | recency_months       | started months (30.4375 days) since the last order, at least 1          |
 * | log_history          | ln(spend in the last 12 months), spend at least 1                       |
 * | bought_mens/_womens  | 1 if bought from such a category in 12 months, 0 if not; unknown: below |
 * | newbie               | 1 if the first order is at most 12 months old                           |
 * | zip_urban/_rural     | 1 for that kind of post code; suburban and unknown are the default      |
 * | channel_phone/_multi | 1 for that buying channel; web and unknown are the default              |
 *
 * A shop without men's and women's categories may pass `false` or `null`. In the trial every customer
 * bought from at least one of the two, so 0/0 is a corner without data; `null` puts the customer at the
 * training mean instead, which lies between the observed combinations, and is the better answer.
 *
 * Spend is in the shop's own currency; the trial's was US dollars of 2007. A shop whose typical spend
 * differs by an order of magnitude should scale it.
 */

const MONTH_MS = 30.4375 * 86_400_000
const YEAR_MS = 12 * MONTH_MS

/** What a shop knows about a customer, as far as the uplift models use it. Times in ms since 1970. */
export interface RetailProfile {
  readonly firstOrderAt: number | null
  readonly lastOrderAt: number | null
  /** Net spend of the last 12 months, in the shop's currency. */
  readonly spend12Months: number
  /** null: the shop has no such category. */
  readonly boughtMens: boolean | null
  readonly boughtWomens: boolean | null
  readonly area: 'urban' | 'suburban' | 'rural' | null
  readonly channel: 'phone' | 'web' | 'multichannel' | null
}

/** A feature of one customer at one time; null: unknown, to be replaced by the training mean. */
type FeatureOf = (profile: RetailProfile, now: number) => number | null

const flag = (value: boolean | null): number | null => (value === null ? null : value ? 1 : 0)

const FEATURES: ReadonlyMap<string, FeatureOf> = new Map<string, FeatureOf>([
  [
    'recency_months',
    (p, now) =>
      p.lastOrderAt === null ? null : Math.max(1, Math.ceil((now - p.lastOrderAt) / MONTH_MS)),
  ],
  ['log_history', (p) => Math.log(Math.max(1, p.spend12Months))],
  ['bought_mens', (p) => flag(p.boughtMens)],
  ['bought_womens', (p) => flag(p.boughtWomens)],
  [
    'newbie',
    (p, now) => (p.firstOrderAt === null ? null : now - p.firstOrderAt <= YEAR_MS ? 1 : 0),
  ],
  ['zip_urban', (p) => (p.area === 'urban' ? 1 : 0)],
  ['zip_rural', (p) => (p.area === 'rural' ? 1 : 0)],
  ['channel_phone', (p) => (p.channel === 'phone' ? 1 : 0)],
  ['channel_multi', (p) => (p.channel === 'multichannel' ? 1 : 0)],
])

/** The features of the trial's artefacts, in the order in which they are trained. */
export const UPLIFT_FEATURES: readonly string[] = [...FEATURES.keys()]

/** Whether this release can compute the feature. */
export function isKnownFeature(name: string): boolean {
  return FEATURES.has(name)
}

/**
 * Whether a customer belongs to the population of the trial: at least one order, the last one within
 * 12 months before `now`. Outside it a score is extrapolation and should not be acted upon.
 */
export function isInTrialPopulation(profile: RetailProfile, now: number): boolean {
  if (profile.lastOrderAt === null || !Number.isFinite(profile.spend12Months)) return false
  const age = now - profile.lastOrderAt
  return age >= 0 && age <= YEAR_MS
}

/** Writes a customer's features, in the artefact's order; returns isInTrialPopulation. */
export type FeatureMap = (profile: RetailProfile, now: number, out: Float64Array) => boolean

/** What `compileFeatures` needs of an artefact. */
export interface FeatureContract {
  readonly features: readonly string[]
  readonly standardisation: { readonly mean: readonly number[] }
}

/** The feature map of an artefact. Its features were checked by readArtefact. */
export function compileFeatures(contract: FeatureContract): FeatureMap {
  const steps = contract.features.map((name, i) => ({
    of: FEATURES.get(name) ?? ((): null => null),
    otherwise: contract.standardisation.mean[i] ?? 0,
  }))
  return (profile, now, out) => {
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i] as (typeof steps)[number]
      out[i] = step.of(profile, now) ?? step.otherwise
    }
    return isInTrialPopulation(profile, now)
  }
}
