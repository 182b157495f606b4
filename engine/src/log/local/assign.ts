/**
 * Who gets which partition. Sticky: a partition moves only to even out the load, so that a member
 * joining or leaving disturbs as few tasks as possible. Deterministic in the order of the seats.
 */
import { partitionKey, type TopicPartition } from '../port.ts'

export interface Candidate {
  readonly id: string
  readonly topics: readonly string[]
}

/**
 * @param partitions all partitions of all topics, in any fixed order
 * @param owners present owners by partition key; owners that may not keep it are ignored
 * @returns the new owner's id by partition key; partitions that nobody subscribed to are left out.
 *   No candidate ends with two partitions more than another that could take one of them.
 */
export function assign(
  partitions: readonly TopicPartition[],
  candidates: readonly Candidate[],
  owners: ReadonlyMap<string, string>,
): Map<string, string> {
  const load = new Map(candidates.map((candidate) => [candidate.id, 0]))
  const loadOf = (candidate: Candidate): number => load.get(candidate.id) ?? 0
  const result = new Map<string, string>()
  const give = (key: string, id: string): void => {
    const former = result.get(key)
    if (former !== undefined) load.set(former, (load.get(former) ?? 0) - 1)
    result.set(key, id)
    load.set(id, (load.get(id) ?? 0) + 1)
  }
  const eligible = (partition: TopicPartition): Candidate[] =>
    candidates.filter((candidate) => candidate.topics.includes(partition.topic))
  const lightest = (among: readonly Candidate[]): Candidate | undefined =>
    among.reduce<Candidate | undefined>(
      (best, candidate) =>
        best === undefined || loadOf(candidate) < loadOf(best) ? candidate : best,
      undefined,
    )

  for (const partition of partitions) {
    const key = partitionKey(partition)
    const owner = owners.get(key)
    if (owner !== undefined && eligible(partition).some((candidate) => candidate.id === owner))
      give(key, owner)
  }
  for (const partition of partitions) {
    const key = partitionKey(partition)
    const taker = result.has(key) ? undefined : lightest(eligible(partition))
    if (taker !== undefined) give(key, taker.id)
  }
  // The widest gap first, so that as few as possible move. Each move lowers the sum of squared
  // loads, so this ends.
  for (;;) {
    let widest = 1
    let move: readonly [key: string, id: string] | undefined
    for (const partition of partitions.toReversed()) {
      const key = partitionKey(partition)
      const owner = result.get(key)
      const taker = lightest(eligible(partition))
      if (owner === undefined || taker === undefined) continue
      const gap = (load.get(owner) ?? 0) - loadOf(taker)
      if (gap <= widest) continue
      widest = gap
      move = [key, taker.id]
    }
    if (move === undefined) return result
    give(...move)
  }
}
