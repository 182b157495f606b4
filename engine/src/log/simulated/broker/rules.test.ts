import { describe, expect, test } from 'vitest'
import { VirtualTime } from '../../../testing/simulation-time.ts'
import { codeOf, readAll, record, topic, tp } from '../../conformance/harness.ts'
import { pack } from '../../local/frame.ts'
import type { PartitionWrite } from '../../local/store.ts'
import type { LogMember } from '../../port.ts'
import { FaultInjector } from '../faults.ts'
import { Prng } from '../prng.ts'
import { type BrokerLog, type BrokerTimes, SimulatedBrokers } from './brokers.ts'
import { BrokerEpoch } from './epoch.ts'
import { Expelled, GroupCoordinator, type Identity } from './groups.ts'
import { Producer, Unanswered } from './producer.ts'
import { BrokerStore } from './store.ts'
import { TransactionCoordinator } from './transactions.ts'
import { Wire } from './wire.ts'

const write = (...values: string[]): PartitionWrite => ({
  ...tp('out'),
  frames: pack(
    values.map((value) => record(value)),
    { now: 0, maxRecordBytes: 1_000 },
  ),
})

const move = (offset: number) => ({ ...tp('in'), offset, metadata: '' })

async function coordinated(timeoutMs = 100) {
  const time = new VirtualTime(0)
  const store = new BrokerStore(() => time.now)
  await store.ensureTopics([topic('in'), topic('out')])
  const transactions = new TransactionCoordinator(store, time, timeoutMs)
  const seen = (): number[] =>
    store
      .frames('out', 0, 0)
      .flatMap((frame) => Array.from({ length: frame.count }, (_, i) => frame.offset(i)))
  return { time, store, transactions, seen }
}

describe('transactions of simulated brokers', () => {
  test('[SB1] a decision takes an offset, an aborted one leaves a gap, and the undecided hide what follows', async () => {
    const { store, transactions, seen } = await coordinated()
    const [one, two] = [transactions.open('one'), transactions.open('two')]
    transactions.produce(one, [write('a', 'b')])
    transactions.produce(two, [write('c')])
    await store.commit({ writes: [write('d')], group: '', positions: [] })
    transactions.end(two, 'committed')
    expect([seen(), store.bounds('out', 0).end, store.undecided]).toEqual([[], 0, true])
    transactions.end(one, 'aborted')
    expect(seen()).toEqual([2, 3])
    expect([store.bounds('out', 0).end, store.undecided]).toEqual([6, false])
  })

  test('[SB2] a producer of the next epoch aborts what is open and is the only one obeyed', async () => {
    const { transactions, seen } = await coordinated()
    const former = transactions.open('name')
    transactions.produce(former, [write('a')])
    const successor = transactions.open('name')
    expect(await codeOf(() => transactions.produce(former, [write('b')]))).toBe('log_fenced')
    expect(await codeOf(() => transactions.end(former, 'committed'))).toBe('log_fenced')
    expect(await codeOf(() => transactions.renew(former))).toBe('log_fenced')
    transactions.produce(successor, [write('c')])
    transactions.end(successor, 'committed')
    expect(seen()).toEqual([2])
  })

  test('[SB2] who renews itself and misses the answer may ask again', async () => {
    const { transactions } = await coordinated()
    const session = transactions.open('name')
    const renewed = transactions.renew(session)
    expect(transactions.renew(session)).toEqual(renewed)
    transactions.begin(renewed)
  })

  test('[SB3] what stays open too long is aborted, and its producer fenced', async () => {
    const { time, transactions, store } = await coordinated(100)
    const session = transactions.open('name')
    transactions.produce(session, [write('a')])
    time.advance(99)
    expect(store.undecided).toBe(true)
    time.advance(100)
    expect(store.undecided).toBe(false)
    expect(await codeOf(() => transactions.end(session, 'committed'))).toBe('log_fenced')
  })

  test('[SB4] a decision that comes late decides what is open then', async () => {
    const { transactions, seen } = await coordinated()
    const session = transactions.open('name')
    transactions.produce(session, [write('a')])
    transactions.end(session, 'aborted')
    transactions.produce(session, [write('b')])
    transactions.end(session, 'committed')
    expect(seen()).toEqual([2])
    // Repeated, it is answered as it was; the opposite is refused.
    transactions.end(session, 'committed')
    transactions.begin(session)
    transactions.end(session, 'aborted')
    expect(await codeOf(() => transactions.end(session, 'committed'))).toBe('log_abortable')
  })

  test('[SB5] a position is undecided from when it is sent until its transaction is decided', async () => {
    const { transactions, store } = await coordinated()
    const session = transactions.open('name')
    transactions.moveTo(session, 'group', [move(7)])
    expect(transactions.undecided('group', tp('in'))).toBe(true)
    expect(transactions.undecided('other', tp('in'))).toBe(false)
    expect(store.committed('group', tp('in'))).toBeUndefined()
    transactions.end(session, 'committed')
    expect(transactions.undecided('group', tp('in'))).toBe(false)
    expect(store.committed('group', tp('in'))?.offset).toBe(7)
  })
})

describe('groups of simulated brokers', () => {
  const grouped = () => {
    const time = new VirtualTime(0)
    const group = new GroupCoordinator(() => 2, time, { sessionMs: 50, rebalanceMs: 30 })
    const join = (id: string): Identity => ({
      id,
      memberId: group.join(id, ['in']),
      generation: -1,
    })
    return { time, group, join }
  }

  test('[SB6] a partition moves when its holder has given it back, not before', () => {
    const { group, join } = grouped()
    const one = join('one')
    expect(group.heartbeat(one, []).held).toHaveLength(2)
    const two = join('two')
    expect(group.heartbeat(two, [])).toMatchObject({ held: [], complete: false })
    const { wanted, generation } = group.heartbeat(one, [])
    expect(wanted).toHaveLength(1)
    expect(group.heartbeat(two, []).held).toEqual([])
    expect(group.heartbeat(one, wanted)).toMatchObject({ complete: true, generation })
    expect(group.heartbeat(two, [])).toMatchObject({ held: wanted, complete: true })
  })

  test('[SB7] who is silent, or keeps what is asked back, is expelled and hears of it when it speaks', () => {
    const { time, group, join } = grouped()
    const silent = join('silent')
    group.heartbeat(silent, [])
    time.advance(50)
    expect(() => group.heartbeat(silent, [])).toThrow(Expelled)
    const keeper = join('keeper')
    group.heartbeat(keeper, [])
    const other = join('other')
    for (let at = 60; at <= 100; at += 10) {
      time.advance(at)
      group.heartbeat(other, [])
      if (at < 90) group.heartbeat(keeper, [])
    }
    expect(() => group.heartbeat(keeper, [])).toThrow(Expelled)
    expect(group.heartbeat(other, []).held).toHaveLength(2)
  })

  test('[SB8] positions are taken from members of this generation, and from who claims no membership', async () => {
    const { group, join } = grouped()
    const one = join('one')
    const { generation } = group.heartbeat(one, [])
    group.check({ ...one, generation })
    join('two')
    expect(await codeOf(() => group.check({ ...one, generation }))).toBe('log_abortable')
    group.check({ ...one, generation: generation + 1 })
    expect(() => group.check({ ...one, id: 'three', generation: 1 })).toThrow(Expelled)
    group.check({ id: 'anybody', memberId: '', generation: -1 })
  })

  test('[SB9] an id that comes back has what its seat holds, and its former self is fenced', async () => {
    const { group, join } = grouped()
    const former = join('one')
    const before = group.heartbeat(former, [])
    const again = join('one')
    expect(group.heartbeat(again, [])).toEqual(before)
    expect(await codeOf(() => group.heartbeat(former, []))).toBe('log_fenced')
  })

  test('[SB7] who leaves is gone at once; who stays keeps a seat until its session ends', () => {
    const { time, group, join } = grouped()
    const [one, two] = [join('one'), join('two')]
    expect(group.heartbeat(one, []).held).toHaveLength(1)
    group.heartbeat(two, [])
    group.leave(two)
    expect(group.heartbeat(one, []).held).toHaveLength(2)
    join('two')
    time.advance(40)
    expect(group.heartbeat(one, []).wanted).toHaveLength(1)
    time.advance(60)
    expect(group.heartbeat(one, []).wanted).toHaveLength(0)
  })
})

describe('wires', () => {
  const wired = (script: ('wire:request-lost' | 'wire:answer-lost' | 'wire:late')[]) => {
    const time = new VirtualTime(0)
    const faults = new FaultInjector({ script })
    const wire = new Wire({
      scheduler: time,
      prng: new Prng(1),
      faults,
      latencyMs: 0,
      lateMs: 1_000,
    })
    const done: string[] = []
    const call = (name: string): void => {
      void wire
        .call(() => void done.push(`${name} arrives`))
        .then(() => done.push(`${name} is answered`))
    }
    return { time, wire, done, call }
  }
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  test.each([
    ['wire:request-lost', []],
    ['wire:answer-lost', ['a arrives']],
    ['wire:late', []],
  ] as const)('[SB10] %s', async (fault, before) => {
    const { time, done, call } = wired([fault])
    call('a')
    await turn()
    expect(done).toEqual(before)
    time.advance(1_000)
    await turn()
    expect(done).toEqual(fault === 'wire:late' ? ['a arrives', 'a is answered'] : before)
  })

  test('[SB10] a cut connection delivers when it heals; a dead process hears nothing of it', async () => {
    const { time, wire, done, call } = wired([])
    wire.cut(100)
    call('a')
    await turn()
    expect(done).toEqual([])
    wire.die()
    call('b')
    time.advance(100)
    await turn()
    expect(done).toEqual(['a arrives'])
  })
})

describe('producers', () => {
  const SILENT: Identity = { id: 'm', memberId: '', generation: -1 }

  /** A producer whose n-th request waits in `late` instead of being answered. */
  async function producing(options: { identity?: Identity; silentAt?: number }) {
    const { transactions, time, store, seen } = await coordinated()
    const late: (() => void)[] = []
    let asked = 0
    const coordinator = new GroupCoordinator(() => 1, time, { sessionMs: 50, rebalanceMs: 50 })
    const memberId = coordinator.join('m', ['in'])
    const { generation } = coordinator.heartbeat({ id: 'm', memberId, generation: 0 }, [])
    const producer = new Producer({
      name: 'p',
      group: 'group',
      transactions,
      coordinator,
      requestMs: 1,
      commitMs: 1,
      identity: () => options.identity ?? { id: 'm', memberId, generation },
      async ask(what) {
        if (++asked !== options.silentAt) return what()
        late.push(what)
        throw new Unanswered('silence')
      },
      expelled() {},
      fenced() {},
      unknown() {},
    })
    await producer.connect()
    return { producer, transactions, store, seen, late }
  }

  test('[SB8] positions are not sent while the group has no place for us', async () => {
    const { producer, transactions } = await producing({ identity: SILENT })
    expect(await codeOf(() => producer.sendPositions([move(1)]))).toBe('log_abortable')
    expect(transactions.undecided('group', tp('in'))).toBe(false)
  })

  test('[L4] [SB4] after a commit without an answer nothing is sent any more', async () => {
    // connect, begin, positions, records, commit
    const { producer, late, seen } = await producing({ silentAt: 5 })
    await producer.sendPositions([move(1)])
    expect(await codeOf(() => producer.commit([write('a')]))).toBe('log_commit_unknown')
    for (const next of [() => producer.sendPositions([move(2)]), () => producer.abort()])
      expect(await codeOf(next)).toBe('log_commit_unknown')
    late[0]?.()
    expect(seen()).toEqual([0])
  })

  test('[SB2] what was sent before an abort and comes after it is not taken', async () => {
    // connect, begin, positions, records
    const { producer, late, seen } = await producing({ silentAt: 4 })
    await producer.sendPositions([move(1)])
    expect(await codeOf(() => producer.commit([write('late')]))).toBe('log_abortable')
    await producer.abort()
    await producer.sendPositions([move(1)])
    expect(() => late[0]?.()).toThrow('log_fenced')
    await producer.commit([write('again')])
    expect(seen()).toEqual([0])
  })
})

describe('members of simulated brokers', () => {
  const TIMES: Partial<BrokerTimes> = {
    heartbeatMs: 5,
    sessionMs: 50,
    requestMs: 20,
    commitMs: 20,
    transactionMs: 1_000,
    latencyMs: 0,
  }

  /** Runs virtual time until what is waited for has come. */
  const pacer =
    (time: VirtualTime) =>
    async <T>(what: Promise<T>): Promise<T> => {
      let over = false
      const end = what.finally(() => {
        over = true
      })
      end.catch(() => {})
      for (let n = 0; !over && n < 5_000; n++) {
        time.advance(time.now + 1)
        await new Promise((resolve) => setImmediate(resolve))
      }
      return await end
    }

  async function member(log: BrokerLog, id: string, told: string[]): Promise<LogMember> {
    const joined = await log.member({ group: 'group', id })
    const tell = (word: string) => () => void told.push(`${id} ${word}`)
    await joined.subscribe(['in'], {
      claimed: tell('claimed'),
      revoked: tell('revoked'),
      lost: tell('lost'),
    })
    return joined
  }

  test('[L3] [SB7] who was cut off commits nothing any more, and its heir begins behind what it had sent', async () => {
    const time = new VirtualTime(0)
    const until = pacer(time)
    const brokers = new SimulatedBrokers({ scheduler: time, now: () => time.now, times: TIMES })
    const told: string[] = []
    const [here, there] = [brokers.connect(), brokers.connect()]
    await here.ensureTopics([topic('in'), topic('out')])
    const one = await until(member(here, 'one', told))
    const epoch = one.begin([{ ...tp('in'), offset: 1, metadata: 'one' }])
    epoch.write('out', 0, [record('late')])
    await until(new Promise((resolve) => time.after(10, () => resolve(undefined))))
    here.cut(200)
    const heir = until(member(there, 'two', told))
    const outcome = codeOf(() => epoch.commit())
    const two = await heir
    expect(await until(outcome)).toBe('log_abortable')
    const committed = await until(two.committed([tp('in')]))
    expect(committed.size).toBe(0)
    await until(new Promise((resolve) => time.after(200, () => resolve(undefined))))
    expect(told.toSorted()).toEqual(['one claimed', 'one lost', 'two claimed'])
    expect(await readAll(there, tp('out'))).toEqual([])
  })

  test('[SB5] [L2] who is given a partition begins when the transaction over it is decided, behind it', async () => {
    const time = new VirtualTime(0)
    const until = pacer(time)
    const brokers = new SimulatedBrokers({ scheduler: time, now: () => time.now, times: TIMES })
    const log = brokers.connect()
    await log.ensureTopics([topic('in')])
    const session = brokers.transactions.open('former owner')
    brokers.transactions.moveTo(session, 'group', [move(3)])
    const told: string[] = []
    const joining = member(log, 'heir', told)
    await until(new Promise((resolve) => time.after(100, () => resolve(undefined))))
    expect(told).toEqual([])
    brokers.transactions.end(session, 'committed')
    const heir = await until(joining)
    expect(told).toEqual(['heir claimed'])
    expect(heir.position(tp('in'))).toBe(3)
  })

  test.each(['before', 'after'])(
    '[L3] [SB8] an epoch whose partition was taken %s its positions were sent is not committed',
    async (when) => {
      const { store } = await coordinated()
      let claim: object | undefined = {}
      let sent = (): void => {}
      const done: string[] = []
      const epoch = new BrokerEpoch(
        {
          context: { store, now: () => 0, maxRecordBytes: 1_000 },
          assertAlive() {},
          claimOf: () => claim,
          sendPositions: () =>
            new Promise((resolve) => {
              sent = resolve
            }),
          commitTransaction: async () => void done.push('committed'),
          abortTransaction: async () => void done.push('aborted'),
        },
        [move(1)],
      )
      if (when === 'before') claim = undefined
      const outcome = codeOf(() => epoch.commit())
      // Lost, and claimed again: it is another claim.
      claim = {}
      sent()
      expect(await outcome).toBe('log_abortable')
      expect(done).toEqual(['aborted'])
    },
  )
})
