/**
 * The engines measured. Each has a script of its own beside this folder (`build`, `run`), which is all
 * that the benchmark knows of it.
 */
import type { QueryName } from '../../src/verification.ts'

/** Queries that every peer has. */
export const PEER_QUERIES = ['ysb', 'q5', 'q7', 'q8', 'q11', 'q18'] as const satisfies QueryName[]
export type PeerQuery = (typeof PEER_QUERIES)[number]

export interface PeerEngine {
  readonly id: string
  readonly title: string
  /** Name of the script, without `.sh`. */
  readonly script: string
  /** What the script is to run, where it has several. */
  readonly variant: string
  /** What the output promises, as it is configured here. */
  readonly guarantee: 'exactly once' | 'at least once'
}

export const ENGINES: readonly PeerEngine[] = [
  {
    id: 'opportune',
    title: 'Opportune',
    script: 'opportune',
    variant: 'kafka',
    guarantee: 'exactly once',
  },
  {
    id: 'flink-hashmap',
    title: 'Flink 2.2.1, state on the heap',
    script: 'flink',
    variant: 'hashmap',
    guarantee: 'exactly once',
  },
  {
    id: 'flink-rocksdb',
    title: 'Flink 2.2.1, RocksDB',
    script: 'flink',
    variant: 'rocksdb',
    guarantee: 'exactly once',
  },
  {
    id: 'kafka-streams-dsl',
    title: 'Kafka Streams 4.3.1, DSL',
    script: 'kafka-streams',
    variant: 'dsl',
    guarantee: 'exactly once',
  },
  {
    id: 'kafka-streams-processor-api',
    title: 'Kafka Streams 4.3.1, Processor API in memory',
    script: 'kafka-streams',
    variant: 'processor-api',
    guarantee: 'exactly once',
  },
  {
    id: 'bytewax',
    title: 'bytewax 0.21.1',
    script: 'bytewax',
    variant: 'python',
    guarantee: 'at least once',
  },
  {
    id: 'quix',
    title: 'Quix Streams 3.28.1',
    script: 'quix',
    variant: 'python',
    guarantee: 'exactly once',
  },
]
