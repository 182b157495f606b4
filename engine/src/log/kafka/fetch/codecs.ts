/**
 * Decompression of record batches, by the codec number in a batch's attributes. gzip is Node's own,
 * lz4 and snappy stand beside this file, zstd is Node's own from 22.15 on and the WebAssembly
 * package `zstddec` before that, loaded when the first such batch arrives.
 *
 * Every codec gives up at `limit` bytes of output: compressed bytes come from any producer, and a
 * megabyte of them can stand for gigabytes.
 */
import * as zlib from 'node:zlib'
import { CorruptData } from './corrupt.ts'
import { unpackLz4 } from './lz4.ts'
import { unpackSnappy } from './snappy.ts'

/** @throws CorruptData where the bytes do not decode or would exceed `limit` */
export type Unpack = (bytes: Buffer, limit: number) => Buffer

const CODEC_NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type CodecName = (typeof CODEC_NAMES)[number]

/** The codec of a batch's attributes, or undefined where the number is not one we know. */
export const codecName = (id: number): CodecName | undefined => CODEC_NAMES[id]

/** Where the decompressors come from; tests leave some out. */
export interface CodecSources {
  readonly zstd?: () => Promise<Unpack | undefined>
}

/** Decompressors by number, loaded on first use and kept. */
export class Codecs {
  readonly #ready = new Map<number, Unpack>([
    [1, unpackGzip],
    [2, unpackSnappy],
    [3, unpackLz4],
  ])
  readonly #zstd: () => Promise<Unpack | undefined>

  constructor(sources: CodecSources = {}) {
    this.#zstd = sources.zstd ?? loadZstd
  }

  /** The loaded decompressor of a codec. */
  get(id: number): Unpack | undefined {
    return this.#ready.get(id)
  }

  /** @returns whether the codec can be used from now on */
  async load(id: number): Promise<boolean> {
    if (id === 0 || this.#ready.has(id)) return true
    if (codecName(id) !== 'zstd') return false
    const unpack = await this.#zstd()
    if (unpack === undefined) return false
    this.#ready.set(id, unpack)
    return true
  }
}

function unpackGzip(bytes: Buffer, limit: number): Buffer {
  try {
    return zlib.gunzipSync(bytes, { maxOutputLength: limit })
  } catch (error) {
    throw new CorruptData(`gzip: ${reason(error)}`)
  }
}

/** Node's own function where there is one; its types are those of Node 20, which has none. */
type ZlibWithZstd = typeof zlib & {
  readonly zstdDecompressSync?: (bytes: Buffer, options: { maxOutputLength: number }) => Buffer
}

async function loadZstd(): Promise<Unpack | undefined> {
  const native = (zlib as ZlibWithZstd).zstdDecompressSync
  if (native !== undefined)
    return (bytes, limit) => {
      try {
        return native(bytes, { maxOutputLength: limit })
      } catch (error) {
        throw new CorruptData(`zstd: ${reason(error)}`)
      }
    }
  return loadZstdWasm()
}

/** The WebAssembly decoder; undefined where it is not installed or does not start. */
export async function loadZstdWasm(): Promise<Unpack | undefined> {
  try {
    const { ZSTDDecoder } = await import('zstddec/stream')
    const decoder = new ZSTDDecoder()
    await decoder.init()
    return (bytes, limit) => collect(decoder.decodeStreaming([bytes]), limit)
  } catch {
    return undefined
  }
}

/**
 * Joins what a streaming decoder gives. The decoder of zstddec repeats an erroneous step for ever,
 * giving nothing each time; a sound frame gives nothing at most once (at its end).
 */
function collect(chunks: Iterable<Uint8Array>, limit: number): Buffer {
  const parts: Uint8Array[] = []
  let size = 0
  let idle = 0
  try {
    for (const chunk of chunks) {
      size += chunk.byteLength
      if (size > limit) throw new CorruptData(`more than ${limit} bytes when unpacked`)
      idle = chunk.byteLength === 0 ? idle + 1 : 0
      if (idle > 1) throw new CorruptData('zstd: the frame does not decode')
      parts.push(chunk)
    }
  } catch (error) {
    throw error instanceof CorruptData ? error : new CorruptData(`zstd: ${reason(error)}`)
  }
  const [only] = parts
  if (parts.length === 1 && only !== undefined)
    return Buffer.from(only.buffer, only.byteOffset, only.byteLength)
  return Buffer.concat(parts, size)
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
