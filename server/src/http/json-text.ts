/**
 * Takes JSON text apart without changing it. A producer's event is passed on in its own characters:
 * parsing and printing it again would turn 1e999 into null, round 9007199254740993, and overflow the
 * stack on deep nesting, and so hide from validation what was really sent.
 *
 * J1 The text must have passed JSON.parse; these functions only find where values end. They do not
 *    recurse and look at each character once.
 */

const QUOTE = 0x22
const BACKSLASH = 0x5c

const isSpace = (c: number): boolean => c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09

function skipSpace(text: string, at: number): number {
  let i = at
  while (isSpace(text.charCodeAt(i))) i++
  return i
}

/** @param at the opening quote; the result is behind the closing one */
function endOfString(text: string, at: number): number {
  for (let i = at + 1; ; i++) {
    const c = text.charCodeAt(i)
    if (c === BACKSLASH) i++
    else if (c === QUOTE) return i + 1
  }
}

function endOfNested(text: string, at: number): number {
  let depth = 0
  for (let i = at; ; i++) {
    const c = text.charCodeAt(i)
    if (c === QUOTE) i = endOfString(text, i) - 1
    else if (c === 0x7b || c === 0x5b) depth++
    else if ((c === 0x7d || c === 0x5d) && --depth === 0) return i + 1
  }
}

function endOfValue(text: string, at: number): number {
  const c = text.charCodeAt(at)
  if (c === QUOTE) return endOfString(text, at)
  if (c === 0x7b || c === 0x5b) return endOfNested(text, at)
  let i = at
  for (; i < text.length; i++) {
    const d = text.charCodeAt(i)
    if (d === 0x2c || d === 0x7d || d === 0x5d || isSpace(d)) break
  }
  return i
}

export type JsonKind = 'object' | 'array' | 'other'

/** What the text is at its outermost level. */
export function kindOf(text: string): JsonKind {
  const c = text.charCodeAt(skipSpace(text, 0))
  return c === 0x7b ? 'object' : c === 0x5b ? 'array' : 'other'
}

/** The members of an object: key to the text of its value. Of equal keys the last stays, as in JSON.parse. */
export function members(text: string): Map<string, string> {
  const found = new Map<string, string>()
  let i = skipSpace(text, skipSpace(text, 0) + 1)
  while (text.charCodeAt(i) === QUOTE) {
    const keyEnd = endOfString(text, i)
    const key = JSON.parse(text.slice(i, keyEnd)) as string
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1)
    const end = endOfValue(text, start)
    found.set(key, text.slice(start, end))
    i = skipSpace(text, end)
    if (text.charCodeAt(i) === 0x2c) i = skipSpace(text, i + 1)
  }
  return found
}

/** The texts of the elements of an array. */
export function elements(text: string): string[] {
  const found: string[] = []
  let i = skipSpace(text, skipSpace(text, 0) + 1)
  while (text.charCodeAt(i) !== 0x5d) {
    const end = endOfValue(text, i)
    found.push(text.slice(i, end))
    i = skipSpace(text, end)
    if (text.charCodeAt(i) === 0x2c) i = skipSpace(text, i + 1)
  }
  return found
}

/** The text of an object with these members. */
export function objectText(entries: Iterable<readonly [string, string]>): string {
  const parts: string[] = []
  for (const [key, value] of entries) parts.push(`${JSON.stringify(key)}:${value}`)
  return `{${parts.join(',')}}`
}

/** The string that a value's text stands for; null where it is no string. */
export function stringOf(value: string | undefined): string | null {
  return value?.startsWith('"') === true ? (JSON.parse(value) as string) : null
}
