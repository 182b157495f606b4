/** The expected result of every query at any number of events and seed. */
import { type NexmarkEvent, nexmarkEvent } from '../generator/nexmark.ts'
import { type AdEvent, ysbEvent } from '../generator/ysb.ts'
import { type QueryName, type QueryResult, summarise } from '../verification.ts'
import * as nexmark from './nexmark.ts'
import { ysb } from './ysb.ts'

function* nexmarkEvents(events: number, seed: number): Generator<NexmarkEvent> {
  for (let i = 0; i < events; i++) yield nexmarkEvent(seed, i)
}

function* ysbEvents(events: number, seed: number): Generator<AdEvent> {
  for (let i = 0; i < events; i++) yield ysbEvent(seed, i)
}

/**
 * Rows and hashes that an engine must reproduce. The stream is held in memory: about 250 MB for a
 * million events.
 */
export function expectedResults(
  queries: readonly QueryName[],
  stream: { readonly events: number; readonly seed: number },
): Map<QueryName, QueryResult> {
  const results = new Map<QueryName, QueryResult>()
  let data: nexmark.NexmarkData | undefined
  for (const query of queries) {
    if (query === 'ysb') {
      results.set(query, summarise(query, ysb(ysbEvents(stream.events, stream.seed))))
      continue
    }
    data ??= nexmark.collect(nexmarkEvents(stream.events, stream.seed))
    results.set(query, summarise(query, nexmark[query](data)))
  }
  return results
}
