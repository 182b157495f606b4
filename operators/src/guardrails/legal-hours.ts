/**
 * Hours that law or its usual reading allows for marketing text messages (TIM-3). Engineering defaults
 * from public texts, to be checked by a shop's counsel. They join the shop's own hours as further
 * windows, and all windows must allow an instant, so a definition can tighten them and never loosen.
 */
import type { QuietHoursSpec } from '../definitions/limits.ts'

export type HourRule = QuietHoursSpec['tighter'][number]

const ALL_WEEK: HourRule['days'] = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

const usSms = (
  region: string | null,
  from: string,
  to: string,
  days: HourRule['days'] = ALL_WEEK,
): HourRule => ({
  country: 'US',
  ...(region === null ? {} : { region }),
  channels: ['sms'],
  days,
  from,
  to,
})

export const LEGAL_HOURS: readonly HourRule[] = [
  usSms(null, '09:00', '20:00'),
  usSms('FL', '09:00', '20:00'),
  usSms('OK', '09:00', '20:00'),
  usSms('MD', '09:00', '20:00'),
  usSms('NJ', '09:00', '20:00'),
  usSms('CT', '09:00', '20:00'),
  usSms('TX', '12:00', '21:00', ['sun']),
]

const US_REGIONS = new Set(
  'AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY AS GU MP PR VI'.split(
    ' ',
  ),
)

/**
 * The region as the rules write it; null where it is unknown or no such code. "Fla." must count as
 * unknown, which is strict, and not as a state without a rule, which would be lax.
 */
export function regionCode(
  region: string | null,
  countries: readonly string[] | null,
): string | null {
  const code = region?.trim().toUpperCase().replace(/^US-/, '') ?? ''
  const mayBeUs = countries?.includes('US') ?? true
  if (mayBeUs) return US_REGIONS.has(code) ? code : null
  return /^[A-Z0-9]{1,3}$/.test(code) ? code : null
}
