/**
 * Seals: signed statements of how far every chain has come. One JSON line each, in the topic
 * `audit-seals` and in a file outside the log.
 *
 * What a seal proves depends on where it is read from and who can sign. A copy that the operator of
 * the log cannot alter proves every record up to its heads. Who holds the signing key and can alter
 * all copies can write a new history after the last seal that is out of reach: keep copies where the
 * key is not.
 */
import { createHash, type KeyObject, sign, verify } from 'node:crypto'
import { OpportuneError } from '#engine'
import { merkleRoot } from './merkle.ts'
import { GENESIS, isHash } from './record.ts'

export interface SealedHead {
  readonly chain: string
  /** The last record of the chain that the seal covers. */
  readonly seq: number
  readonly hash: string
  /** The position after it in its topic. */
  readonly next: number
}

export interface Seal {
  readonly version: 1
  /** 0, 1, 2, ... */
  readonly number: number
  /** Wall clock of the sealer, ms since 1970. */
  readonly at: number
  /** By chain; chains without records are left out. */
  readonly heads: readonly SealedHead[]
  readonly root: string
  /** Hash of the seal before, as it was written; 64 zeros in front of the first. */
  readonly prev: string
  readonly key: string
  /** Ed25519, base64. */
  readonly signature: string
}

const leafOf = (head: SealedHead): string => JSON.stringify([head.chain, head.seq, head.hash])

/** What is signed: everything but the signature, in this order, without spaces. */
function statement(seal: Omit<Seal, 'signature'>): string {
  const { version, number, at, root, prev, key } = seal
  const heads = seal.heads.map(({ chain, seq, hash, next }) => ({ chain, seq, hash, next }))
  return JSON.stringify({ version, number, at, heads, root, prev, key })
}

export interface SigningKey {
  /** First 16 hexadecimal digits of the SHA-256 of the public key (SPKI, DER). */
  readonly id: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

export function keyId(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(der).digest('hex').slice(0, 16)
}

export interface SealContent {
  readonly number: number
  readonly at: number
  readonly heads: readonly SealedHead[]
  readonly prev: string
}

export function signSeal(content: SealContent, key: SigningKey): Seal {
  const heads = content.heads.toSorted((a, b) => (a.chain < b.chain ? -1 : 1))
  const root = merkleRoot(heads.map(leafOf))
  const unsigned = { version: 1 as const, ...content, heads, root, key: key.id }
  const signature = sign(null, Buffer.from(statement(unsigned)), key.privateKey).toString('base64')
  return { ...unsigned, signature }
}

/** One line, without its line feed. */
export const encodeSeal = (seal: Seal): string =>
  `${statement(seal).slice(0, -1)},"signature":${JSON.stringify(seal.signature)}}`

export const sealHash = (line: string): string => createHash('sha256').update(line).digest('hex')

/** @throws audit_seal_invalid where the line is not a seal in its one spelling */
export function decodeSeal(line: string): Seal {
  let seal: Seal | undefined
  try {
    seal = JSON.parse(line) as Seal
  } catch {
    seal = undefined
  }
  if (seal === undefined || !hasShape(seal) || encodeSeal(seal) !== line)
    throw new OpportuneError('audit_seal_invalid', 'A line is not a seal as it was written.')
  return seal
}

function hasShape(seal: Seal): boolean {
  return (
    seal?.version === 1 &&
    Number.isSafeInteger(seal.number) &&
    Array.isArray(seal.heads) &&
    seal.heads.every(
      (head) =>
        typeof head?.chain === 'string' && Number.isSafeInteger(head.seq) && isHash(head.hash),
    )
  )
}

export interface SealFault {
  /** Number of the first bad seal. */
  readonly number: number
  readonly what: string
}

export interface VerifiedSeals {
  /** Seals in front of the first bad one. */
  readonly seals: readonly Seal[]
  readonly fault: SealFault | undefined
}

/**
 * Checks seals as a chain: numbers, links, roots, signatures, heads that never go back.
 * @param keys public keys that are trusted; from where the log's operator cannot put one
 * @param begin `part`: the first line may be any seal, as in an export; its signature vouches for it
 */
export function verifySeals(
  lines: readonly string[],
  keys: readonly KeyObject[],
  begin: 'first' | 'part' = 'first',
): VerifiedSeals {
  const trusted = new Map(keys.map((key) => [keyId(key), key]))
  const seals: Seal[] = []
  const start = begin === 'part' ? claimedStart(lines[0]) : undefined
  let prev = start?.prev ?? GENESIS
  for (const [index, line] of lines.entries()) {
    const number = (start?.number ?? 0) + index
    const checked = checkSeal(line, { number, prev, trusted, before: seals.at(-1) })
    if (typeof checked === 'string') return { seals, fault: { number, what: checked } }
    seals.push(checked)
    prev = sealHash(line)
  }
  return { seals, fault: undefined }
}

/** The place that a seal says it has; undefined where it does not read. */
function claimedStart(line: string | undefined): Pick<Seal, 'number' | 'prev'> | undefined {
  try {
    return line === undefined ? undefined : decodeSeal(line)
  } catch {
    return undefined
  }
}

interface SealPlace {
  readonly number: number
  readonly prev: string
  readonly trusted: ReadonlyMap<string, KeyObject>
  readonly before: Seal | undefined
}

/** @returns the seal, or what is wrong with it */
function checkSeal(line: string, place: SealPlace): Seal | string {
  let seal: Seal
  try {
    seal = decodeSeal(line)
  } catch {
    return 'it is not a seal as it was written'
  }
  if (seal.number !== place.number) return `its number is ${seal.number}`
  if (seal.prev !== place.prev) return 'it does not follow the seal before it'
  const key = place.trusted.get(seal.key)
  if (key === undefined) return `it is signed with the key ${seal.key}, which is not trusted`
  const signature = Buffer.from(seal.signature, 'base64')
  if (!verify(null, Buffer.from(statement(seal)), key, signature))
    return 'its signature does not fit'
  if (seal.root !== merkleRoot(seal.heads.map(leafOf))) return 'its root does not fit its heads'
  const gone = place.before?.heads.find((was) => !seal.heads.some((is) => reaches(is, was)))
  return gone === undefined ? seal : `the chain ${gone.chain} goes back`
}

const reaches = (is: SealedHead, was: SealedHead): boolean =>
  is.chain === was.chain && (is.seq > was.seq || (is.seq === was.seq && is.hash === was.hash))
