import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findError } from '#engine'
import { MemoryIo } from '../cli/io.fixture.ts'
import { runCli } from '../cli/run.ts'
import {
  forkServer,
  outcomeOf,
  plannedDirectory,
  planOf,
  type Server,
  startServer,
} from './start.fixture.ts'

let root = ''
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'opportune-start-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => findError(error)?.code,
  )

const reasonsOf = async ({ url }: Server): Promise<readonly string[]> => {
  const answer = await fetch(`${url}/health/ready`)
  const { reasons } = (await answer.json()) as { readonly reasons: readonly string[] }
  return reasons
}

describe('the first start', () => {
  test('[SYS-4] [FI1] an import that is stopped, and one that is killed, go on to the same outcome', async () => {
    const whole = plannedDirectory(root, 'whole')
    const undisturbed = await startServer(whole)
    await undisturbed.ready
    await undisturbed.stop()

    const stopped = plannedDirectory(root, 'stopped')
    const server: Server = await startServer(stopped, {}, () => void server.stop())
    await server.done
    expect(planOf(stopped)).toMatchObject({ state: 'under way' })
    const partly = await outcomeOf(stopped)
    const again = await startServer(stopped)
    await again.ready
    expect(await reasonsOf(again)).toEqual([])
    await again.stop()

    const killed = plannedDirectory(root, 'killed')
    const child = forkServer(killed)
    const [first] = await once(child, 'message')
    expect(first).toBe('progress')
    child.kill('SIGKILL')
    await once(child, 'exit')
    const resumed = await startServer(killed)
    await resumed.ready
    await resumed.stop()

    const outcome = await outcomeOf(whole)
    expect(partly.accepted).toBeLessThan(outcome.accepted)
    expect(outcome.accepted).toBeGreaterThan(1_000)
    expect(outcome.decisions['send']).toBeGreaterThan(0)
    expect(await outcomeOf(stopped)).toEqual(outcome)
    expect(await outcomeOf(killed)).toEqual(outcome)
    expect(planOf(killed)).toMatchObject({ state: 'done' })
  }, 60_000)

  test('[FI2] takes no events before the import is through, and says so', async () => {
    const directory = plannedDirectory(root, 'busy')
    const seen: Promise<[number, readonly string[]]>[] = []
    const server: Server = await startServer(directory, {}, () => {
      if (seen.length === 0) seen.push(whileImporting(server, directory))
    })
    await server.ready
    const [answer] = await Promise.all(seen)
    expect(answer).toEqual([503, ['the import is under way']])
    expect(await track(server, directory, { userId: 'ann', event: 'Product Viewed' })).toBe(200)
    await server.stop()
  }, 30_000)

  test('[FI2] --no-import leaves the directory to its own events, for good', async () => {
    const directory = join(root, 'empty')
    const server = await startServer(directory, { import: false })
    await server.ready
    expect(server.said.join('\n')).not.toContain('imported')
    await server.stop()
    const later = await startServer(directory)
    await later.ready
    await later.stop()
    expect((await outcomeOf(directory)).accepted).toBe(0)
  }, 30_000)

  test('[FI2] an import that is no longer wanted lets time go', async () => {
    const directory = plannedDirectory(root, 'unwanted')
    const server: Server = await startServer(directory, {}, () => void server.stop())
    await server.done
    const later = await startServer(directory, { import: false })
    await later.ready
    await placeOrder(later, directory)
    const ofAnn = async () =>
      (await decisionsOf(later, directory)).filter((it) => it['customer_id'] === 'u:ann')
    const [decision] = await until(ofAnn, (all) => all.length > 0)
    expect(decision).toMatchObject({ action: 'send' })
    await later.stop()
    expect(planOf(directory)).toMatchObject({ state: 'declined' })
  }, 30_000)
})

describe('a running server', () => {
  test('[SYS-6] shows commands that work, and metrics that add up', async () => {
    const directory = join(root, 'live')
    const first = await startServer(directory, { import: false })
    await placeOrder(first, directory)
    await until(
      () => decisionsOf(first, directory),
      (all) => all.length > 0,
    )
    const metrics = await until(
      async () => (await fetch(`${first.url}/metrics`)).text(),
      (text) => text.includes('opportune_analytics_up 1\n'),
    )
    expect(metrics).toContain('opportune_events_accepted_total 2\n')
    expect(metrics).toContain('opportune_events_read_total 3\n')
    expect(metrics).toContain('opportune_events_rejected_total{code="id_missing"} 1\n')
    expect(metrics).toContain('opportune_triggers_total{kind="purchase_milestone"} 1\n')
    expect(metrics).toContain(
      'opportune_decisions_total{action="send",reason="best_candidate"} 1\n',
    )
    expect(metrics).toMatch(/opportune_decision_latency_seconds_count 1\n/)
    await first.stop()

    const server = await startServer(directory)
    await server.ready
    const commands = server.said.flatMap((line) => /\.\/bin\/opportune (.+)$/.exec(line)?.[1] ?? [])
    expect(commands.length).toBeGreaterThanOrEqual(6)
    for (const command of commands) {
      const io = new MemoryIo()
      const code = await runCli(wordsOf(command), io)
      expect({ command, code, err: io.err.text }).toEqual({ command, code: 0, err: '' })
      expect(io.out.text).not.toBe('')
    }
    const curl = server.said.find((line) => line.includes('curl ')) ?? ''
    expect(await sameCall(curl)).toBe(200)
    await server.stop()
  }, 60_000)

  test('[SYS-3] refuses a directory that another server owns, and a port in use, and leaves both alone', async () => {
    const directory = join(root, 'owned')
    const owner = await startServer(directory, { import: false })
    expect(await codeOf(startServer(directory, { import: false }))).toBe('log_owned')
    expect((await fetch(`${owner.url}/health/live`)).status).toBe(200)
    await owner.stop()
    const other = createServer()
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { readonly port: number }
    const started = performance.now()
    expect(await codeOf(startServer(directory, { import: false, port }))).toBe('http_port_in_use')
    expect(performance.now() - started).toBeLessThan(8_000)
    other.close()
    // Nothing of the attempt is left that would keep the next one out.
    const next = await startServer(directory, { import: false })
    await next.stop()
  }, 30_000)

  test('[SYS-3] says that a damaged directory is damaged', async () => {
    const directory = join(root, 'damaged')
    mkdirSync(join(directory, 'log'), { recursive: true })
    writeFileSync(join(directory, 'log', 'data.mdb'), Buffer.alloc(64 * 1024, 7))
    expect(await codeOf(startServer(directory, { import: false }))).toBe('log_corrupt')
  })
})

const wordsOf = (command: string): string[] =>
  [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')

const keyOf = (directory: string): string => {
  const stored = readFileSync(join(directory, 'credentials.json'), 'utf8')
  return (JSON.parse(stored) as { readonly writeKeys: readonly [string] }).writeKeys[0]
}

async function post(url: string, key: string, body: string): Promise<number> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body,
  })
  return answer.status
}

const track = ({ url }: Server, directory: string, call: object): Promise<number> =>
  post(`${url}/v1/track`, keyOf(directory), JSON.stringify(call))

async function whileImporting(
  server: Server,
  directory: string,
): Promise<[number, readonly string[]]> {
  const status = await track(server, directory, { userId: 'ann', event: 'Product Viewed' })
  return [status, await reasonsOf(server)]
}

/** A first order of somebody who may be written to at any hour, and one call that is no event. */
async function placeOrder({ url }: Server, directory: string): Promise<void> {
  const batch = [
    {
      type: 'identify',
      userId: 'ann',
      traits: {
        email: 'ann@example.com',
        // Somewhere it is about noon, so that no quiet hours are in the way.
        timezone: zoneAtNoon(),
        consents: { email: { product_updates: true } },
      },
    },
    {
      type: 'track',
      userId: 'ann',
      event: 'Order Completed',
      properties: { order_id: 'o1', revenue: 20 },
    },
    { type: 'track', event: 'Order Completed', properties: { order_id: 'o2' } },
  ]
  expect(await post(`${url}/v1/batch`, keyOf(directory), JSON.stringify({ batch }))).toBe(200)
}

/** Etc/GMT-5 is five hours ahead of UTC. */
function zoneAtNoon(): string {
  const ahead = 13 - new Date().getUTCHours()
  if (ahead === 0) return 'Etc/UTC'
  return ahead > 0 ? `Etc/GMT-${ahead}` : `Etc/GMT+${-ahead}`
}

async function decisionsOf(
  { url }: Server,
  directory: string,
): Promise<readonly Record<string, unknown>[]> {
  const stored = readFileSync(join(directory, 'credentials.json'), 'utf8')
  const { operatorToken } = JSON.parse(stored) as { readonly operatorToken: string }
  const answer = await fetch(`${url}/api/v1/decisions`, {
    headers: { authorization: `Bearer ${operatorToken}` },
  })
  const { decisions } = (await answer.json()) as {
    readonly decisions: readonly Record<string, unknown>[]
  }
  return decisions
}

async function until<T>(look: () => Promise<T>, isEnough: (seen: T) => boolean): Promise<T> {
  const end = performance.now() + 10_000
  for (;;) {
    const seen = await look()
    if (isEnough(seen) || performance.now() > end) return seen
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Sends what a printed curl line would send. */
async function sameCall(line: string): Promise<number> {
  const [, key = '', url = '', body = ''] = /curl -u (\S+): (\S+) .* -d '(.+)'$/.exec(line) ?? []
  return post(url, key, body)
}
