import { expect, test } from 'vitest'
import { Plant } from './worker.fixture.ts'

const noted = (p: Plant): number => p.disk('by-word/0').note()?.changelogOffset ?? 0

test('[R7] a checkpoint says to read on from where the changelog was when a commit proved it ours', async () => {
  let now = 0
  const p = new Plant()
  const one = await p.start({ now: () => now, checkpointEveryMs: 1 })
  const changelog = { topic: 'by-word.changelog', partition: 0 }
  const end = async (): Promise<number> => (await p.log.bounds([changelog]))[0]?.end ?? 0
  const cycles = async (): Promise<void> => {
    for (let n = 0; n < 6; n++) {
      now += 10
      await one.cycle(0)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const words = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  await p.say(0, ...words)
  await cycles()
  const ours = await end()
  expect(ours).toBeGreaterThan(0)
  // Another owner writes, of whom this worker has not heard yet; it commits nothing any more.
  const appender = p.log.appender()
  await appender.append(changelog.topic, changelog.partition, [
    { key: Buffer.from('theirs'), value: Buffer.from('1') },
  ])
  await appender.close()
  await cycles()
  expect(await end()).toBeGreaterThan(ours)
  expect(noted(p)).toBeLessThanOrEqual(ours)
  // It was ours after all: the next commit proves it, and the checkpoint after that may say so.
  await p.say(0, ...words)
  await cycles()
  await p.say(0, ...words)
  await cycles()
  expect(noted(p)).toBeGreaterThan(ours)
  await one.stop()
})
