/**
 * Expected rows and hashes, computed in a process of its own, whose memory goes with it. The stream and
 * the queries come as the only argument, the outcome goes to the parent as a message.
 */
import { expectedResults } from '../../src/oracles/index.ts'
import type { OracleJob } from './oracle.ts'

const { queries, events, seed } = JSON.parse(process.argv[2] ?? '{}') as OracleJob
process.send?.([...expectedResults(queries, { events, seed })])
