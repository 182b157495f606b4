import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createSimulatedLog, type EventLog } from '#engine'
import { type OutboxChannel, startOutbox } from './outbox.ts'

const DAY = 86_400_000
let directory = ''
let clock = 0

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'opportune-outbox-'))
  clock = Date.UTC(2026, 10, 20, 23, 59)
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

async function emptyLog(): Promise<EventLog> {
  const log = createSimulatedLog({ now: () => clock })
  await log.ensureTopics([{ name: 'outbox', partitions: 3, cleanup: 'delete' }])
  return log
}

const put = (log: EventLog, partition: number, ...messages: readonly string[]): Promise<number> =>
  log.appender().append(
    'outbox',
    partition,
    messages.map((text) => ({ key: null, value: Buffer.from(text) })),
  )

const channelOn = (log: EventLog, into = directory): OutboxChannel =>
  startOutbox({ log, directory: into, now: () => clock })

async function drained(log: EventLog, into = directory): Promise<void> {
  const channel = channelOn(log, into)
  await channel.drain()
  await channel.stop()
}

interface Line {
  readonly partition: number
  readonly offset: number
  readonly message: unknown
}

/** All messages of all files, by partition and offset as they were read. */
function written(from = directory): readonly Line[] {
  return readdirSync(from)
    .toSorted()
    .flatMap((name) => readFileSync(join(from, name), 'utf8').split('\n').slice(1, -1))
    .map((line) => JSON.parse(line) as Line)
}

const places = (lines: readonly Line[]): readonly string[] =>
  lines.map(({ partition, offset }) => `${partition}/${offset}`).toSorted()

describe('the outbox channel', () => {
  test('[Q1 Q3] writes each message once, day by day, and goes on where it was', async () => {
    const log = await emptyLog()
    await put(log, 0, '{"to":"a@b.c","body":"Hi \\"Ann\\"\\n"}', '{"to":"d@e.f"}')
    await put(log, 2, '{"to":"g@h.i"}')
    await drained(log)
    clock += DAY
    await put(log, 0, '{"to":"j@k.l"}')
    await drained(log)
    await drained(log)

    expect(readdirSync(directory).toSorted()).toEqual(['2026-11-20.ndjson', '2026-11-21.ndjson'])
    expect(places(written())).toEqual(['0/0', '0/1', '0/2', '2/0'])
    expect(written()[0]?.message).toEqual({ to: 'a@b.c', body: 'Hi "Ann"\n' })
    // A partition that was quiet all day is in the header of the new file.
    expect(readFileSync(join(directory, '2026-11-21.ndjson'), 'utf8').split('\n')[0]).toBe(
      '{"outbox":1,"positions":{"0":2,"2":1}}',
    )
  })

  test('[Q3] a clock that goes back does not reopen a finished day', async () => {
    const log = await emptyLog()
    await put(log, 0, '{"n":1}')
    await drained(log)
    clock -= 3 * DAY
    for (const text of ['{"n":2}', '{"n":3}']) {
      await put(log, 0, text)
      await drained(log)
    }
    expect(readdirSync(directory)).toEqual(['2026-11-20.ndjson'])
    expect(places(written())).toEqual(['0/0', '0/1', '0/2'])
  })

  test('[Q1] is woken by the log', async () => {
    const log = await emptyLog()
    const channel = channelOn(log)
    await put(log, 1, '{"n":1}')
    await expect.poll(() => channel.status()).toMatchObject({ state: 'writing', written: 1 })
    await channel.stop()
    expect(channel.status().state).toBe('stopped')
  })

  test('[Q1 Q2] cut off at any byte, no message is lost or comes twice', async () => {
    const log = await emptyLog()
    for (let n = 0; n < 6; n++) await put(log, n % 3, `{"n":${n},"text":"caf\u00e9"}`)
    await drained(log)
    const [name = ''] = readdirSync(directory)
    const whole = readFileSync(join(directory, name))
    const expected = places(written())
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.length }), async (length) => {
        const cut = mkdtempSync(join(directory, 'cut-'))
        writeFileSync(join(cut, name), whole.subarray(0, length))
        await drained(log, cut)
        expect(places(written(cut))).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  })

  test('[Q1] a new day whose header was cut short goes back to the day before', async () => {
    const log = await emptyLog()
    await put(log, 0, '{"n":1}')
    await drained(log)
    clock += DAY
    writeFileSync(join(directory, '2026-11-21.ndjson'), '{"outbox":1,"pos')
    await put(log, 0, '{"n":2}')
    await drained(log)
    expect(places(written())).toEqual(['0/0', '0/1'])
  })

  test('[Q1] a message that is not one line of JSON is kept as a text', async () => {
    const log = await emptyLog()
    await put(log, 0, '{"n":\n1}', 'no JSON')
    await drained(log)
    expect(written().map(({ message }) => message)).toEqual(['{"n":\n1}', 'no JSON'])
  })

  test('[Q1] a file that was altered stops it rather than guess', async () => {
    const log = await emptyLog()
    await put(log, 0, '{"n":1}')
    await drained(log)
    appendFileSync(join(directory, '2026-11-20.ndjson'), 'garbage\n')
    expect(() => channelOn(log)).toThrow(/outbox_corrupt: 2026-11-20.ndjson, line 3/)
  })
})
