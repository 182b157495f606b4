/**
 * A lock between processes for installing and building, without native code.
 *
 * The lock is a file that names its owner's process and the child that does the work (npm, tsc): a
 * killed owner may leave its child at work in node_modules, so the lock is free only when both are
 * gone. The owner touches the file every second; a lock untouched for STALE_MS belongs to nobody
 * whatever its numbers say (process ids are reused, and mean nothing in another container).
 *
 * A stale lock is taken away by renaming it, which one contender alone can do; what was renamed is
 * compared with what was judged stale, and put back if another contender was quicker.
 */
import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const STALE_MS = 20_000
const LOOK_MS = 200

function alive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function look(path) {
  try {
    return { text: readFileSync(path, 'utf8'), age: Date.now() - statSync(path).mtimeMs }
  } catch {
    return undefined
  }
}

const pidsOf = (text) =>
  text
    .split(' ')
    .map(Number)
    .filter((pid) => pid > 0)
const isStale = (seen) =>
  seen.age > STALE_MS || (seen.text !== '' && !pidsOf(seen.text).some(alive))

function claim(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

function removeStale(path, seen) {
  const aside = `${path}.${process.pid}`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  try {
    if (readFileSync(aside, 'utf8') !== seen.text) linkSync(aside, path)
  } catch {
    // A third contender holds a lock of its own by now; the work inside looks again before it starts.
  } finally {
    rmSync(aside, { force: true })
  }
}

/**
 * Runs `work` while no other process does. `work` gets a function to be told of its child's pid.
 * @param {string} path the lock file
 * @param {{ say: (line: string) => void }} options
 * @param {(started: (pid: number | undefined) => void) => Promise<void>} work
 */
export async function withLock(path, options, work) {
  mkdirSync(dirname(path), { recursive: true })
  let told = false
  while (!claim(path)) {
    const seen = look(path)
    if (seen !== undefined && isStale(seen)) {
      removeStale(path, seen)
      continue
    }
    if (!told)
      options.say(
        `waiting for process ${pidsOf(seen?.text ?? '')[0] ?? ''} that installs or builds`,
      )
    told = true
    await sleep(LOOK_MS)
  }
  const heartbeat = setInterval(() => {
    try {
      utimesSync(path, new Date(), new Date())
    } catch {
      // The lock was taken as stale while this process was suspended; the work goes on to its end.
    }
  }, 1_000)
  try {
    await work((pid) => writeFileSync(path, `${process.pid} ${pid ?? ''}`.trim()))
  } finally {
    clearInterval(heartbeat)
    rmSync(path, { force: true })
  }
}
