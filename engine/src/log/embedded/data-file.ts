/**
 * Looks at LMDB's data file before LMDB maps it. A file that is not LMDB's, or was cut short, would
 * not make LMDB raise an error: the process would die of SIGSEGV or SIGBUS on first touch. So the
 * two meta pages are read the plain way first, and their claims compared with the size of the file.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { OpportuneError } from '../../errors.ts'

const MAGIC = 0xbeefc0de
const META_AT = 24
const MIN_PAGE = 512
const MAX_PAGE = 0x10000
/**
 * Pages that a transaction took and gave back again are counted in the last page number but are
 * never written, so a sound file may be a little shorter than its meta page says.
 */
const UNWRITTEN_PAGES = 64

/**
 * @returns 'absent' where there is nothing yet: no file, or an empty one (the process ended right
 *   after its creation)
 * @throws log_corrupt
 */
export function inspectDataFile(path: string): 'absent' | 'sound' {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'absent'
    throw corrupt('cannot be opened', error)
  }
  try {
    if (fstatSync(file).size === 0) return 'absent'
    checkMetas(file)
    return 'sound'
  } finally {
    closeSync(file)
  }
}

function checkMetas(file: number): void {
  const first = readMeta(file, 0)
  const { pageSize } = first
  if (pageSize < MIN_PAGE || pageSize > MAX_PAGE || (pageSize & (pageSize - 1)) !== 0)
    throw corrupt('has an impossible page size')
  const second = readMeta(file, pageSize)
  const newest = second.transaction > first.transaction ? second : first
  // Only now: an owner that writes meanwhile lets the file grow before its meta page says so.
  const { size } = fstatSync(file)
  if (size < (newest.lastPage + 1 - UNWRITTEN_PAGES) * pageSize || size < newest.rootEnd * pageSize)
    throw corrupt('is shorter than it says')
}

interface Meta {
  readonly pageSize: number
  readonly lastPage: number
  /** Page number after the roots of LMDB's two trees. */
  readonly rootEnd: number
  readonly transaction: number
}

/** Meta page: header, magic, version, address, map size, two tree records, last page, transaction. */
function readMeta(file: number, page: number): Meta {
  const bytes = Buffer.alloc(META_AT + 136)
  if (readSync(file, bytes, 0, bytes.length, page) < bytes.length || readMagic(bytes) !== MAGIC)
    throw corrupt('is not a log')
  const freeTree = META_AT + 24
  const mainTree = freeTree + 48
  return {
    pageSize: bytes.readUInt32LE(freeTree),
    rootEnd: Math.max(rootOf(bytes, freeTree), rootOf(bytes, mainTree)) + 1,
    lastPage: Number(bytes.readBigUInt64LE(mainTree + 48)),
    transaction: Number(bytes.readBigUInt64LE(mainTree + 56)),
  }
}

function readMagic(bytes: Buffer): number {
  return bytes.readUInt32LE(META_AT)
}

function rootOf(bytes: Buffer, tree: number): number {
  const root = bytes.readBigUInt64LE(tree + 40)
  return root === 0xffff_ffff_ffff_ffffn ? 0 : Number(root)
}

function corrupt(what: string, cause?: unknown): OpportuneError {
  return new OpportuneError('log_corrupt', `The data file ${what}.`, {}, cause)
}
