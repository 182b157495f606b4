/**
 * A cluster for tests: brokers on 127.0.0.1 that answer the requests of this reader from batches in
 * memory, and misbehave as they are told. What real brokers do is shown by `fetch.kafka.test.ts`;
 * this is for what they do too rarely to wait for.
 */
import { createHash } from 'node:crypto'
import * as net from 'node:net'
import * as tls from 'node:tls'
import { type SaslOptions, type SaslSession, saslAnswer } from './fake-sasl.fixture.ts'
import { ResponseSplitter } from './response-splitter.ts'
import { ByteReader, ByteWriter } from './wire.ts'

export type RequestName = 'fetch' | 'listOffsets' | 'metadata' | 'handshake' | 'versions' | 'auth'

const NAMES: Readonly<Record<number, RequestName>> = {
  1: 'fetch',
  2: 'listOffsets',
  3: 'metadata',
  17: 'handshake',
  18: 'versions',
  36: 'auth',
}

/** What a broker does instead of answering. */
export type Fault =
  /** Takes the request and never says anything: frozen, or the way back is cut. */
  | { readonly kind: 'silent' }
  | { readonly kind: 'hang_up' }
  /** Answers after a while. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Answers for every partition with this error. */
  | { readonly kind: 'error'; readonly code: number }
  | { readonly kind: 'throttle'; readonly ms: number }
  /** Sends these bytes instead. */
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  /** Sends that many bytes of the answer, then hangs up. */
  | { readonly kind: 'torn'; readonly after: number }
  /** Says that this reader's history parts from the leader's. */
  | { readonly kind: 'diverges'; readonly at: number }

export interface FakePartition {
  leader: number
  epoch: number
  start: number
  readonly batches: { readonly base: number; readonly last: number; readonly bytes: Buffer }[]
  aborted: { readonly producer: number; readonly firstOffset: number }[]
  /** Set where records are still undecided. */
  lastStable?: number
}

interface FakeTopic {
  id: string
  error: number
  partitions: FakePartition[]
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export class FakeCluster {
  readonly brokers: FakeBroker[] = []
  readonly topics = new Map<string, FakeTopic>()
  readonly options: FakeOptions
  readonly #waiting = new Set<() => void>()

  private constructor(options: FakeOptions) {
    this.options = options
  }

  static async start(count: number, options: FakeOptions = {}): Promise<FakeCluster> {
    const cluster = new FakeCluster(options)
    for (let id = 1; id <= count; id++) {
      const broker = new FakeBroker(id, cluster)
      await broker.start()
      cluster.brokers.push(broker)
    }
    return cluster
  }

  get addresses(): { host: string; port: number }[] {
    return this.brokers.map((it) => ({ host: '127.0.0.1', port: it.port }))
  }

  broker(id: number): FakeBroker {
    return this.brokers[id - 1] as FakeBroker
  }

  topic(name: string, partitions: number): void {
    this.topics.set(name, {
      id: createHash('md5').update(`${name}${this.topics.size}`).digest('hex'),
      error: 0,
      partitions: Array.from({ length: partitions }, (_, i) => ({
        leader: (i % this.brokers.length) + 1,
        epoch: 0,
        start: 0,
        batches: [],
        aborted: [],
      })),
    })
  }

  partition(topic: string, index: number): FakePartition {
    return this.topics.get(topic)?.partitions[index] as FakePartition
  }

  append(topic: string, index: number, bytes: Buffer): void {
    const base = Number(bytes.readBigInt64BE(0))
    const last = base + bytes.readInt32BE(23)
    this.partition(topic, index).batches.push({ base, last, bytes })
    const waiting = Array.from(this.#waiting)
    for (const wake of waiting) wake()
  }

  async stop(): Promise<void> {
    await Promise.all(this.brokers.map((it) => it.stop()))
  }

  /** Until something is appended or the time is up. */
  async change(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      this.#waiting.add(done)
    })
  }
}

export interface FakeOptions {
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly sasl?: SaslOptions
  /** Versions offered instead of fitting ones: [key, min, max]. */
  readonly versions?: readonly (readonly [number, number, number])[]
  /** Answers in pieces of so many bytes. */
  readonly pieces?: number
}

const VERSIONS: readonly (readonly [number, number, number])[] = [
  [1, 4, 18],
  [2, 1, 9],
  [3, 0, 13],
  [17, 0, 1],
  [18, 0, 4],
  [36, 0, 2],
]

const closing =
  (socket: net.Socket): (() => void) =>
  () => {
    socket.destroy()
  }

export class FakeBroker {
  readonly id: number
  port = 0
  readonly cluster: FakeCluster
  /** Asked before each answer. */
  fault: (request: RequestName, count: number) => Fault | undefined = () => undefined
  /** Requests taken, by name. */
  readonly counts = new Map<RequestName, number>()
  /** Connections taken in all. */
  connections = 0
  /** The offsets that the last fetch asked for, by partition. */
  readonly asked: { topic: string; partition: number; offset: number; lastEpoch: number }[] = []
  readonly #sockets = new Set<net.Socket>()
  #server: net.Server | undefined

  constructor(id: number, cluster: FakeCluster) {
    this.id = id
    this.cluster = cluster
  }

  /** Listens on the port it had before, if it had one. */
  async start(): Promise<void> {
    const { tls: secure } = this.cluster.options
    const take = (socket: net.Socket): void => this.#take(socket)
    const server = secure === undefined ? net.createServer(take) : tls.createServer(secure, take)
    this.#server = server
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve))
    this.port = (server.address() as net.AddressInfo).port
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    this.cut()
    await new Promise<void>((resolve) => {
      if (server === undefined) resolve()
      else server.close(() => resolve())
    })
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  get open(): number {
    return this.#sockets.size
  }

  #take(socket: net.Socket): void {
    this.connections++
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', closing(socket))
    const splitter = new ResponseSplitter(1 << 24)
    const session: SaslSession = {
      mechanism: '',
      authenticated: this.cluster.options.sasl === undefined,
      step: 0,
      first: '',
      challenge: '',
    }
    let turn = Promise.resolve()
    socket.on('data', (chunk: Buffer) => {
      try {
        splitter.push(chunk, (request) => {
          turn = turn.then(() => this.#answer(socket, session, request)).catch(closing(socket))
        })
      } catch {
        socket.destroy()
      }
    })
  }

  async #answer(socket: net.Socket, session: SaslSession, request: Buffer): Promise<void> {
    const from = new ByteReader(request)
    const name = NAMES[from.int16()] as RequestName
    from.int16()
    const correlation = from.int32()
    from.nullableString()
    if (name !== 'handshake') from.tags()
    const count = (this.counts.get(name) ?? 0) + 1
    this.counts.set(name, count)
    const fault = this.fault(name, count)
    if (fault?.kind === 'silent') return
    if (fault?.kind === 'slow') await sleep(fault.ms)
    if (fault?.kind === 'hang_up' || (!session.authenticated && NEEDS_LOGIN.has(name))) {
      socket.destroy()
      return
    }
    const body = await this.#body(name, from, session, fault)
    const head = new ByteWriter().int32(correlation)
    if (name !== 'handshake' && name !== 'versions') head.noTags()
    const message = Buffer.concat([head.finish(), body])
    const size = Buffer.alloc(4)
    size.writeInt32BE(message.length)
    const whole = fault?.kind === 'bytes' ? fault.bytes : Buffer.concat([size, message])
    if (fault?.kind === 'torn') {
      socket.write(whole.subarray(0, fault.after), closing(socket))
      return
    }
    await this.#write(socket, whole)
  }

  async #write(socket: net.Socket, bytes: Buffer): Promise<void> {
    const { pieces = bytes.length } = this.cluster.options
    for (let at = 0; at < bytes.length; at += pieces) {
      socket.write(bytes.subarray(at, at + pieces))
      if (pieces < bytes.length) await new Promise(setImmediate)
    }
  }

  async #body(
    name: RequestName,
    from: ByteReader,
    session: SaslSession,
    fault: Fault | undefined,
  ): Promise<Buffer> {
    switch (name) {
      case 'versions':
        return this.#versions()
      case 'handshake':
        return this.#handshake(from, session)
      case 'auth':
        return this.#auth(from, session)
      case 'metadata':
        return this.#metadata(from)
      case 'listOffsets':
        return this.#listOffsets(from)
      case 'fetch':
        return this.#fetch(from, fault)
    }
  }

  #versions(): Buffer {
    const versions = this.cluster.options.versions ?? VERSIONS
    return new ByteWriter()
      .int16(0)
      .compactArray(versions, ([key, min, max], to) => to.int16(key).int16(min).int16(max).noTags())
      .int32(0)
      .noTags()
      .finish()
  }

  #handshake(from: ByteReader, session: SaslSession): Buffer {
    session.mechanism = from.nullableString() ?? ''
    const mechanisms = this.cluster.options.sasl?.mechanisms ?? []
    const body = new ByteWriter().int16(mechanisms.includes(session.mechanism) ? 0 : 33)
    body.int32(mechanisms.length)
    for (const it of mechanisms) body.string(it)
    return body.finish()
  }

  #auth(from: ByteReader, session: SaslSession): Buffer {
    const message = from.compactBytes().toString()
    const answer = saslAnswer(message, session, this.cluster.options.sasl as SaslOptions)
    const body = new ByteWriter().int16(answer === undefined ? 58 : 0).unsignedVarint(0)
    return body
      .compactBytes(Buffer.from(answer ?? ''))
      .int64(this.cluster.options.sasl?.lifetimeMs ?? 0)
      .noTags()
      .finish()
  }

  #metadata(from: ByteReader): Buffer {
    const wanted = from.compactArray((item) => {
      item.uuid()
      const name = item.compactNullableString() ?? ''
      item.tags()
      return name
    })
    const alive = this.cluster.brokers
    return new ByteWriter()
      .int32(0)
      .compactArray(alive, (it, to) =>
        to.int32(it.id).compactString('127.0.0.1').int32(it.port).unsignedVarint(0).noTags(),
      )
      .unsignedVarint(0)
      .int32(1)
      .compactArray(wanted, (name, to) => {
        const topic = this.cluster.topics.get(name)
        to.int16(topic === undefined ? 3 : topic.error)
          .compactString(name)
          .uuid(topic?.id ?? '0'.repeat(32))
          .boolean(false)
        to.compactArray(topic?.partitions ?? [], (it, list) => {
          const index = topic?.partitions.indexOf(it) ?? 0
          list.int16(0).int32(index).int32(it.leader).int32(it.epoch)
          for (let i = 0; i < 3; i++) list.unsignedVarint(1)
          list.noTags()
        })
        to.int32(0).noTags()
      })
      .noTags()
      .finish()
  }

  #listOffsets(from: ByteReader): Buffer {
    from.int32()
    from.int8()
    const topics = from.compactArray((topic) => {
      const name = topic.compactString()
      const partitions = topic.compactArray((item) => {
        const index = item.int32()
        item.int32()
        const time = item.int64()
        item.tags()
        return { index, time }
      })
      topic.tags()
      return { name, partitions }
    })
    return new ByteWriter()
      .int32(0)
      .compactArray(topics, (topic, to) =>
        to
          .compactString(topic.name)
          .compactArray(topic.partitions, ({ index, time }, list) => {
            const partition = this.cluster.partition(topic.name, index)
            const offset = time === -2 ? partition.start : end(partition)
            list.int32(index).int16(0).int64(-1).int64(offset).int32(partition.epoch).noTags()
          })
          .noTags(),
      )
      .noTags()
      .finish()
  }

  async #fetch(from: ByteReader, fault: Fault | undefined): Promise<Buffer> {
    from.int32()
    const waitMs = from.int32()
    for (let i = 0; i < 2; i++) from.int32()
    from.int8()
    from.int32()
    from.int32()
    const asked = from.compactArray((topic) => {
      const id = topic.uuid()
      const name = [...this.cluster.topics].find(([, it]) => it.id === id)?.[0] ?? ''
      const partitions = topic.compactArray((item) => {
        const it = {
          topic: name,
          partition: item.int32(),
          epoch: item.int32(),
          offset: item.int64(),
          lastEpoch: item.int32(),
        }
        item.int64()
        const maxBytes = item.int32()
        item.tags()
        return { ...it, maxBytes }
      })
      topic.tags()
      return { id, partitions }
    })
    this.asked.splice(0, this.asked.length, ...asked.flatMap((it) => it.partitions))
    const all = asked.flatMap((it) => it.partitions)
    const nothing = all.every((it) => {
      const partition = this.cluster.partition(it.topic, it.partition)
      return errorOf(this, partition, it) === 0 && end(partition) <= it.offset
    })
    if (nothing && (fault === undefined || fault.kind === 'slow')) await this.cluster.change(waitMs)
    return new ByteWriter()
      .int32(fault?.kind === 'throttle' ? fault.ms : 0)
      .int16(0)
      .int32(0)
      .compactArray(asked, (topic, to) =>
        to
          .uuid(topic.id)
          .compactArray(topic.partitions, (it, list) => {
            const partition = this.cluster.partition(it.topic, it.partition)
            const error = fault?.kind === 'error' ? fault.code : errorOf(this, partition, it)
            const records = error === 0 ? recordsFrom(partition, it.offset, it.maxBytes) : EMPTY
            list.int32(it.partition).int16(error)
            for (let i = 0; i < 3; i++) list.int64(error === 0 ? end(partition) : -1)
            list
              .compactArray(partition.aborted, (one, here) =>
                here.int64(one.producer).int64(one.firstOffset).noTags(),
              )
              .int32(-1)
              .compactBytes(fault?.kind === 'diverges' ? EMPTY : records)
            if (fault?.kind === 'diverges')
              list.unsignedVarint(1).unsignedVarint(0).unsignedVarint(13).int32(1).int64(fault.at)
            list.noTags()
          })
          .noTags(),
      )
      .noTags()
      .finish()
  }
}

const NEEDS_LOGIN: ReadonlySet<RequestName> = new Set(['fetch', 'listOffsets', 'metadata'])
const EMPTY = Buffer.alloc(0)

const end = (partition: FakePartition): number =>
  partition.lastStable ?? (partition.batches.at(-1)?.last ?? partition.start - 1) + 1

function errorOf(
  broker: FakeBroker,
  partition: FakePartition | undefined,
  asked: { readonly epoch: number; readonly offset: number },
): number {
  if (partition === undefined) return 100
  if (partition.leader !== broker.id) return 6
  if (asked.epoch < partition.epoch) return 74
  if (asked.epoch > partition.epoch) return 75
  return asked.offset < partition.start || asked.offset > end(partition) ? 1 : 0
}

/** From the batch with `offset` on; the first batch comes whole, the last may be cut off. */
function recordsFrom(partition: FakePartition, offset: number, maxBytes: number): Buffer {
  const found = partition.batches.filter((it) => it.last >= offset && it.base < end(partition))
  const first = found[0]?.bytes.length ?? 0
  const all = Buffer.concat(found.map((it) => it.bytes))
  return all.subarray(0, Math.max(first, maxBytes))
}
