import { describe, expect, test } from 'vitest'
import { createSimulatedLog, type DeadLetter } from '#engine'
import { parseEvent } from '#operators'
import { TOPICS } from '../../app/topology.ts'
import { deadLetters, redrive } from './dead-letters.ts'

const AT = Date.UTC(2026, 10, 20)

const letter = (over: Partial<DeadLetter> & { readonly content: string }): Buffer => {
  const { content, ...rest } = over
  return Buffer.from(
    JSON.stringify({
      code: 'invalid_json',
      reason: '',
      by: 'validate',
      topic: TOPICS.events,
      partition: 0,
      offset: 0,
      at: AT,
      bytes: Buffer.from(content).toString('base64'),
      ...rest,
    } satisfies DeadLetter),
  )
}

async function logWith(letters: readonly Buffer[]) {
  const log = createSimulatedLog()
  await log.ensureTopics([{ name: TOPICS.deadLetters, partitions: 1, cleanup: 'delete' }])
  const appender = log.appender()
  for (const value of letters)
    await appender.append(TOPICS.deadLetters, 0, [{ key: null, value, timestamp: AT }])
  await appender.close()
  return log
}

describe('[ING-4] dead letters', () => {
  test('pages cover all of them once, newest first, over the blocks they are read in', async () => {
    const log = await logWith(Array.from({ length: 1_300 }, (_, i) => letter({ content: `${i}` })))
    const seen: string[] = []
    for (let cursor: string | null = null; ; ) {
      const page = await deadLetters(log, { limit: 100, cursor, code: null })
      seen.push(...page.dead_letters.map((it) => Buffer.from(it.bytes_base64, 'base64').toString()))
      cursor = page.next_cursor
      if (cursor === null) break
    }
    expect(seen).toEqual(Array.from({ length: 1_300 }, (_, i) => `${1_299 - i}`))
  })

  test('nothing where the topic does not exist yet', async () => {
    const log = createSimulatedLog()
    expect(await deadLetters(log, { limit: 1, cursor: null, code: null })).toEqual({
      dead_letters: [],
      next_cursor: null,
    })
  })

  test('a redrive gives the router the bytes it refused, the oldest first', async () => {
    const log = await logWith(['a', 'b', 'c'].map((content) => letter({ content })))
    const sent: string[] = []
    const append = async (calls: readonly Uint8Array[]): Promise<void> => {
      sent.push(...calls.map((bytes) => Buffer.from(bytes).toString()))
    }
    expect(await redrive(log, { code: 'invalid_json', limit: 2 }, append)).toEqual({
      redriven: 2,
      unknown: [],
    })
    expect(sent).toEqual(['b', 'c'])
  })

  test('what an operator refused goes back as the call it came from, with its message id', async () => {
    const call = {
      type: 'track',
      event: 'Product Viewed',
      messageId: 'm1',
      userId: 'u1',
      anonymousId: 'a1',
      timestamp: '2026-11-20T00:00:00.000Z',
      properties: { product_id: 'p1' },
      context: { locale: 'en-GB' },
    }
    const parsed = parseEvent(Buffer.from(JSON.stringify(call)), AT)
    if (!parsed.ok) throw new Error(parsed.code)
    const inbox = { topic: TOPICS.customerInbox, code: 'operator_failed' }
    const log = await logWith([
      letter({ ...inbox, content: JSON.stringify({ kind: 'event', event: parsed.event }) }),
      letter({ ...inbox, content: JSON.stringify(parsed.event) }),
      // A link between ids that was refused: there is no event to send again.
      letter({ ...inbox, content: JSON.stringify({ id: 'u:1' }) }),
    ])
    const sent: Uint8Array[] = []
    const { dead_letters: all } = await deadLetters(log, { limit: 10, cursor: null, code: null })
    const ids = all.map(({ id }) => id)
    const result = await redrive(log, { ids }, async (calls) => void sent.push(...calls))
    expect(result).toEqual({ redriven: 2, unknown: [ids[0]] })
    for (const bytes of sent) expect(parseEvent(bytes, AT)).toEqual(parsed)
  })
})
