/**
 * What one decision pays for its score: microseconds and bytes a row of the compiled pass, on rows of the
 * trial taken in scattered order. Run:
 *
 *   node --expose-gc --conditions=source --import tsx models/benchmarks/score.ts [artefact] [data]
 *
 * Not measured: reading the profile, mapping it to features, storing the score in the decision.
 */
import { readFileSync } from 'node:fs'
import { compileForward, outputLayout, readArtefact, readHillstrom } from '../src/index.ts'

const ROUNDS = 7
const ROWS = 20_000

const artefactPath = process.argv[2] ?? 'examples/models/hillstrom-visit.json'
const dataPath = process.argv[3] ?? 'examples/models/data/hillstrom.csv.gz'

const read = readArtefact(readFileSync(artefactPath))
if (!read.ok) throw new Error(`${read.code}: ${read.reason}`)
const data = readHillstrom(readFileSync(dataPath))
const width = data.featureNames.length
const rows = Array.from({ length: ROWS }, (_, i) => {
  const from = ((i * 7919) % data.count) * width
  return data.features.subarray(from, from + width)
})
const forward = compileForward(read.artefact)
const out = new Float64Array(outputLayout(read.artefact).length)

/** Scores every row once; returns microseconds a row. */
function round(): number {
  const start = performance.now()
  for (const row of rows) forward(row, out)
  return ((performance.now() - start) * 1000) / ROWS
}

round()
globalThis.gc?.()
const heapBefore = process.memoryUsage().heapUsed
const times = Array.from({ length: ROUNDS }, round).toSorted((a, b) => a - b)
const heapAfter = process.memoryUsage().heapUsed
console.log(
  JSON.stringify({
    model: read.artefact.id,
    version: read.artefact.version.slice(0, 12),
    members: read.artefact.network.members,
    rows: ROWS * ROUNDS,
    us_per_row_median: Number(times[ROUNDS >> 1]?.toFixed(2)),
    us_per_row_best: Number(times[0]?.toFixed(2)),
    heap_bytes_per_row: Number(((heapAfter - heapBefore) / (ROWS * ROUNDS)).toFixed(2)),
  }),
)
