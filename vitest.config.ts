import { defineConfig } from 'vitest/config'
import { plainCount } from './tools/reporter.ts'

export default defineConfig({
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    reporters: ['default', plainCount()],
    // One worker for many files: quick, and it punishes state kept in modules, which we forbid.
    pool: 'threads',
    isolate: false,
    include: ['{engine,operators,models,sinks,server,simulator,benchmarks,tools}/**/*.test.ts'],
  },
})
