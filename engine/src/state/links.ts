/**
 * Which hand-overs a key has taken in: hashes of the newest links, oldest first, as a value of the
 * '~links' slot. Bounded: a link older than the newest 64 would be taken in again.
 */
import { ByteReader } from '../codec/bytes.ts'
import type { Codec } from '../codec/codec.ts'
import { hash53 } from '../hash.ts'

const MAX_LINKS = 64

export type Links = readonly number[]
export const NO_LINKS: Links = Object.freeze([])

export const hashLink = (link: string): number => hash53(link, 0)

export const withLink = (links: Links, hash: number): Links => [
  ...links.slice(Math.max(0, links.length - MAX_LINKS + 1)),
  hash,
]

export const linksCodec: Codec<Links> = {
  name: 'links',
  write(links, out) {
    for (const hash of links) out.varint(hash)
  },
  read(bytes) {
    const reader = new ByteReader(bytes)
    const links: number[] = []
    while (!reader.done) links.push(reader.varint())
    return links
  },
}
