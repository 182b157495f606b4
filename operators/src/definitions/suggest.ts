/** "Did you mean": the nearest of the known words. */

/** Edit distance with adjacent transpositions; gives up, and says so by Infinity, beyond `limit`. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return Number.POSITIVE_INFINITY
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (same ? 0 : 1),
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    before = last
    last = row
  }
  return last[b.length] ?? Number.POSITIVE_INFINITY
}

/** The known word nearest to `word`, if it is near enough to be what was meant. */
function nearest(word: string, known: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3))
  let best: { name: string; away: number } | undefined
  for (const name of known) {
    const away = distance(word.slice(0, 64).toLowerCase(), name.toLowerCase(), limit)
    if (away <= limit && (best === undefined || away < best.away)) best = { name, away }
  }
  return best?.name
}

/** The sentence that ends a refusal: a suggestion, or the list where it is short. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = nearest(word, known)
  if (near !== undefined) return `did you mean "${near}"?`
  if (known.length === 0) return 'none is defined'
  return known.length <= 12 ? `known: ${known.join(', ')}` : `${known.length} others are known`
}
