import { configDefaults, defineConfig } from 'vitest/config'
import { plainCount } from './tools/reporter.ts'

// For the Kafka tests' processes: each call of the client that waits for a broker holds a thread.
process.env['UV_THREADPOOL_SIZE'] ??= '64'

const TESTS = '{engine,operators,models,sinks,server,simulator,benchmarks,tools}/**/*'

export default defineConfig({
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    reporters: ['default', plainCount()],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [`${TESTS}.test.ts`],
          exclude: [...configDefaults.exclude, '**/*.kafka.test.ts'],
          // One worker for many files: quick, and it punishes state kept in modules, which we forbid.
          pool: 'threads',
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'kafka',
          include: [`${TESTS}.kafka.test.ts`],
          // The client's native half loads into one thread of a process only: the main one.
          pool: 'forks',
          isolate: false,
          // One broker for all of them; started where such a test is in the run.
          globalSetup: ['tools/kafka/setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
