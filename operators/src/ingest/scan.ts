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

export const SCAN_LIMITS: ScanLimits = { depth: 16, keys: 2_000, values: 20_000 }

const isPrototypeKey = (key: string): boolean =>
  key === '__proto__' || key === 'constructor' || key === 'prototype'

/** @returns why the record is refused; null where it is not. Changes `root` (prototype keys). */
export function scan(root: object, limits: ScanLimits = SCAN_LIMITS): Rejection | null {
  let values = 0

  const visit = (value: unknown, depth: number): Rejection | null => {
    if (typeof value === 'number') return Number.isFinite(value) ? null : 'number_not_finite'
    if (typeof value !== 'object' || value === null) return null
    if (depth > limits.depth) return 'too_deep'
    return Array.isArray(value) ? list(value, depth) : object(value, depth)
  }

  const list = (items: readonly unknown[], depth: number): Rejection | null => {
    values += items.length
    if (values > limits.values) return 'too_many_properties'
    for (let i = 0; i < items.length; i++) {
      const refused = visit(items[i], depth + 1)
      if (refused !== null) return refused
    }
    return null
  }

  const object = (record: object, depth: number): Rejection | null => {
    let keys = 0
    for (const key in record) {
      if (++keys > limits.keys || ++values > limits.values) return 'too_many_properties'
      if (isPrototypeKey(key)) {
        Reflect.deleteProperty(record, key)
        continue
      }
      const value = (record as Record<string, unknown>)[key]
      if (typeof value === 'string') continue
      const refused = visit(value, depth + 1)
      if (refused !== null) return refused
    }
    return null
  }

  return visit(root, 1)
}
