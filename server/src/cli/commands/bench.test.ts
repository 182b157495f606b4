import { describe, expect, test } from 'vitest'
import { MemoryIo } from '../io.fixture.ts'
import { runCli } from '../run.ts'

async function run(...words: string[]) {
  const io = new MemoryIo()
  return { code: await runCli(words, io), out: io.out.text, err: io.err.text }
}

describe('bench', () => {
  test('--query runs that query alone', async () => {
    const words = ['--query', 'q2', '--events', '2000', '--runs', '1', '--json']
    const { code, out } = await run('bench', 'nexmark', ...words)
    expect(code).toBe(0)
    const { queries } = JSON.parse(out) as { readonly queries: readonly object[] }
    expect(queries).toMatchObject([{ query: 'q2', events: 2_000, hash_ok: true }])
  }, 60_000)

  test('a query that there is not is wrong usage, and the answer names those there are', async () => {
    const { code, err } = await run('bench', 'nexmark', '--query', 'q99')
    expect(code).toBe(2)
    expect(err).toMatch(/^cli_usage: There is no query 'q99', only q0, .*q18\. See --help/)
  })
})
