/** A server that a test can kill. */
import { serverOptions } from './start.fixture.ts'
import { startCommand } from './start.ts'

const [, , directory = ''] = process.argv
const running = await startCommand(serverOptions(directory), {
  out() {},
  progress: { update: () => void process.send?.('progress'), done() {} },
})
await running.ready
process.send?.('ready')
