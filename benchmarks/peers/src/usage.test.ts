import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { cpuBetween, peakMb, readStat, UsageRecorder } from './usage.ts'

const sample = (at: number, cpuSeconds: number, rssMb = 0) => ({
  at,
  cpuSeconds,
  rssBytes: rssMb * 2 ** 20,
})

describe('readStat', () => {
  test('[U1] adds own and waited-for children’s time, whatever the command is called', () => {
    const before = '4242 (a) b (c) S 1 777 777 0 -1 4194560 1 2 3 4'
    const text = `${before} 150 50 30 20 20 0 9 0 1234 99999999 256 18446744073709551615`
    expect(readStat(text)).toEqual({ group: 777, cpuSeconds: 2.5, rssBytes: 256 * 4096 })
  })
})

describe('between samples', () => {
  test('[U2] CPU time is read off the line through the samples around an instant', () => {
    const samples = [sample(1000, 1), sample(2000, 3), sample(3000, 3.5)]
    expect(cpuBetween(samples, 1500, 2500)).toBeCloseTo(1.25)
    expect(cpuBetween(samples, 1000, 3000)).toBeCloseTo(2.5)
  })

  test('instants outside the samples count as the nearest', () => {
    const samples = [sample(1000, 1), sample(2000, 3)]
    expect(cpuBetween(samples, 0, 9000)).toBe(2)
    expect(cpuBetween([], 0, 1)).toBe(0)
  })

  test('the peak is of one time, not of each process', () => {
    expect(peakMb([sample(1, 0, 10), sample(2, 0, 300), sample(3, 0, 20)])).toBe(300)
  })
})

describe.skipIf(!existsSync('/proc/self/stat'))('a process group', () => {
  test('is measured with what its leader starts', async () => {
    const busy = 'const t=Date.now();while(Date.now()-t<400);'
    const script = `require('child_process').spawnSync(process.execPath,['-e',${JSON.stringify(busy)}]);setTimeout(()=>{},5000)`
    const child = spawn(process.execPath, ['-e', script], { detached: true, stdio: 'ignore' })
    const recorder = new UsageRecorder(child.pid ?? 0)
    try {
      await sleep(1_200)
      const samples = recorder.stop()
      expect(samples.at(-1)?.cpuSeconds).toBeGreaterThan(0.1)
      expect(peakMb(samples)).toBeGreaterThan(10)
    } finally {
      process.kill(-(child.pid ?? 0), 'SIGKILL')
    }
  })
})
