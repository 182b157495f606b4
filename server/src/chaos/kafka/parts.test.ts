import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { FaultPlan } from './faults.ts'
import { Feeder } from './feeder.ts'
import { Fleet } from './fleet.ts'
import { ChaosProxy } from './proxy.ts'

describe('the faults of a seed', () => {
  const draw = (seed: number) => {
    const plan = new FaultPlan(seed, 3)
    return Array.from({ length: 40 }, () => plan.next())
  }

  test('are one list, and another one for another seed', () => {
    expect(draw(5)).toEqual(draw(5))
    expect(draw(5)).not.toEqual(draw(6))
  })

  test('have every kind in every 20', () => {
    const kinds = (faults: ReturnType<typeof draw>) => new Set(faults.map(({ kind }) => kind)).size
    expect(kinds(draw(9).slice(0, 20))).toBe(9)
    expect(kinds(draw(9).slice(20))).toBe(9)
  })
})

describe('the proxy', () => {
  const opened: { close(): unknown }[] = []
  const sockets: Socket[] = []

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    for (const it of opened.splice(0)) await it.close()
  })

  /** A server that answers every piece of data with the same in capitals, and a client of it. */
  async function pair() {
    const heard: string[] = []
    const server: Server = createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => {})
      socket.on('data', (data) => {
        heard.push(data.toString())
        socket.write(data.toString().toUpperCase())
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    opened.push(server)
    const target = (server.address() as { readonly port: number }).port
    const port = await freePort()
    const proxy = await ChaosProxy.listen(port, target)
    opened.push(proxy)
    return { proxy, heard, client: () => client(port) }
  }

  async function client(port: number) {
    const answers: string[] = []
    let closed = false
    const socket = connect(port, '127.0.0.1')
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      closed = true
    })
    socket.on('data', (data) => answers.push(data.toString()))
    await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))
    return { socket, answers, closed: () => closed }
  }

  test('passes data both ways', async () => {
    const { client: open, heard } = await pair()
    const { socket, answers } = await open()
    socket.write('one')
    await expect.poll(() => answers.join('')).toBe('ONE')
    expect(heard.join('')).toBe('one')
  })

  test('cut: resets what is open, refuses what comes, until it is healed', async () => {
    const { proxy, client: open } = await pair()
    const first = await open()
    proxy.cut()
    await expect.poll(first.closed).toBe(true)
    const second = await open()
    await expect.poll(second.closed).toBe(true)
    proxy.heal()
    const third = await open()
    third.socket.write('again')
    await expect.poll(() => third.answers.join('')).toBe('AGAIN')
  })

  test('half-open: nothing passes and nothing closes; what was sent meanwhile arrives in the end', async () => {
    const { proxy, client: open, heard } = await pair()
    const one = await open()
    proxy.hold('both')
    one.socket.write('held')
    await pause()
    expect(heard).toEqual([])
    expect(one.closed()).toBe(false)
    proxy.heal()
    await expect.poll(() => one.answers.join('')).toBe('HELD')
  })

  test('half-open for answers: the request arrives, its answer does not, on new connections too', async () => {
    const { proxy, client: open, heard } = await pair()
    proxy.hold('answers')
    const one = await open()
    one.socket.write('asked')
    await expect.poll(() => heard.join('')).toBe('asked')
    await pause()
    expect(one.answers).toEqual([])
    proxy.heal()
    await expect.poll(() => one.answers.join('')).toBe('ASKED')
  })

  test('delay: data come later, in their order', async () => {
    const { proxy, client: open } = await pair()
    const one = await open()
    proxy.delay(40)
    const started = performance.now()
    one.socket.write('a')
    await pause()
    proxy.delay(5)
    one.socket.write('b')
    await expect.poll(() => one.answers.join('')).toBe('AB')
    expect(performance.now() - started).toBeGreaterThanOrEqual(40)
  })
})

describe('the feeder', () => {
  const record = (value: string, key: string | null = null) => ({
    key: key === null ? null : Buffer.from(key),
    value: Buffer.from(value),
  })

  test('appends no more than was granted', async () => {
    const appended: number[] = []
    const feeder = new Feeder({
      appender: {
        append: (_topic, _partition, records) => Promise.resolve(appended.push(records.length)),
        close: () => Promise.resolve(),
      },
      settled: () => Promise.resolve(),
      onTimersOnly: () => {},
    })
    feeder.grant(3)
    await feeder.append([record('1'), record('2')])
    const second = feeder.append([record('3'), record('4')])
    await pause()
    expect(appended).toEqual([2])
    feeder.grant(1)
    await second
    expect(appended).toEqual([2, 2])
    const third = feeder.append([record('5')])
    feeder.stop()
    await expect(third).rejects.toThrow('stopped')
  })
})

describe('the fleet', () => {
  test('an end that was not ordered is a failure, whatever fault works on the worker; an ordered one is not', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'opportune-fleet-'))
    const nowhere = {
      brokers: '',
      proxies: [],
      behindProxy: ['127.0.0.1:1'],
      kill: () => Promise.resolve(),
      restart: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    }
    const prefix = 'fleet.'
    const fleet = new Fleet({
      cluster: nowhere,
      directory,
      prefix,
      workers: 1,
      partitions: 1,
      tasks: [],
    })
    try {
      fleet.start(0)
      await fleet.kill(0)
      expect(fleet).toMatchObject({ kills: 1, failures: [] })
      fleet.start(0)
      const excuse = fleet.excuse([0])
      fleet.worker(0).signal('SIGKILL')
      await fleet.worker(0).gone
      excuse.over()
      await pause()
      expect(fleet.kills).toBe(1)
      expect(fleet.failures).toEqual([expect.stringContaining('worker 0 ended by itself: SIGKILL')])
    } finally {
      fleet.dismiss(0)
      await fleet.kill(0)
      await fleet.close()
      rmSync(directory, { recursive: true, force: true })
    }
  })
})

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60))

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { readonly port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
