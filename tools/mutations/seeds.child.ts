/**
 * Simulates seeds of the sources around it until one is not sound, and prints that one as JSON; null
 * where all are.
 *
 *   node --conditions=source --import tsx tools/mutations/seeds.child.ts <first> <count>
 */
import { isSound, simulate } from '#engine/testing'

const [first = 1, count = 1] = process.argv.slice(2).map(Number)

async function firstUnsound(): Promise<{ seed: number; what: string } | null> {
  for (let seed = first; seed < first + count; seed++)
    try {
      const report = await simulate(seed)
      if (!isSound(report))
        return { seed, what: report.finding ?? report.differences[0] ?? 'counts differ' }
    } catch (error) {
      return { seed, what: String(error) }
    }
  return null
}

console.log(JSON.stringify(await firstUnsound()))
