/** The Merkle root over the heads of all chains: one hash that stands for all of them (RFC 6962, 2.1). */
import { createHash } from 'node:crypto'

// Leaves and inner nodes are hashed with different prefixes, so that one can never pass for the other.
const LEAF = Buffer.from([0])
const NODE = Buffer.from([1])

const sha = (...parts: readonly (Buffer | string)[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** @returns the root in hexadecimal; of no leaves: the hash of nothing */
export function merkleRoot(leaves: readonly string[]): string {
  return (leaves.length === 0 ? sha('') : rootOf(leaves)).toString('hex')
}

function rootOf(leaves: readonly string[]): Buffer {
  if (leaves.length === 1) return sha(LEAF, leaves[0] as string)
  let left = 1
  while (left * 2 < leaves.length) left *= 2
  return sha(NODE, rootOf(leaves.slice(0, left)), rootOf(leaves.slice(left)))
}
