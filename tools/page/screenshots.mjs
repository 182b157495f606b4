/**
 * Pictures of the page on the made-up system, wide and narrow, light and dark, each view:
 *   node --conditions=source --import tsx tools/page/screenshots.mjs DIRECTORY
 * With the address of a running server after it, of that one instead:
 *   node --conditions=source --import tsx tools/page/screenshots.mjs docs/images http://127.0.0.1:8080
 * Needs Chromium and its driver (Debian: chromium, chromium-driver). Prints what the browser's console
 * said and where content is wider than the window; fails on either.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startDemo } from './demo-system.ts'

const DRIVER = 'chromedriver'
const PORT = 9515
const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--hide-scrollbars',
]
const SIZES = { wide: [1280, 900, 1], narrow: [390, 844, 2] }

async function call(method, path, body) {
  const response = await fetch(`http://127.0.0.1:${PORT}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const { value } = await response.json()
  if (!response.ok) throw new Error(`${path}: ${value.message}`)
  return value
}

async function driver() {
  const child = spawn(DRIVER, [`--port=${PORT}`], { stdio: 'ignore' })
  for (let tries = 0; tries < 100; tries++) {
    const up = await fetch(`http://127.0.0.1:${PORT}/status`).then(
      (it) => it.ok,
      () => false,
    )
    if (up) return child
    await pause(100)
  }
  child.kill()
  throw new Error('chromedriver does not answer')
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function browse(work) {
  const { sessionId } = await call('POST', '/session', {
    capabilities: {
      alwaysMatch: {
        browserName: 'chrome',
        'goog:chromeOptions': { args: FLAGS },
        'goog:loggingPrefs': { browser: 'ALL' },
      },
    },
  })
  const at = `/session/${sessionId}`
  const cdp = (cmd, params) => call('POST', `${at}/goog/cdp/execute`, { cmd, params })
  const run = (script) => call('POST', `${at}/execute/sync`, { script, args: [] })
  try {
    await work({ cdp, run, open: (url) => call('POST', `${at}/url`, { url }) })
    return await call('POST', `${at}/se/log`, { type: 'browser' })
  } finally {
    await call('DELETE', at)
  }
}

/** A picture of the whole height, and how many pixels the content is wider than the window. */
async function shoot({ cdp, run, open }, url, look) {
  const [width, height, deviceScaleFactor] = SIZES[look.size]
  await cdp('Emulation.setDeviceMetricsOverride', {
    width,
    height,
    deviceScaleFactor,
    mobile: false,
  })
  await cdp('Emulation.setEmulatedMedia', {
    features: [{ name: 'prefers-color-scheme', value: look.scheme }],
  })
  await open('about:blank')
  await open(url)
  await pause(1_500)
  const [full, over] = await run(
    'const e = document.documentElement; return [e.scrollHeight, e.scrollWidth - innerWidth]',
  )
  const clip = { x: 0, y: 0, width, height: Math.max(full, height), scale: 1 }
  const { data } = await cdp('Page.captureScreenshot', { clip, captureBeyondViewport: true })
  return { data, over }
}

async function main(directory, running) {
  mkdirSync(directory, { recursive: true })
  const address = running ?? (await startDemo(0))
  const customer = '12346'
  const { decisions } = await listDecisions(address)
  const views = {
    overview: '#/',
    decision: `#/decisions/${(decisions.find((it) => it.action === 'defer') ?? decisions[0]).decision_id}`,
    customer: `#/customers/${decisions.at(-1).customer_id ?? customer}`,
  }
  const child = await driver()
  let faults = 0
  try {
    const said = await browse(async (browser) => {
      for (const [view, hash] of Object.entries(views))
        for (const size of Object.keys(SIZES))
          for (const scheme of ['light', 'dark']) {
            const name = `${view}-${size}-${scheme}`
            const { data, over } = await shoot(browser, `${address}/${hash}`, { size, scheme })
            writeFileSync(join(directory, `${name}.png`), Buffer.from(data, 'base64'))
            console.log(over > 0 ? `${name}: ${over} px too wide` : name)
            if (over > 0) faults++
          }
    })
    for (const { level, message } of said) console.log(`console ${level}: ${message}`)
    faults += said.length
  } finally {
    child.kill()
  }
  process.exit(faults === 0 ? 0 : 1)
}

async function listDecisions(address) {
  const page = await (await fetch(address)).text()
  const token = /name="session" content="([^"]+)"/.exec(page)?.[1]
  const response = await fetch(`${address}/api/v1/decisions`, {
    headers: { authorization: `Bearer ${token}` },
  })
  return response.json()
}

await main(process.argv[2] ?? 'data/page', process.argv[3])
