/**
 * Recorded against replayed records, as multisets per topic and partition: several tasks may write to one
 * partition, and their interleaving is the log's, not theirs.
 */
import { createHash } from 'node:crypto'

export interface Difference {
  readonly where: string
  readonly kind: 'missing' | 'extra'
  /** The record's beginning. */
  readonly value: string
}

const SHOWN = 10
const SHOWN_CHARACTERS = 500

interface Count {
  /** Replayed less recorded. */
  balance: number
  readonly where: string
  readonly begins: string
}

export class Comparison {
  readonly #counts = new Map<string, Count>()
  #recorded = 0

  replayed(where: string, value: Uint8Array | null): void {
    this.#note(where, value, 1)
  }

  recorded(where: string, value: Uint8Array | null): void {
    this.#recorded++
    this.#note(where, value, -1)
  }

  result() {
    let missing = 0
    let extra = 0
    const differences: Difference[] = []
    for (const { balance, where, begins } of this.#counts.values()) {
      if (balance < 0) missing -= balance
      else extra += balance
      if (balance !== 0 && differences.length < SHOWN)
        differences.push({ where, kind: balance < 0 ? 'missing' : 'extra', value: begins })
    }
    // One that is gone and another in its place are one difference.
    const different = Math.min(missing, extra)
    return {
      equal: this.#recorded - missing,
      different,
      missing: missing - different,
      extra: extra - different,
      differences,
    }
  }

  #note(where: string, value: Uint8Array | null, by: number): void {
    const bytes = value ?? new Uint8Array()
    const name = `${where} ${createHash('sha256').update(bytes).digest('base64')}`
    const known = this.#counts.get(name)
    if (known === undefined) {
      const begins = Buffer.from(bytes).toString('utf8', 0, SHOWN_CHARACTERS)
      this.#counts.set(name, { balance: by, where, begins })
      return
    }
    known.balance += by
    if (known.balance === 0) this.#counts.delete(name)
  }
}
