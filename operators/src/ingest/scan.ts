/**
 * One walk over a parsed record: bounds its size in values and depth, refuses numbers that JSON can
 * write and doubles cannot hold (1e400), and takes out keys that could reach an object's prototype if
 * some later code assigned them. JSON.parse itself makes them harmless own properties; they are
 * deleted here, once, so that nobody downstream has to think of it.
 */
import type { Rejection } from './reasons.ts'

export interface ScanLimits {
  readonly depth: number
  /** Keys of one object. */
  readonly keys: number
  /** Keys and list elements of the whole record. An order of 1,000 lines has some 5,000. */
  readonly values: number
}

const SCAN_LIMITS: ScanLimits = { depth: 16, keys: 2_000, values: 20_000 }

const isPrototypeKey = (key: string): boolean =>
  key === '__proto__' || key === 'constructor' || key === 'prototype'

interface Walk {
  readonly limits: ScanLimits
  values: number
}

/** @returns why the record is refused; null where it is not. Changes `root` (prototype keys). */
export const scan = (root: object, limits: ScanLimits = SCAN_LIMITS): Rejection | null =>
  visit(root, 1, { limits, values: 0 })

function visit(value: unknown, depth: number, walk: Walk): Rejection | null {
  if (typeof value === 'number') return Number.isFinite(value) ? null : 'number_not_finite'
  if (typeof value !== 'object' || value === null) return null
  if (depth > walk.limits.depth) return 'too_deep'
  return Array.isArray(value) ? visitList(value, depth, walk) : visitObject(value, depth, walk)
}

function visitList(items: readonly unknown[], depth: number, walk: Walk): Rejection | null {
  walk.values += items.length
  if (walk.values > walk.limits.values) return 'too_many_properties'
  for (let i = 0; i < items.length; i++) {
    const refused = visit(items[i], depth + 1, walk)
    if (refused !== null) return refused
  }
  return null
}

function visitObject(record: object, depth: number, walk: Walk): Rejection | null {
  let keys = 0
  for (const key in record) {
    if (++keys > walk.limits.keys || ++walk.values > walk.limits.values)
      return 'too_many_properties'
    if (isPrototypeKey(key)) {
      Reflect.deleteProperty(record, key)
      continue
    }
    const value = (record as Record<string, unknown>)[key]
    if (typeof value === 'string') continue
    const refused = visit(value, depth + 1, walk)
    if (refused !== null) return refused
  }
  return null
}
