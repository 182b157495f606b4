/** Numbers, times and names for people. */

const whole = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 })
const tenth = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 1 })
const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
})
const date = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })

export const count = (value) => whole.format(value)

/** Records per second: a small rate keeps a digit, so that a trickle is not shown as none. */
export const rate = (value) =>
  `${value > 0 && value < 10 ? tenth.format(value) : whole.format(value)}/s`

/** The clock for today, the date too for other days. */
export function time(millis, now = Date.now()) {
  const at = new Date(millis)
  const today = new Date(now).toDateString() === at.toDateString()
  return today ? clock.format(at) : `${date.format(at)}, ${clock.format(at)}`
}

export const iso = (millis) => new Date(millis).toISOString()

/** `abandoned_cart` and `cart-recovery` as words. */
export function words(name) {
  const text = name.replaceAll(/[_-]/g, ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

const isTime = (name, value) =>
  Number.isInteger(value) &&
  value > 9e11 &&
  value < 5e12 &&
  /(_at|_date|timestamp|until|_time|^at|^as_of)$/.test(name)

/** A value of a record, in one line. */
export function value(name, it) {
  if (it === null || it === undefined) return '–'
  if (isTime(name, it)) return time(it)
  if (typeof it === 'number')
    return Number.isInteger(it) ? String(it) : String(Number(it.toPrecision(6)))
  if (typeof it === 'boolean') return it ? 'yes' : 'no'
  if (typeof it === 'string') return it === '' ? '–' : it
  if (Array.isArray(it)) return it.length === 0 ? '–' : it.map((part) => value('', part)).join(', ')
  const parts = Object.entries(it).map(
    ([key, part]) => `${key.replaceAll('_', ' ')} ${value(key, part)}`,
  )
  return parts.length === 0 ? '–' : parts.join(' · ')
}
