/**
 * A server in a process of its own, which a test can kill or starve. Tells `progress` and `ready`, and
 * on its standard output the code of what it died of.
 */
import { findError } from '#engine'
import { serverOptions } from './start.fixture.ts'
import { startCommand } from './start.ts'

const [, , directory = ''] = process.argv
try {
  const running = await startCommand(serverOptions(directory), {
    out() {},
    progress: { update: () => void process.send?.('progress'), done() {} },
  })
  await running.ready
  process.send?.('ready')
  await running.done
} catch (error) {
  console.log(findError(error)?.code ?? String(error))
  process.exit(1)
}
