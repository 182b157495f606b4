/** The words and small schemas that several kinds of definition share. */

import Type from 'typebox'
import { days, hours, type Millis, minutes } from '#engine'
import type { Channel } from '#models/vocabulary'

export { CHANNELS, INTERVENTIONS, TRIGGER_KINDS } from '#models/vocabulary'

/** Channels that interrupt: capped, kept out of quiet hours, at most one message at an instant. */
export const PUSHED = ['email', 'sms', 'whatsapp', 'push'] as const satisfies readonly Channel[]

export const STAGES = ['new', 'active', 'at_risk', 'churned'] as const

/** `sun` is 0, as in the day number of an instant: (days since 1970 + 4) mod 7. */
export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

/** An object that refuses what it does not name. */
export const strict = <P extends Type.TProperties>(
  properties: P,
  options: Type.TSchemaOptions = {},
) => Type.Object(properties, { additionalProperties: false, ...options })

export const ID_PATTERN = '^[a-z][a-z0-9_-]{0,63}$'

export const Id = (description: string) => Type.String({ pattern: ID_PATTERN, description })

/** A length of time as people write it: 90m, 2h, 30d. At most five digits, so it stays finite. */
export const Duration = (description: string, standard?: string) =>
  Type.String({
    pattern: '^[0-9]{1,5}(m|h|d)$',
    description,
    ...(standard === undefined ? {} : { default: standard }),
  })

const UNITS: Readonly<Record<string, (n: number) => Millis>> = { m: minutes, h: hours, d: days }

/** Milliseconds of a valid Duration. */
export function millis(duration: string): Millis {
  const unit = UNITS[duration.slice(-1)]
  const count = Number(duration.slice(0, -1))
  return unit === undefined ? Number.NaN : unit(count)
}

/** A local time of day, 00:00 to 24:00. */
export const TimeOfDay = (description: string, standard?: string) =>
  Type.String({
    pattern: '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$',
    description,
    ...(standard === undefined ? {} : { default: standard }),
  })

/** Minutes since local midnight of a valid TimeOfDay. */
export const minuteOfDay = (time: string): number =>
  Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5))
