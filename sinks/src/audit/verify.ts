/**
 * Checking chains: names the first record that is not as it was written, and what is wrong with it.
 *
 * A chain alone proves that its records belong together; that its end is the end, and that it was not
 * written anew as a whole, only a seal can tell. Pass the seals of a trusted copy.
 *
 * How a fault is told apart (n is the sequence number expected next):
 *   unreadable  not a record in its one spelling, or its own hash does not fit: damaged in place
 *   removed     the sequence goes on after n, and n does not come later
 *   reordered   the sequence goes on after n, and n does come later
 *   inserted    a number comes twice; what the rest does not build on is named
 *   changed     the numbers fit and the link does not: n - 1 or n was rewritten, hash and all
 *   rewritten   everything fits, but a seal names another hash
 *   truncated   a seal, or the manifest of an export, names a record that is not there
 */
import { type AuditRecord, decodeRecord, GENESIS, recordHash } from './record.ts'
import type { SealedHead } from './seal.ts'

export interface StoredRecord {
  readonly chain: string
  /** Where it stands in its topic. */
  readonly offset: number
  readonly bytes: Uint8Array
}

export type AuditFaultKind =
  | 'unreadable'
  | 'foreign'
  | 'removed'
  | 'reordered'
  | 'inserted'
  | 'changed'
  | 'rewritten'
  | 'truncated'

export interface AuditFault {
  readonly chain: string
  /** Sequence number of the first bad record. */
  readonly seq: number
  /** Where it stands; null where it is missing. */
  readonly offset: number | null
  readonly kind: AuditFaultKind
  readonly what: string
}

export interface VerifiedChain {
  readonly chain: string
  /** Records that are proven to be as written. */
  readonly records: number
  /** Hash of the last of them; null where a fault leaves it open. */
  readonly head: string | null
  /** The last record that a seal vouches for; null: none does. */
  readonly sealedTo: number | null
}

export interface Verification {
  readonly chains: readonly VerifiedChain[]
  /** The first fault of each chain that has one, by chain. */
  readonly faults: readonly AuditFault[]
}

/** The part of a chain that an export says it holds; seals of what lies around it do not concern it. */
export interface ChainRange {
  readonly chain: string
  readonly first: { readonly seq: number; readonly prev: string }
  readonly last: { readonly seq: number; readonly hash: string }
}

interface Read {
  readonly offset: number
  readonly record: AuditRecord | undefined
}

/** Records looked at after a fault, to tell a removal from a swap and to see what the rest builds on. */
const LOOKAHEAD = 1_000

/** One chain, record by record in the order of offsets; `finish` tells. */
class ChainVerifier {
  readonly chain: string
  readonly #sealed: ReadonlyMap<number, string>
  readonly #range: ChainRange | undefined
  #seq: number
  #prev: string
  #sealedTo: number | null = null
  #last: Read | undefined
  /** From the first record that does not fit on. */
  readonly #suspect: Read[] = []
  #rewritten: AuditFault | undefined

  /** @param sealed heads of this chain in trusted seals */
  constructor(chain: string, sealed: readonly SealedHead[] = [], range?: ChainRange) {
    this.chain = chain
    this.#range = range
    this.#seq = range?.first.seq ?? 0
    this.#prev = range?.first.prev ?? GENESIS
    const last = range?.last.seq ?? Number.POSITIVE_INFINITY
    const within = sealed.filter(({ seq }) => seq >= this.#seq && seq <= last)
    this.#sealed = new Map(within.map((head) => [head.seq, head.hash]))
    if (range !== undefined) this.#rewritten = this.#unanchored(sealed)
  }

  /** What lies before a range cannot be read: a seal has to say that the range begins behind it. */
  #unanchored(sealed: readonly SealedHead[]): AuditFault | undefined {
    const before = sealed.find(({ seq }) => seq === this.#seq - 1)
    if (this.#seq === 0 ? this.#prev === GENESIS : before?.hash === this.#prev) return undefined
    return before === undefined && this.#seq > 0
      ? this.#fault('removed', this.#seq - 1, {
          offset: null,
          what: 'the export begins behind it, and no seal vouches for that',
        })
      : this.#fault('rewritten', this.#seq, {
          offset: null,
          what: 'it does not follow what stands before the export',
        })
  }

  push(offset: number, bytes: Uint8Array): void {
    if (this.#rewritten !== undefined || this.#suspect.length > LOOKAHEAD) return
    const read = { offset, record: decodeRecord(bytes) }
    if (this.#suspect.length > 0 || !this.#fits(read.record)) this.#suspect.push(read)
    else this.#accept(read, read.record as AuditRecord)
  }

  finish(): { readonly verified: VerifiedChain; readonly fault: AuditFault | undefined } {
    const fault = this.#rewritten ?? this.#suspicion() ?? this.#truncation()
    // A record that its successor does not follow was counted before the successor came.
    const end = Math.min(this.#seq, fault?.seq ?? this.#seq)
    const head = end === this.#seq ? this.#prev : null
    const records = Math.max(0, end - (this.#range?.first.seq ?? 0))
    const sealedTo = this.#sealedTo
    return { verified: { chain: this.chain, records, head, sealedTo }, fault }
  }

  #fits(record: AuditRecord | undefined): boolean {
    if (record === undefined || !isIntact(record)) return false
    const { chain, seq, prev } = record.header
    return chain === this.chain && seq === this.#seq && prev === this.#prev
  }

  #accept(read: Read, record: AuditRecord): void {
    const { seq } = record.header
    const sealed = this.#sealed.get(seq)
    if (sealed !== undefined && sealed !== record.hash) {
      const since = this.#sealedTo === null ? 'the start' : `record ${this.#sealedTo}`
      this.#rewritten = this.#fault('rewritten', seq, {
        offset: read.offset,
        what: `a seal names another hash; something after ${since} was written anew`,
      })
      return
    }
    const { last } = this.#range ?? {}
    if (last !== undefined && (seq > last.seq || (seq === last.seq && record.hash !== last.hash))) {
      const kind = seq > last.seq ? 'inserted' : 'rewritten'
      const what = `the manifest names record ${last.seq} as the last one, with the hash ${last.hash}`
      this.#rewritten = this.#fault(kind, seq, { offset: read.offset, what })
      return
    }
    if (sealed !== undefined) this.#sealedTo = seq
    this.#seq = seq + 1
    this.#prev = record.hash
    this.#last = read
  }

  #suspicion(): AuditFault | undefined {
    const first = this.#suspect[0]
    if (first === undefined) return undefined
    const { offset, record } = first
    const seq = this.#seq
    if (record === undefined)
      return this.#fault('unreadable', seq, { offset, what: 'it is not spelt as records are' })
    if (!isIntact(record))
      return this.#fault('unreadable', seq, { offset, what: 'its hash does not fit its content' })
    if (record.header.chain !== this.chain)
      return this.#fault('foreign', seq, { offset, what: 'it belongs to another chain' })
    if (record.header.seq > seq) return this.#gap(first)
    return record.header.seq < seq ? this.#twice(first, record) : this.#unlinked(first, record)
  }

  #gap(first: Read): AuditFault {
    const seq = this.#seq
    const later = this.#suspect.find((read) => read.record?.header.seq === seq)
    return later === undefined
      ? this.#fault('removed', seq, { offset: null, what: 'it is missing' })
      : this.#fault('reordered', seq, {
          offset: later.offset,
          what: `it stands after offset ${first.offset}`,
        })
  }

  /** `record` has the number of one that was accepted before. */
  #twice(first: Read, record: AuditRecord): AuditFault {
    const at = record.header.seq
    const last = this.#last
    const next = this.#suspect.find((read) => read.record?.header.seq === this.#seq)
    // What comes next builds on one of the two; the other was put in.
    const forgedBefore = at === this.#seq - 1 && next?.record?.header.prev === record.hash
    return this.#fault('inserted', at, {
      offset: forgedBefore ? (last?.offset ?? null) : first.offset,
      what: 'a record with this number comes twice',
    })
  }

  /** The number is the one expected, but the record does not follow the one before. */
  #unlinked(first: Read, record: AuditRecord): AuditFault {
    const seq = this.#seq
    const copy = this.#suspect.slice(1).find((read) => read.record?.header.seq === seq)
    if (copy !== undefined)
      return this.#fault('inserted', seq, {
        offset: copy.record?.header.prev === this.#prev ? first.offset : copy.offset,
        what: 'a record with this number comes twice',
      })
    const after = this.#suspect.find((read) => read.record?.header.seq === seq + 1)
    const restBuildsOnIt = after?.record?.header.prev === record.hash
    if (restBuildsOnIt && seq > 0)
      return this.#fault('changed', seq - 1, {
        offset: this.#last?.offset ?? null,
        what: 'the record after it was linked to another content',
      })
    return this.#fault('changed', seq, {
      offset: first.offset,
      what: 'it does not follow the record before it',
    })
  }

  #truncation(): AuditFault | undefined {
    let last = this.#range?.last.seq ?? -1
    const by = this.#range === undefined ? 'a seal' : 'the manifest'
    for (const seq of this.#sealed.keys()) last = Math.max(last, seq)
    return last < this.#seq
      ? undefined
      : this.#fault('truncated', this.#seq, {
          offset: null,
          what: `the chain ends before it; ${by} names record ${last}`,
        })
  }

  #fault(
    kind: AuditFaultKind,
    seq: number,
    found: { readonly offset: number | null; readonly what: string },
  ): AuditFault {
    return { chain: this.chain, seq, kind, ...found }
  }
}

const isIntact = (record: AuditRecord): boolean =>
  recordHash(record.header, record.body) === record.hash

/**
 * Verifies all chains of `records`, which come in the order of offsets within each chain.
 * @param sealed the heads of trusted seals, of any chain
 * @param ranges of an export: the parts of chains that it says it holds
 */
export async function verifyChains(
  records: Iterable<StoredRecord> | AsyncIterable<StoredRecord>,
  sealed: readonly SealedHead[] = [],
  ranges: readonly ChainRange[] = [],
): Promise<Verification> {
  const verifiers = new Map<string, ChainVerifier>()
  const verifierOf = (chain: string): ChainVerifier => {
    let verifier = verifiers.get(chain)
    if (verifier === undefined) {
      verifier = new ChainVerifier(
        chain,
        sealed.filter((head) => head.chain === chain),
        ranges.find((range) => range.chain === chain),
      )
      verifiers.set(chain, verifier)
    }
    return verifier
  }
  // A chain of which nothing is left was cut off as a whole: only seals and manifests know of it.
  for (const { chain } of ranges.length > 0 ? ranges : sealed) verifierOf(chain)
  for await (const { chain, offset, bytes } of records) verifierOf(chain).push(offset, bytes)
  const results = [...verifiers.values()].map((verifier) => verifier.finish())
  const byChain = (a: { chain: string }, b: { chain: string }): number =>
    a.chain < b.chain ? -1 : a.chain > b.chain ? 1 : 0
  return {
    chains: results.map((result) => result.verified).toSorted(byChain),
    faults: results.flatMap((result) => result.fault ?? []).toSorted(byChain),
  }
}
