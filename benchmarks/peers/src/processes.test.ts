import { describe, expect, test } from 'vitest'
import { complete, Processes, writeTo } from './processes.ts'

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('processes', () => {
  test('[P1] ending takes along what a process started in turn', async () => {
    const processes = new Processes()
    const running = processes.start('bash', ['-c', 'sleep 60 & echo $!; wait'])
    const grandchild = await new Promise<number>((resolve) => {
      running.onLine((line) => resolve(Number(line)))
    })
    expect(alive(grandchild)).toBe(true)
    await processes.endAndWait()
    // A killed child of nobody is reaped a moment later.
    await expect.poll(() => alive(grandchild), { timeout: 5_000 }).toBe(false)
  })

  test('[P2] a group that has been ended is not signalled again', async () => {
    const processes = new Processes()
    const running = processes.start('true', [])
    await processes.end(running)
    await expect(processes.end(running)).resolves.toBeTypeOf('number')
  })

  test('a failure carries what was said last', async () => {
    const processes = new Processes()
    const running = processes.start('bash', ['-c', 'echo the reason >&2; exit 4'])
    await expect(complete(processes, running, 'the step', 5_000)).rejects.toThrow(
      /the step failed with code 4:\nthe reason/,
    )
  })

  test('what takes too long is ended', async () => {
    const processes = new Processes()
    const running = processes.start('sleep', ['60'])
    await expect(complete(processes, running, 'sleeping', 100)).rejects.toThrow('more than 0.1 s')
    expect(alive(running.pid)).toBe(false)
  })

  test('a command that is not there fails like any other', async () => {
    const processes = new Processes()
    const running = processes.start('no-such-command-here', [])
    await expect(complete(processes, running, 'it', 5_000)).rejects.toThrow('ENOENT')
  })

  test('writing to a process that has ended does not wait for ever', async () => {
    const processes = new Processes()
    const running = processes.start('true', [])
    await writeTo(running, Buffer.alloc(8 << 20))
    await writeTo(running, Buffer.alloc(8 << 20))
    expect(await running.ended).toBe(0)
    await processes.endAndWait()
  })
})
