/** A worker for the tests of the supervisor: its first argument after the supervisor's says what it does. */
import { appendFileSync } from 'node:fs'

const [behaviour = '', file = ''] = process.argv.slice(-2)
const instance = process.argv.find((it) => it.startsWith('--instance='))?.split('=')[1] ?? ''
const note = (what: string): void => appendFileSync(file, `${instance} ${what}\n`)

note(`start ${process.pid} ${process.argv.includes('--no-duties') ? 'none' : 'duties'}`)
if (behaviour === 'fails') process.exit(3)
process.on('SIGTERM', () => {
  if (behaviour === 'hangs') return
  note('stop')
  process.exit(0)
})
process.send?.('ready')
setInterval(() => {}, 1_000)
