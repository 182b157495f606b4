/**
 * A savepoint is one file: everything committed at a moment, to restore elsewhere or to replay from.
 *
 *   magic, format: 8 bytes    "OPSAVE", 0, format
 *   header: u32 length, JSON  topology fingerprint and what the caller wants to know at the restore
 *   blocks: u32 length, (slot: text, group: byte, key: text, value: bytes)*; one of length 0 ends
 *   count of entries: u64
 *   sha256 of all bytes before
 *
 * Entries are in the order (group, key, slot), merged over all tasks, so that the same state gives
 * the same bytes on any number of partitions. A file is complete under its name or not there at all;
 * the whole of it is checked before the first entry is handed out. Integers are big-endian.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ByteReader, ByteWriter } from '../codec/bytes.ts'
import { OpportuneError } from '../errors.ts'
import { compareStored } from './key-bytes.ts'
import type { StoredEntry } from './port.ts'

const FORMAT = 1
const MAGIC = Buffer.from([...Buffer.from('OPSAVE'), 0, FORMAT])
const HASH_BYTES = 32
const TRAILER_BYTES = 8 + HASH_BYTES
const BLOCK_BYTES = 256 * 1024

export interface SavepointHeader {
  /** Fingerprint of the topology that wrote it. */
  readonly topology: string
  /** Epochs, positions, layout: whatever the caller needs at the restore; plain JSON. */
  readonly meta: Readonly<Record<string, unknown>>
}

export interface SavepointSummary {
  readonly entries: number
  readonly bytes: number
  /** Hex; equal for equal headers and equal state. */
  readonly sha256: string
}

export interface Savepoint extends SavepointSummary {
  readonly header: SavepointHeader
  read(): AsyncGenerator<StoredEntry, void>
}

/** @param sources what each task stores, each in the order (group, key, slot id) */
export async function writeSavepoint(
  path: string,
  header: SavepointHeader,
  sources: readonly IterableIterator<StoredEntry>[],
): Promise<SavepointSummary> {
  const partial = `${path}.partial`
  const file = await open(partial, 'w')
  try {
    const summary = await writeAll(file, header, sources)
    await file.sync()
    await file.close()
    await rename(partial, path)
    await syncDirectory(dirname(path))
    return summary
  } catch (error) {
    await file.close()
    await rm(partial, { force: true })
    throw error
  } finally {
    for (const source of sources) source.return?.()
  }
}

async function writeAll(
  file: FileHandle,
  header: SavepointHeader,
  sources: readonly IterableIterator<StoredEntry>[],
): Promise<SavepointSummary> {
  const hash = createHash('sha256')
  let bytes = 0
  const put = async (part: Uint8Array): Promise<void> => {
    hash.update(part)
    bytes += part.length
    await file.write(part)
  }
  await put(MAGIC)
  await put(withLength(Buffer.from(JSON.stringify(header))))
  const block = new ByteWriter(2 * BLOCK_BYTES)
  let entries = 0
  for (const [slot, group, key, value] of mergeStored(sources)) {
    block.text(slot)
    block.byte(group)
    block.text(key)
    block.bytes(value)
    entries++
    if (block.position < BLOCK_BYTES) continue
    await put(withLength(block.view()))
    block.reset()
  }
  if (block.position > 0) await put(withLength(block.view()))
  const end = Buffer.alloc(4 + 8)
  end.writeBigUInt64BE(BigInt(entries), 4)
  await put(end)
  const digest = hash.digest()
  await file.write(digest)
  return { entries, bytes: bytes + digest.length, sha256: digest.toString('hex') }
}

/**
 * Opens and checks a savepoint.
 * @param topology the fingerprint it must have; absent: any
 * @throws savepoint_mismatch (not one of ours, another format or topology), savepoint_corrupt
 */
export async function openSavepoint(path: string, topology?: string): Promise<Savepoint> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const head = await readHead(file, size)
    const sha256 = await checkHash(file, size)
    const header = JSON.parse(head.json) as SavepointHeader
    if (topology !== undefined && header.topology !== topology)
      throw mismatch('The savepoint was written by another topology.')
    const entries = Number((await readExactly(file, size - TRAILER_BYTES, 8)).readBigUInt64BE())
    const read = (): AsyncGenerator<StoredEntry, void> => readEntries(path, head.end)
    return { header, entries, bytes: size, sha256, read }
  } finally {
    await file.close()
  }
}

async function readHead(
  file: FileHandle,
  size: number,
): Promise<{ readonly json: string; readonly end: number }> {
  const start = await readExactly(file, 0, Math.min(MAGIC.length, size))
  if (!start.subarray(0, 7).equals(MAGIC.subarray(0, start.length).subarray(0, 7)))
    throw mismatch('The file is not a savepoint.')
  if (size < MAGIC.length + 4 + 4 + TRAILER_BYTES) throw corrupt('The file ends early.')
  if (start[7] !== FORMAT) throw mismatch(`The savepoint has format ${start[7]}, not ${FORMAT}.`)
  const length = (await readExactly(file, MAGIC.length, 4)).readUInt32BE()
  const end = MAGIC.length + 4 + length
  if (end > size - TRAILER_BYTES) throw corrupt('The header is cut.')
  return { json: (await readExactly(file, MAGIC.length + 4, length)).toString(), end }
}

async function checkHash(file: FileHandle, size: number): Promise<string> {
  const hash = createHash('sha256')
  for (let at = 0; at < size - HASH_BYTES; at += BLOCK_BYTES)
    hash.update(await readExactly(file, at, Math.min(BLOCK_BYTES, size - HASH_BYTES - at)))
  const digest = hash.digest()
  if (!digest.equals(await readExactly(file, size - HASH_BYTES, HASH_BYTES)))
    throw corrupt('The checksum does not match.')
  return digest.toString('hex')
}

async function* readEntries(path: string, from: number): AsyncGenerator<StoredEntry, void> {
  const file = await open(path, 'r')
  try {
    for (let at = from; ; ) {
      const length = (await readExactly(file, at, 4)).readUInt32BE()
      if (length === 0) return
      const block = new ByteReader(await readExactly(file, at + 4, length))
      while (!block.done) yield [block.text(), block.byte(), block.text(), block.bytes()]
      at += 4 + length
    }
  } finally {
    await file.close()
  }
}

/** Several sorted sources as one; of equal places (there are none between tasks) the first wins. */
export function* mergeStored(
  sources: readonly IterableIterator<StoredEntry>[],
): Generator<StoredEntry, void> {
  const heads = sources.map((source) => source.next())
  for (;;) {
    let first = -1
    for (let i = 0; i < heads.length; i++) {
      const head = heads[i] as IteratorResult<StoredEntry>
      const best = heads[first]
      if (head.done !== true && (best === undefined || compareStored(head.value, best.value) < 0))
        first = i
    }
    if (first < 0) return
    yield (heads[first] as IteratorYieldResult<StoredEntry>).value
    heads[first] = (sources[first] as IterableIterator<StoredEntry>).next()
  }
}

async function readExactly(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length)
  const { bytesRead } = await file.read(buffer, 0, length, at)
  if (bytesRead !== length) throw corrupt('The file ends early.')
  return buffer
}

function withLength(bytes: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(4 + bytes.length)
  framed.writeUInt32BE(bytes.length)
  framed.set(bytes, 4)
  return framed
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  await directory.sync()
  await directory.close()
}

const mismatch = (what: string): OpportuneError => new OpportuneError('savepoint_mismatch', what)
const corrupt = (what: string): OpportuneError => new OpportuneError('savepoint_corrupt', what)
