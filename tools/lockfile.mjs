/**
 * Keeps package-lock.json whole for every platform.
 *
 * npm leaves a platform's binary package out of the lock file when the machine that writes the lock
 * cannot see it, and `npm ci` then refuses the lock on every machine: the parent still asks for the
 * package. The parent pins those packages to exact versions, so the entries can be written from what
 * the lock already says. They carry no integrity: npm adds it on the platform that installs them.
 *
 *   node tools/lockfile.mjs           fails when an entry is missing
 *   node tools/lockfile.mjs --write   adds what is missing (run it after `npm install`)
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const OS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32']
const CPU = ['arm64', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64', 'arm']
const LIBC = { gnu: 'glibc', gnueabihf: 'glibc', musl: 'musl', musleabihf: 'musl' }

/** Where Node would find `name` when it is asked for by the package at `from`. */
function resolve(packages, from, name) {
  for (let at = from; ; ) {
    const key = `${at === '' ? '' : `${at}/`}node_modules/${name}`
    if (packages[key] !== undefined) return key
    if (at === '') return undefined
    const up = at.lastIndexOf('/node_modules/')
    at = up < 0 ? '' : at.slice(0, up)
  }
}

/** The platform fields that npm would have written, read off the package's name. */
export function platformOf(name) {
  const words = name.split('/').pop().split('-')
  const os = OS.find((it) => words.includes(it))
  const cpu = CPU.find((it) => words.includes(it))
  if (os === undefined || cpu === undefined) return undefined
  const libc =
    os === 'linux' ? words.map((it) => LIBC[it]).find((it) => it !== undefined) : undefined
  return { os: [os], cpu: [cpu], ...(libc === undefined ? {} : { libc: [libc] }) }
}

/**
 * The entries that a lock file's packages ask for and do not find.
 * @returns {Array<{ key: string, entry: object }>}
 * @throws where a missing package has no exact version or is not a platform's binary
 */
export function missingEntries(lock) {
  const missing = new Map()
  for (const [from, parent] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      if (resolve(lock.packages, from, name) !== undefined) continue
      const platform = platformOf(name)
      if (platform === undefined || !/^\d/.test(version))
        throw new Error(
          `${from} asks for ${name}@${version}, which cannot be completed from its name`,
        )
      const key = `node_modules/${name}`
      const facts = { ...platform, ...(parent.dev ? { dev: true } : {}), optional: true }
      // In npm's own order, so that its next write changes nothing: the version, the rest by name.
      const byName = Object.entries(facts).toSorted(([a], [b]) => (a < b ? -1 : 1))
      const entry = { version, ...Object.fromEntries(byName) }
      missing.set(key, { key, entry })
    }
  }
  return [...missing.values()]
}

/** A copy of the lock with the missing entries in place, in npm's own order. */
export function completed(lock) {
  const packages = { ...lock.packages }
  for (const { key, entry } of missingEntries(lock)) packages[key] = entry
  const order = Object.keys(packages).sort((a, b) => a.localeCompare(b, 'en'))
  return { ...lock, packages: Object.fromEntries(order.map((key) => [key, packages[key]])) }
}

function main(args) {
  const file = fileURLToPath(new URL('../package-lock.json', import.meta.url))
  const lock = JSON.parse(readFileSync(file, 'utf8'))
  const missing = missingEntries(lock)
  if (missing.length === 0) return
  if (args.includes('--write')) {
    writeFileSync(file, `${JSON.stringify(completed(lock), null, 2)}\n`)
    console.log(`package-lock.json: ${missing.length} platform packages added`)
    return
  }
  console.error(
    `package-lock.json lacks ${missing.length} platform packages (first: ${missing[0].key}); npm ci would refuse it.\nRun: node tools/lockfile.mjs --write`,
  )
  process.exitCode = 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2))
