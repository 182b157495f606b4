/**
 * Reads of customers that another process keeps: asked there, over HTTP, with the operator's token.
 *
 * X1 A partition that moves is answered `task_moving` (503 with Retry-After) until its new owner
 *    serves, and so is an owner that does not answer in time.
 * X2 A question is passed on `MAX_HOPS` times at most: two processes that each take the other for the
 *    owner do not ask each other for ever.
 */
import { OpportuneError } from '#engine'
import type { App } from '../app/app.ts'
import { keysOf } from '../app/app.ts'
import { TOPICS } from '../app/topology.ts'
import type { ProfileAnswer } from '../http/ports.ts'
import { HOPS_HEADER } from '../http/read-routes.ts'
import type { Profile } from '../http/views.ts'
import { type Member, type Members, requireOwner } from './members.ts'

export interface RemoteReadsOptions {
  readonly members: Members
  readonly operatorToken: string
  /** How long an owner may take, ms. Default 3,000. */
  readonly timeoutMs?: number
  readonly fetch?: typeof fetch
}

export interface ProfileQuestion {
  readonly minEpoch: number | null
  /** How often it has been passed on. */
  readonly hops: number
}

/** Identities are forwarded up to four times (protocols), and an owner may just have changed. */
const MAX_HOPS = 6
const TIMEOUT_MS = 3_000

type ReadHere = (key: string, question: ProfileQuestion) => Promise<ProfileAnswer>

export class RemoteReads {
  readonly #options: RemoteReadsOptions

  constructor(options: RemoteReadsOptions) {
    this.#options = options
  }

  /** @throws task_moving */
  async profile(
    app: Pick<App, 'locate'>,
    customer: string,
    question: ProfileQuestion,
    readHere: ReadHere,
  ): Promise<ProfileAnswer> {
    for (const start of keysOf(customer)) {
      const found = app.locate(start)
      if (found.kind === 'unknown') continue
      const answer =
        found.kind === 'here'
          ? await readHere(found.key, question)
          : await this.#ask(found, question)
      if (answer.kind === 'found') return { ...answer, customer_id: customer }
      if (answer.kind === 'behind') return answer
    }
    return { kind: 'unknown' }
  }

  async #ask(
    at: { readonly key: string; readonly partition: number },
    { minEpoch, hops }: ProfileQuestion,
  ): Promise<ProfileAnswer> {
    const task = `${TOPICS.customerInbox}/${at.partition}`
    if (hops >= MAX_HOPS)
      throw new OpportuneError('task_moving', `Nobody admits to keeping ${task}.`, { task })
    const owner = requireOwner(this.#options.members, task)
    const query = minEpoch === null ? '' : `?min_epoch=${minEpoch}`
    const path = `/api/v1/customers/${encodeURIComponent(at.key)}/profile${query}`
    const response = await this.#get(owner, path, hops + 1)
    if (response.status === 200) return { ...((await response.json()) as Profile), kind: 'found' }
    const { code, detail = '' } = (await response.json().catch(() => ({}))) as {
      readonly code?: string
      readonly detail?: string
    }
    if (code === 'http_customer_unknown') return { kind: 'unknown' }
    if (code === 'http_epoch_behind')
      return { kind: 'behind', epoch: Number(/\d+/.exec(detail)?.[0] ?? 0) }
    throw new OpportuneError('task_moving', `${owner.instance} answered ${response.status}.`, {
      task,
    })
  }

  async #get(owner: Member, path: string, hops: number): Promise<Response> {
    const { operatorToken, timeoutMs = TIMEOUT_MS } = this.#options
    try {
      return await (this.#options.fetch ?? fetch)(`${owner.url}${path}`, {
        headers: { authorization: `Bearer ${operatorToken}`, [HOPS_HEADER]: String(hops) },
        signal: AbortSignal.timeout(timeoutMs),
        redirect: 'error',
      })
    } catch (error) {
      const what = `${owner.instance} does not answer.`
      throw new OpportuneError('task_moving', what, { instance: owner.instance }, error)
    }
  }
}
