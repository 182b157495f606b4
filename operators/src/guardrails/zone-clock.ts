/**
 * Local time of IANA zones, fast: Temporal is asked once for each zone and year for its changes of
 * offset, and everything after that is a look into a short list.
 *
 * Z1 Only named zones. "+02:00" is an offset and knows no summer time, so it counts as unknown.
 * Z2 The cache is a pure function of its keys and bounded; to lose it costs time, never an answer.
 * Z3 Offsets come from the time zone data of the Node build: exact within one build.
 */
import { LRUCache } from 'lru-cache'
import { Temporal } from 'temporal-polyfill'
import type { Millis } from '#engine'

export interface ZoneClock {
  /** Whether the name is a zone that this build knows. */
  knows(zone: string): boolean
  /** Local time minus UTC at an instant, in ms. The zone must be known. */
  offsetAt(zone: string, at: Millis): Millis
  /** The instants in (from, to] at which the zone's offset changes, ascending. */
  changes(zone: string, from: Millis, to: Millis): readonly Millis[]
}

/** Offsets in force from an instant on, ascending; the first starts the year. */
type Segments = readonly { readonly from: Millis; readonly offset: Millis }[]

/** Zones times years; far more than live traffic touches. */
const MAX_CACHED = 4_096
const ZONE_NAME = /^[A-Za-z][A-Za-z0-9_+/-]{1,63}$/

export function createZoneClock(): ZoneClock {
  const segments = new LRUCache<string, Segments>({ max: MAX_CACHED })
  const known = new LRUCache<string, boolean>({ max: MAX_CACHED })

  const knows = (zone: string): boolean => {
    let answer = known.get(zone)
    if (answer === undefined) {
      answer = ZONE_NAME.test(zone) && isZone(zone)
      known.set(zone, answer)
    }
    return answer
  }

  const ofYear = (zone: string, year: number): Segments => {
    const key = `${zone} ${year}`
    let found = segments.get(key)
    if (found === undefined) {
      found = segmentsOf(zone, year)
      segments.set(key, found)
    }
    return found
  }

  return {
    knows,
    offsetAt(zone, at) {
      const list = ofYear(zone, new Date(at).getUTCFullYear())
      let i = list.length - 1
      while (i > 0 && (list[i]?.from ?? 0) > at) i--
      return list[i]?.offset ?? Number.NaN
    },
    changes(zone, from, to) {
      const found: Millis[] = []
      const last = new Date(to).getUTCFullYear()
      for (let year = new Date(from).getUTCFullYear(); year <= last; year++)
        for (const { from: at } of ofYear(zone, year).slice(1))
          if (at > from && at <= to) found.push(at)
      return found
    },
  }
}

function isZone(zone: string): boolean {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone)
    return true
  } catch {
    return false
  }
}

function segmentsOf(zone: string, year: number): Segments {
  const start = Date.UTC(year, 0, 1)
  const end = Date.UTC(year + 1, 0, 1)
  let at = Temporal.Instant.fromEpochMilliseconds(start).toZonedDateTimeISO(zone)
  const list = [{ from: start, offset: at.offsetNanoseconds / 1e6 }]
  for (;;) {
    const next = at.getTimeZoneTransition('next')
    if (next === null || next.epochMilliseconds >= end) return list
    list.push({ from: next.epochMilliseconds, offset: next.offsetNanoseconds / 1e6 })
    at = next
  }
}
