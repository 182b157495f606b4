/**
 * Who keeps what: the compacted topic `members`, one record an instance, which everybody follows.
 *
 * M1 A member's record says where it is reached, what it keeps and as of which epoch; it is written when
 *    that changes, behind the claim: who is named as an owner can answer.
 * M2 Of two that name themselves owner of a task, the one that knows the later epoch is; at the same
 *    epoch the one that spoke last. A member that died or froze is outvoted by its successor.
 * M3 It is a hint for readers and fences nobody. Who is asked and does not keep the task says so.
 */
import Type from 'typebox'
import { Check } from 'typebox/value'
import { type EventLog, OpportuneError } from '#engine'

export const MEMBERS_TOPIC = 'members'

const Member = Type.Object({
  instance: Type.String(),
  /** Where its HTTP door is. */
  url: Type.String(),
  version: Type.String(),
  /** ms since 1970. */
  at: Type.Integer(),
  /** Whether it seals the audit, writes the outbox and loads analytics. */
  duties: Type.Boolean(),
  /** The tasks it keeps (`stage/partition`), each with its epoch when that was written. */
  tasks: Type.Record(Type.String(), Type.Integer()),
})
export type Member = Type.Static<typeof Member>

export interface MembersOptions {
  readonly log: EventLog
  readonly instance: string
  /** Told of what following the topic met; it goes on. */
  readonly onError: (error: unknown) => void
}

const LIMITS = { maxRecords: 1_000, maxBytes: 1 << 20 }
const AT = { topic: MEMBERS_TOPIC, partition: 0 } as const

interface Heard {
  readonly member: Member
  readonly offset: number
}

export class Members {
  readonly #options: MembersOptions
  readonly #heard = new Map<string, Heard>()
  #position = 0
  #turn: Promise<void> = Promise.resolve()
  #unlisten: () => void = () => {}
  #said = ''

  private constructor(options: MembersOptions) {
    this.#options = options
  }

  /** Makes the topic where it is missing, and reads it. */
  static async open(options: MembersOptions): Promise<Members> {
    const { log } = options
    await log.ensureTopics([{ name: MEMBERS_TOPIC, partitions: 1, cleanup: 'compact' }])
    const members = new Members(options)
    members.#unlisten = log.onAppend([MEMBERS_TOPIC], () => {
      members.follow().catch(options.onError)
    })
    await members.follow()
    return members
  }

  /** Takes in what was written since the last look. */
  follow(): Promise<void> {
    const next = this.#turn.then(() => this.#read())
    this.#turn = next.catch(() => {})
    return next
  }

  /** Writes our record, where it says something new. */
  async publish(member: Omit<Member, 'instance' | 'at'>, at: number): Promise<void> {
    const { log, instance } = this.#options
    const said = JSON.stringify({ ...member, tasks: Object.keys(member.tasks).sort() })
    if (said === this.#said) return
    const value = Buffer.from(JSON.stringify({ ...member, instance, at } satisfies Member))
    const appender = log.appender()
    try {
      await appender.append(AT.topic, AT.partition, [
        { key: Buffer.from(instance), value, timestamp: at },
      ])
    } finally {
      await appender.close()
    }
    this.#said = said
  }

  /** By name. */
  all(): readonly Member[] {
    return [...this.#heard.values()]
      .map(({ member }) => member)
      .sort((a, b) => (a.instance < b.instance ? -1 : 1))
  }

  /** The owner of a task, other than ourselves; undefined where nobody says that it is (M2). */
  ownerOf(task: string): Member | undefined {
    let best: Heard | undefined
    for (const heard of this.#heard.values()) {
      const epoch = heard.member.tasks[task]
      if (epoch === undefined || heard.member.instance === this.#options.instance) continue
      const known = best?.member.tasks[task] ?? -1
      if (epoch > known || (epoch === known && heard.offset > (best?.offset ?? -1))) best = heard
    }
    return best?.member
  }

  close(): void {
    this.#unlisten()
  }

  async #read(): Promise<void> {
    const reader = this.#options.log.reader()
    try {
      for (;;) {
        const batch = await reader.read(AT, this.#position, LIMITS)
        if (batch === undefined) return
        for (let i = 0; i < batch.length; i++)
          this.#take(batch.key(i), batch.value(i), batch.offset(i))
        this.#position = batch.nextOffset
      }
    } finally {
      await reader.close()
    }
  }

  #take(key: Uint8Array | null, value: Uint8Array | null, offset: number): void {
    if (key === null) return
    const instance = Buffer.from(key).toString('utf8')
    if (value === null) {
      this.#heard.delete(instance)
      return
    }
    const member = parsed(value)
    // A later release may say it in other words: what is not understood is nobody to ask.
    if (member === undefined || member.instance !== instance) this.#heard.delete(instance)
    else this.#heard.set(instance, { member, offset })
  }
}

function parsed(value: Uint8Array): Member | undefined {
  try {
    const content: unknown = JSON.parse(Buffer.from(value).toString('utf8'))
    return Check(Member, content) ? content : undefined
  } catch {
    return undefined
  }
}

/** @throws task_moving */
export function requireOwner(members: Members, task: string): Member {
  const owner = members.ownerOf(task)
  if (owner === undefined)
    throw new OpportuneError('task_moving', `Nobody keeps ${task} just now.`, { task })
  return owner
}
