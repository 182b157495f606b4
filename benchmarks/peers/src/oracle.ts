/** What every engine must put out, for the streams of this benchmark. */
import { fork } from 'node:child_process'
import type { QueryResult } from '../../src/verification.ts'
import type { PeerQuery } from './engines.ts'

export interface OracleJob {
  readonly queries: readonly PeerQuery[]
  readonly events: number
  readonly seed: number
}

/** The whole stream is held in memory: 4 million events and their groups need some 5 GB. */
const HEAP = '--max-old-space-size=8192'

export function oracle(job: OracleJob): Promise<ReadonlyMap<PeerQuery, QueryResult>> {
  const fromSource = import.meta.url.endsWith('.ts')
  const file = new URL(`./oracle.child${fromSource ? '.ts' : '.js'}`, import.meta.url)
  const loader = fromSource ? ['--conditions=source', '--import', 'tsx'] : []
  return new Promise((resolve, reject) => {
    const child = fork(file, [JSON.stringify(job)], { execArgv: [...loader, HEAP] })
    child.once('message', (results) => {
      resolve(new Map(results as [PeerQuery, QueryResult][]))
    })
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the oracle ended with code ${code}`)))
  })
}
