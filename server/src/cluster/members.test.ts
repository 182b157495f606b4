import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createSimulatedLog, type EventLog, findError } from '#engine'
import { MEMBERS_TOPIC, Members, requireOwner } from './members.ts'

let log: EventLog
const opened: Members[] = []

const open = async (instance: string): Promise<Members> => {
  const members = await Members.open({
    log,
    instance,
    onError: (error) => {
      throw error
    },
  })
  opened.push(members)
  return members
}

const record = (tasks: Record<string, number>, over: { readonly duties?: boolean } = {}) => ({
  url: 'http://127.0.0.1:1',
  version: '1',
  duties: over.duties ?? false,
  tasks,
})

const put = async (key: string, value: string | null): Promise<void> => {
  const bytes = value === null ? null : Buffer.from(value)
  await log.appender().append(MEMBERS_TOPIC, 0, [{ key: Buffer.from(key), value: bytes }])
}

beforeEach(() => {
  log = createSimulatedLog()
})
afterEach(async () => {
  for (const members of opened.splice(0)) members.close()
  await log.close()
})

describe('the members of a log', () => {
  test('[M1] know of each other, those that came before and those that come after', async () => {
    const a = await open('a')
    await a.publish(record({ 'customer-inbox/0': 1 }, { duties: true }), 5)
    const b = await open('b')
    await b.publish(record({ 'customer-inbox/1': 2 }), 6)
    await expect.poll(() => a.all().map((member) => member.instance)).toEqual(['a', 'b'])
    expect(b.all()).toEqual(a.all())
    expect(b.all()[0]).toMatchObject({ duties: true, at: 5, tasks: { 'customer-inbox/0': 1 } })
  })

  test('[M1] a record is written when what it says changes, and not for an epoch more', async () => {
    const a = await open('a')
    await a.publish(record({ 'customer-inbox/0': 1 }), 1)
    await a.publish(record({ 'customer-inbox/0': 2 }), 2)
    expect((await log.bounds([{ topic: MEMBERS_TOPIC, partition: 0 }]))[0]?.end).toBe(1)
    await a.publish(record({}), 3)
    await a.follow()
    expect(a.all()[0]?.tasks).toEqual({})
  })

  test('[M2] a later epoch outvotes a later word, and a later word the same epoch', async () => {
    const reader = await open('reader')
    const [a, b] = [await open('a'), await open('b')]
    await b.publish(record({ 't/0': 7, 't/1': 4 }), 1)
    await a.publish(record({ 't/0': 6, 't/1': 4 }), 2)
    await reader.follow()
    expect(reader.ownerOf('t/0')?.instance).toBe('b')
    expect(reader.ownerOf('t/1')?.instance).toBe('a')
    // What we keep ourselves we are not asking others for.
    await b.follow()
    expect(b.ownerOf('t/0')?.instance).toBe('a')
  })

  test('[M3] nobody to ask is told as such, and what is not understood is nobody', async () => {
    const a = await open('a')
    for (const text of ['no JSON', '{"instance":"b"}', '{"instance":"c","url":7}'])
      await put('b', text)
    await put('d', JSON.stringify({ ...record({ 't/0': 1 }), instance: 'd', at: 1 }))
    await a.follow()
    expect(requireOwner(a, 't/0').instance).toBe('d')
    await put('d', null)
    await a.follow()
    expect(a.all()).toEqual([])
    const refused = (() => {
      try {
        return requireOwner(a, 't/0')
      } catch (error) {
        return findError(error)
      }
    })()
    expect(refused).toMatchObject({ code: 'task_moving', class: 'retriable' })
  })
})
