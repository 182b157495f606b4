/** Brings one fault about, from its beginning to its end; what was broken runs again when it resolves. */
import { type ChaosCluster, SESSION_MS } from './cluster.ts'
import type { Fault } from './faults.ts'
import { sleep } from './feeder.ts'
import type { Fleet } from './fleet.ts'

export interface Scene {
  readonly cluster: ChaosCluster
  readonly fleet: Fleet
  /** The most workers that run. */
  readonly workers: number
}

/** How long a step that was ordered may take to come; then the clock decides. */
const ORDER_MS = 3_000
const LOOK_MS = 20

/** @returns what was hit, in words */
export async function disturb(fault: Fault, scene: Scene): Promise<string> {
  const { fleet } = scene
  switch (fault.kind) {
    case 'kill': {
      const i = fleet.pick(fault.worker)
      return excused(scene, [i], () => killAt(fault, i, scene))
    }
    case 'kill in restore': {
      const i = fleet.pick(fault.worker)
      return excused(scene, [i], async () => {
        await fleet.kill(i)
        const kills = fleet.kills
        fleet.start(i, { ...fault.at, signal: 'SIGKILL' })
        return (await until(() => fleet.kills > kills, 3 * ORDER_MS))
          ? `${fault.kind}, ${fault.at.step}`
          : 'kill'
      })
    }
    case 'kill in rebalance':
      return killInRebalance(fault, scene)
    case 'zombie': {
      const i = fleet.pick(fault.worker)
      return excused(scene, [i], () => freeze(fault, i, scene))
    }
    case 'broker':
      return excused(scene, everybody(scene), async () => {
        await scene.cluster.kill()
        await sleep(fault.downMs)
        await scene.cluster.restart()
        return fault.kind
      })
    case 'delay':
    case 'cut':
    case 'half-open': {
      const i = fleet.pick(fault.worker)
      return excused(scene, [i], () => spoil(fault, i, scene))
    }
    case 'scale':
      return excused(scene, everybody(scene), () => scale(fault.to, scene))
  }
}

const everybody = ({ workers }: Scene): readonly number[] =>
  Array.from({ length: workers }, (_, i) => i)

async function excused(
  { fleet }: Scene,
  workers: readonly number[],
  run: () => Promise<string>,
): Promise<string> {
  const excuse = fleet.excuse(workers)
  try {
    return await run()
  } finally {
    excuse.over()
  }
}

async function killAt(
  { at, downMs }: Extract<Fault, { readonly kind: 'kill' }>,
  i: number,
  { fleet }: Scene,
): Promise<string> {
  const kills = fleet.kills
  fleet.dismiss(i)
  fleet.order(i, { ...at, signal: 'SIGKILL' })
  const came = await until(() => fleet.kills > kills, ORDER_MS)
  if (!came) await fleet.kill(i)
  await sleep(downMs)
  fleet.start(i)
  return came ? `kill, ${at.step}` : 'kill, by the clock'
}

async function killInRebalance(
  fault: Extract<Fault, { readonly kind: 'kill in rebalance' }>,
  scene: Scene,
): Promise<string> {
  const { fleet } = scene
  const i = fleet.pick(fault.worker)
  const other = fleet.pick(fault.worker + 1)
  return excused(scene, [i, other], async () => {
    await fleet.kill(i)
    const kills = fleet.kills
    if (other !== i) fleet.order(other, { ...fault.at, count: 1, signal: 'SIGKILL' })
    const came = await until(() => fleet.kills > kills, SESSION_MS + ORDER_MS)
    fleet.start(i)
    return came ? `${fault.kind}, ${fault.at.step}` : 'kill, and away'
  })
}

async function freeze(
  { at, pastSessionMs }: Extract<Fault, { readonly kind: 'zombie' }>,
  i: number,
  { fleet }: Scene,
): Promise<string> {
  const worker = fleet.worker(i)
  fleet.order(i, { ...at, signal: 'SIGSTOP' })
  const came = await until(() => worker.frozen, ORDER_MS)
  if (!came) worker.signal('SIGSTOP')
  await sleep(SESSION_MS + pastSessionMs)
  worker.signal('SIGCONT')
  return came ? `zombie, ${at.step}` : 'zombie, by the clock'
}

async function spoil(
  fault: Extract<Fault, { readonly kind: 'delay' | 'cut' | 'half-open' }>,
  i: number,
  { cluster }: Scene,
): Promise<string> {
  const proxy = cluster.proxies[i]
  if (fault.kind === 'delay') proxy?.delay(fault.ms)
  else if (fault.kind === 'cut') proxy?.cut()
  else proxy?.hold(fault.held)
  await sleep(fault.forMs)
  proxy?.heal()
  return fault.kind === 'half-open' ? `${fault.kind}, ${fault.held}` : fault.kind
}

async function scale(wanted: number, { fleet, workers }: Scene): Promise<string> {
  const from = fleet.wanted.length
  const fewer = from === 1 ? workers : from - 1
  const to = wanted === from ? fewer : wanted
  for (let i = 0; i < workers; i++) {
    const should = i < to
    const does = fleet.wanted.includes(fleet.worker(i))
    if (should && !does) fleet.start(i)
    if (!should && does) await fleet.retire(i)
  }
  return `scale, ${from} to ${to}`
}

async function until(is: () => boolean, limitMs: number): Promise<boolean> {
  const end = performance.now() + limitMs
  while (!is()) {
    if (performance.now() > end) return false
    await sleep(LOOK_MS)
  }
  return true
}
