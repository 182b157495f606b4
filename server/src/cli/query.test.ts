/** `query` into files: the answer comes from a server that gives what the test wants. */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tableFromArrays, tableFromIPC, tableToIPC } from 'apache-arrow'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MemoryIo } from './io.fixture.ts'
import { runCli } from './run.ts'

const ARROW = tableToIPC(tableFromArrays({ n: BigInt64Array.of(1n, 2n), who: ['a', 'b'] }), 'file')
const ROWS = {
  columns: [{ name: 'n', type: 'UInt64' }],
  rows: [[1], [2]],
  truncated: true,
  elapsed_ms: 1,
}

let root = ''
let url = ''
let server: Server
/** What the next Arrow answer is. */
let file: Uint8Array = ARROW

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'opportune-query-'))
  server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      if (request.method === 'GET') return response.end(JSON.stringify({ live: true, ready: true }))
      const { format } = JSON.parse(Buffer.concat(parts).toString()) as { format?: string }
      return response.end(format === 'arrow' ? file : JSON.stringify(ROWS))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve))
  rmSync(root, { recursive: true, force: true })
})

async function query(...words: string[]) {
  const io = new MemoryIo()
  const code = await runCli(['query', 'select n from t', '--url', url, ...words], io)
  return { code, out: io.out.text, err: io.err.text }
}

test('[SNK-2] --format arrow --out: the answer, byte for byte, and what is in it', async () => {
  file = ARROW
  const out = join(root, 'answer.arrow')
  const told = await query('--format', 'arrow', '--out', out, '--json')
  expect(told).toMatchObject({ code: 0, err: '' })
  expect(JSON.parse(told.out)).toEqual({
    file: out,
    bytes: ARROW.length,
    rows: 2,
    columns: [
      { name: 'n', type: 'Int64' },
      { name: 'who', type: 'Dictionary<Int32, Utf8>' },
    ],
  })
  expect(tableFromIPC(readFileSync(out)).toArray().map(String)).toEqual([
    '{"n": 1, "who": "a"}',
    '{"n": 2, "who": "b"}',
  ])
  expect((await query('--format', 'arrow', '--out', out)).out).toMatch(/^column +type\nn +Int64\n/)
})

test('[SNK-2] an answer that was cut leaves the file that was there', async () => {
  file = ARROW.subarray(0, ARROW.length - 40)
  const out = join(root, 'kept.arrow')
  writeFileSync(out, 'before')
  const told = await query('--format', 'arrow', '--out', out)
  expect(told.code).toBe(1)
  expect(told.err).toMatch(/^server_foreign: The answer is not an Arrow file/)
  expect(readFileSync(out, 'utf8')).toBe('before')
})

test('other forms go into a file too; arrow goes nowhere else', async () => {
  const out = join(root, 'answer.csv')
  const told = await query('--format', 'csv', '--out', out)
  expect(told).toMatchObject({ code: 0, out: `${out}: 2 rows, and there are more (--max-rows)\n` })
  expect(readFileSync(out, 'utf8')).toBe('n\r\n1\r\n2\r\n')
  const nowhere = await query('--format', 'arrow')
  expect(nowhere.code).toBe(2)
  expect(nowhere.err).toMatch(/^cli_usage: --format arrow goes with --out FILE/)
  const lost = await query('--out', join(root, 'no-such-place', 'x'))
  expect(lost.code).toBe(1)
  expect(existsSync(join(root, 'no-such-place'))).toBe(false)
})
