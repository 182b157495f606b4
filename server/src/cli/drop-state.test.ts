import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ERRORS, findError, StateEnvironment } from '#engine'
import { startServer } from '../start/start.fixture.ts'
import { makeShop, type Shop } from './backend/shop.fixture.ts'
import { MemoryIo } from './io.fixture.ts'
import { runCli } from './run.ts'

const TASK = 'customer-inbox/0'

let shop: Shop
beforeEach(async () => {
  shop = await makeShop()
  await leaveStateOf('retired', shop.directory)
})
afterEach(() => shop.remove())

/** As a release leaves it that still had the operator: its checkpoint notes state of that name. */
async function leaveStateOf(operator: string, directory: string): Promise<void> {
  const states = new StateEnvironment({ directory: join(directory, 'state') })
  const backend = states.backend(TASK)
  const note = backend.note()
  if (note === undefined) throw new Error(`${TASK} has no checkpoint`)
  const layout = [...note.layout, { id: operator, version: 1 }]
  await backend.write({ changes: [], timers: [], note: { ...note, layout } })
  await backend.close()
  await states.close()
}

async function cli(...words: string[]) {
  const io = new MemoryIo()
  const code = await runCli([...words, '--data', shop.directory], io)
  return { code, err: io.err.text }
}

test('[R8] replay refuses state of an operator that is gone, says how to drop it, and drops it', async () => {
  const events = join(shop.directory, '..', 'events.ndjson')
  const words = ['replay', events, '--format', 'ndjson', '--partitions', '2']
  const refused = await cli(...words)
  expect(refused.code).toBe(1)
  expect(refused.err).toMatch(/^state_vanished: .*\bretired\b.* --drop-state /)
  // Another name drops nothing that was not meant.
  expect((await cli(...words, '--drop-state', 'retried')).code).toBe(1)
  const both = ['--drop-state', 'other', '--drop-state', 'retired']
  expect(await cli(...words, ...both)).toEqual({ code: 0, err: '' })
  expect((await cli('profile', 'anna')).code).toBe(0)
})

test('[R8] start does the same, once: what was dropped is gone for the next one', async () => {
  const start = (over: { readonly dropState?: readonly string[] }) =>
    startServer(shop.directory, { import: false, ...over })
  const refused = findError(await start({}).catch((error: unknown) => error))
  expect(refused?.code).toBe('state_vanished')
  await (await start({ dropState: ['retired'] })).stop()
  await (await start({})).stop()
}, 30_000)

test('[R8] the remedy names the option, and the option is there', async () => {
  for (const { remedy } of [ERRORS.state_vanished, ERRORS.state_version])
    expect(remedy).toContain('--drop-state')
  for (const command of ['start', 'replay']) {
    const io = new MemoryIo()
    expect(await runCli([command, '--help'], io)).toBe(0)
    expect(io.out.text).toContain('--drop-state <operator>')
  }
  const io = new MemoryIo()
  expect(await runCli(['replay', '--from', 'x', '--verify', '--drop-state', 'a'], io)).toBe(2)
})
