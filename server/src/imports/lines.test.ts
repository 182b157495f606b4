import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fileChunks, isTooLong, type Line, MAX_LINE_BYTES, toLines } from './lines.ts'
import { chunked, withFile } from './testing.ts'

async function linesOf(chunks: AsyncIterable<Buffer>): Promise<Line[]> {
  const lines: Line[] = []
  for await (const group of toLines(chunks)) lines.push(...group)
  return lines
}

const texts = (lines: readonly Line[]): string[] => lines.map((l) => l.bytes.toString())

describe('lines', () => {
  test('are the same wherever chunks end', async () => {
    const content = fc.array(fc.stringMatching(/^[a-zé"]{0,12}$/), { maxLength: 20 })
    await fc.assert(
      fc.asyncProperty(content, fc.integer({ min: 1, max: 30 }), async (lines, size) => {
        const bytes = Buffer.from(lines.map((l) => `${l}\n`).join(''))
        const read = await linesOf(chunked(bytes, size))
        expect(texts(read)).toEqual(lines)
        expect(read.map((l) => l.number)).toEqual(lines.map((_, n) => n + 1))
      }),
    )
  })

  test('may end with CRLF, and the last one with nothing', async () => {
    for (const size of [1, 2, 100])
      expect(texts(await linesOf(chunked(Buffer.from('a\r\n\r\nb'), size)))).toEqual(['a', '', 'b'])
  })

  test('above the limit keep their beginning and their length', async () => {
    const long = Buffer.alloc(3 * MAX_LINE_BYTES, 'x')
    const bytes = Buffer.concat([long, Buffer.from('\nnext\n')])
    for (const size of [1 << 16, bytes.length]) {
      const [first, second] = await linesOf(chunked(bytes, size))
      expect(first?.bytes.length).toBe(MAX_LINE_BYTES)
      expect(first?.size).toBe(long.length)
      expect(first && isTooLong(first)).toBe(true)
      expect(second?.bytes.toString()).toBe('next')
    }
  })

  test('of exactly the limit are whole, with either line end', async () => {
    for (const end of ['\n', '\r\n', '']) {
      const bytes = Buffer.concat([Buffer.alloc(MAX_LINE_BYTES, 'x'), Buffer.from(end)])
      const [line] = await linesOf(chunked(bytes, 1 << 16))
      expect(line && isTooLong(line)).toBe(false)
      expect(line?.bytes.length).toBe(MAX_LINE_BYTES)
    }
  })

  test('one byte above the limit are too long, with either line end', async () => {
    for (const end of ['\n', '\r\n', '']) {
      const bytes = Buffer.concat([Buffer.alloc(MAX_LINE_BYTES + 1, 'x'), Buffer.from(end)])
      for (const size of [1 << 16, bytes.length]) {
        const [line] = await linesOf(chunked(bytes, size))
        expect(line && isTooLong(line)).toBe(true)
        expect(line?.bytes.length).toBe(MAX_LINE_BYTES)
      }
    }
  })
})

describe('file chunks', () => {
  const read = (content: Buffer): Promise<string[]> =>
    withFile(content, async (path) => texts(await linesOf(fileChunks(path))))

  test('are unzipped whatever the name of the file', async () => {
    const content = Buffer.from('a\nb\n')
    expect(await read(gzipSync(content))).toEqual(['a', 'b'])
    expect(await read(content)).toEqual(['a', 'b'])
  })

  test('of an empty file are none', async () => {
    expect(await read(Buffer.alloc(0))).toEqual([])
  })

  test('of a torn archive end in import_unreadable', async () => {
    const torn = gzipSync(Buffer.from('a\n'.repeat(1000))).subarray(0, -9)
    await expect(read(torn)).rejects.toMatchObject({ code: 'import_unreadable' })
  })

  test('of a missing file or a directory end in import_unreadable', async () => {
    const directory = new URL('.', import.meta.url).pathname
    for (const path of [`${directory}absent`, directory])
      await expect(linesOf(fileChunks(path))).rejects.toMatchObject({ code: 'import_unreadable' })
  })

  test('report how much of the stored file was read', async () => {
    await withFile(gzipSync(Buffer.alloc(100_000, 'a\n')), async (path) => {
      const progress = { readBytes: 0, totalBytes: 0 }
      await linesOf(fileChunks(path, progress))
      expect(progress.totalBytes).toBeGreaterThan(0)
      expect(progress.readBytes).toBe(progress.totalBytes)
    })
  })
})
