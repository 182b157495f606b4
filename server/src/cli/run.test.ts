import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { MemoryIo } from './io.fixture.ts'
import { runCli } from './run.ts'

const directory = mkdtempSync(join(tmpdir(), 'opportune-cli-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function run(...words: string[]) {
  const io = new MemoryIo()
  return { code: await runCli(words, io), out: io.out.text, err: io.err.text }
}

const nowhere = join(directory, 'nowhere')

describe('exit codes', () => {
  test.each([['--version'], ['--help'], ['help'], ['replay', '--help'], ['help', 'dlq']])(
    '0: %s %s',
    async (...words) => {
      const { code, out, err } = await run(...words)
      expect({ code, err }).toEqual({ code: 0, err: '' })
      expect(out).not.toBe('')
    },
  )

  test.each([
    [['frobnicate']],
    [['topologi']],
    [['why']],
    [['why', 'a', 'b']],
    [['topology', '--format', 'xml']],
    [['decisions', '--limit', 'many']],
    [['decisions', '--limit', '201']],
    [['replay', 'x.csv']],
    [['replay', '--format', 'ndjson']],
    [['replay', 'x', '--format', 'ndjson', '--live-from', 'yesterday']],
    [['replay', '--from', 'x', '--format', 'ndjson']],
    [['query', 'select 1', '--param', 'novalue']],
    [['dlq', 'redrive']],
    [['dlq', 'redrive', '--id', '0-1', '--code', 'x']],
    [['chaos']],
    [['chaos', '--simulated', '--log', 'embedded']],
    [['train', 'uplift']],
    [['profile', 'x', '--url', 'nonsense']],
  ])('2: %j is wrong usage, told with a code', async (words) => {
    const { code, out, err } = await run(...words)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(/^cli_usage: .+ See --help of the command\.\n$/)
  })

  test.each([[[]], [['dlq']], [['audit']]])(
    '2: %j lacks a command and gets the help',
    async (words) => {
      const { code, out, err } = await run(...words)
      expect({ code, out }).toEqual({ code: 2, out: '' })
      expect(err).toContain('Usage: opportune')
    },
  )

  test('2: input that is bad in itself', async () => {
    const file = join(directory, 'missing.ndjson')
    const { code, err } = await run('replay', file, '--format', 'ndjson')
    expect(code).toBe(2)
    expect(err).toMatch(/^import_unreadable: /)
  })

  test('1: what is refused for the state of things', async () => {
    const { code, err } = await run('decisions', '--data', nowhere)
    expect(code).toBe(1)
    expect(err).toMatch(/^log_missing: .+ Start the server on it first/)
  })

  test('1: no server at the address', async () => {
    const { code, err } = await run('decisions', '--url', 'http://127.0.0.1:9')
    expect(code).toBe(1)
    expect(err).toMatch(/^server_unreachable: /)
  })
})

describe('how a failure is told', () => {
  test('with --json as a problem on one line of stderr', async () => {
    const { code, out, err } = await run('decisions', '--json', '--data', nowhere)
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err.endsWith('\n')).toBe(true)
    expect(JSON.parse(err)).toMatchObject({
      code: 'log_missing',
      type: '/docs/errors.md#log_missing',
      title: 'There is no log in this directory.',
    })
    const usage = await run('why', '--json')
    expect(JSON.parse(usage.err)).toMatchObject({ code: 'cli_usage' })
  })

  test('a stack only with --debug', async () => {
    const plain = await run('decisions', '--data', nowhere)
    expect(plain.err).not.toMatch(/^\s+at /m)
    const debug = await run('decisions', '--data', nowhere, '--debug')
    expect(debug.err).toMatch(/^\s+at /m)
  })

  test('a near miss names the command that was meant', async () => {
    expect((await run('topologi')).err).toContain('Did you mean topology?')
  })

  test('[CFG-1] wrong definitions: each with file, line, path and reason; exit code 2', async () => {
    const file = join(directory, 'caps.yaml')
    writeFileSync(file, 'kind: trigger\nid: a\nspec:\n  on: moonrise\n')
    const { code, err } = await run('apply', directory, '--dry-run')
    expect(code).toBe(2)
    expect(err).toMatch(/^definitions_refused: There (is 1 problem|are \d+ problems)\. /)
    expect(err).toMatch(/^caps\.yaml:\d+ .*: /m)
    const json = await run('apply', directory, '--dry-run', '--json')
    const [first] = (JSON.parse(json.err) as { problems: object[] }).problems
    expect(Object.keys(first ?? {}).toSorted()).toEqual(['file', 'line', 'path', 'reason'])
  })

  test('a directory without definitions is not the empty set', async () => {
    const { code, err } = await run('apply', nowhere, '--dry-run')
    expect(code).toBe(2)
    expect(err).toMatch(/^definitions_unreadable: /)
  })
})

describe('commands without data', () => {
  test('topology shows what would run', async () => {
    const text = await run('topology', '--data', nowhere)
    expect(text.code).toBe(0)
    expect(text.out).toMatch(/^topology opportune\n/)
    const mermaid = await run('topology', '--data', nowhere, '--format', 'mermaid')
    expect(mermaid.out).toMatch(/^flowchart LR\n/)
    const json = await run('topology', '--data', nowhere, '--json')
    expect(JSON.parse(json.out)).toMatchObject({ id: 'opportune' })
  })

  test('[CFG-1] apply --dry-run checks the example shop', async () => {
    const { code, out } = await run('apply', 'examples/shop', '--dry-run', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ checked: 5 })
  })
})
