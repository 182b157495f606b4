/**
 * One connection to one broker, from the first byte to the last: TCP or TLS, what the broker can do,
 * authentication, then requests that are answered in their order.
 *
 * KC1 A request is answered, or rejects with `ConnectionEnded` when the connection does. It never
 *    hangs: a broker that does not answer in time (half-open, frozen) ends the connection.
 * KC2 After the end nothing is written, and no answer is delivered.
 * KC3 Bytes that are not the protocol end the connection, and nothing else.
 */
import { randomBytes } from 'node:crypto'
import * as net from 'node:net'
import * as tls from 'node:tls'
import {
  apiVersionsRequest,
  readApiVersions,
  readSaslAuthenticate,
  readSaslHandshake,
  requestHeader,
  saslAuthenticateRequest,
  saslHandshakeRequest,
} from './messages.ts'
import { API, type Api, ERROR, errorName, NEEDED } from './protocol.ts'
import { ResponseSplitter } from './response-splitter.ts'
import { authenticate, type SaslCredentials, SaslRefused } from './scram.ts'
import type { Timing } from './timing.ts'
import { ByteReader } from './wire.ts'

export interface TlsOptions {
  /** PEM of the authorities to trust; absent: those of Node. */
  readonly ca?: string
  /** PEM of the own certificate and its key, where the broker asks for one. */
  readonly cert?: string
  readonly key?: string
  readonly passphrase?: string
  /** The name the broker's certificate has to carry; absent: the host connected to. */
  readonly servername?: string
}

export interface ConnectionOptions {
  readonly clientId: string
  readonly tls?: TlsOptions
  readonly sasl?: SaslCredentials
  readonly connectMs: number
  readonly requestMs: number
  readonly maxResponseBytes: number
  readonly timing: Timing
}

export interface HostPort {
  readonly host: string
  readonly port: number
}

/** Why a connection could not be made or came to its end. Never leaves this folder. */
export class ConnectionEnded extends Error {
  /**
   * `lost` may heal; `refused` is about credentials or rights and will not; `unsupported` names in
   * its message what the two sides do not share.
   */
  readonly kind: 'lost' | 'refused' | 'unsupported'

  constructor(kind: 'lost' | 'refused' | 'unsupported', what: string) {
    super(what)
    this.name = 'ConnectionEnded'
    this.kind = kind
  }
}

interface Waiting {
  readonly correlation: number
  readonly api: Api
  readonly resolve: (body: Buffer) => void
  readonly reject: (error: Error) => void
  readonly cancelTimer: () => void
}

export class Connection {
  readonly #options: ConnectionOptions
  readonly #socket: net.Socket
  readonly #splitter: ResponseSplitter
  readonly #waiting: Waiting[] = []
  #correlation = 0
  #ended: ConnectionEnded | undefined
  #retireAt = Number.POSITIVE_INFINITY

  private constructor(options: ConnectionOptions, socket: net.Socket) {
    this.#options = options
    this.#socket = socket
    this.#splitter = new ResponseSplitter(options.maxResponseBytes)
    socket.on('data', (chunk: Buffer) => this.#received(chunk))
    socket.on('error', (error) => this.#end(new ConnectionEnded('lost', error.message)))
    socket.on('close', () => this.#end(new ConnectionEnded('lost', 'the broker hung up')))
  }

  /**
   * Connects, checks what the broker can do, and authenticates.
   * @throws ConnectionEnded
   */
  static async open(at: HostPort, options: ConnectionOptions): Promise<Connection> {
    const socket = await connect(at, options)
    const connection = new Connection(options, socket)
    try {
      await connection.#checkVersions()
      if (options.sasl !== undefined) await connection.#authenticate(options.sasl)
      return connection
    } catch (error) {
      connection.close()
      throw error instanceof ConnectionEnded
        ? error
        : new ConnectionEnded(error instanceof SaslRefused ? 'refused' : 'lost', text(error))
    }
  }

  get ended(): boolean {
    return this.#ended !== undefined
  }

  /** Whether the broker is about to end the connection because its authentication gets old. */
  get old(): boolean {
    return this.#options.timing.now() >= this.#retireAt
  }

  /**
   * Sends a request and reads its answer.
   * @param waitMs how long the broker was asked to wait, on top of the time it has to answer
   * @throws ConnectionEnded, also where `read` meets bytes that are not the protocol
   */
  async request<T>(api: Api, body: Buffer, read: (from: ByteReader) => T, waitMs = 0): Promise<T> {
    const answer = await this.#send(api, body, waitMs)
    try {
      const from = new ByteReader(answer)
      from.int32()
      if (api.flexible && api !== API.apiVersions) from.tags()
      return read(from)
    } catch (error) {
      this.#end(new ConnectionEnded('lost', text(error)))
      throw this.#ended
    }
  }

  close(): void {
    this.#end(new ConnectionEnded('lost', 'closed by this side'))
  }

  #send(api: Api, body: Buffer, waitMs: number): Promise<Buffer> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    const { timing, requestMs, clientId } = this.#options
    const correlation = this.#correlation
    this.#correlation = (this.#correlation + 1) & 0x7fffffff
    const header = requestHeader(api, correlation, clientId)
    const size = Buffer.allocUnsafe(4)
    size.writeInt32BE(header.length + body.length, 0)
    return new Promise((resolve, reject) => {
      const cancelTimer = timing.after(requestMs + waitMs, () =>
        this.#end(new ConnectionEnded('lost', `no answer within ${requestMs + waitMs} ms`)),
      )
      this.#waiting.push({ correlation, api, resolve, reject, cancelTimer })
      this.#socket.write(Buffer.concat([size, header, body]))
    })
  }

  #received(chunk: Buffer): void {
    if (this.#ended !== undefined) return
    try {
      this.#splitter.push(chunk, (response) => this.#answered(response))
    } catch (error) {
      this.#end(new ConnectionEnded('lost', text(error)))
    }
  }

  #answered(response: Buffer): void {
    const first = this.#waiting.shift()
    const correlation = response.readInt32BE(0)
    if (first === undefined || first.correlation !== correlation) {
      if (first !== undefined) this.#waiting.unshift(first)
      this.#end(new ConnectionEnded('lost', 'an answer to a question that was not asked'))
      return
    }
    first.cancelTimer()
    first.resolve(response)
  }

  #end(why: ConnectionEnded): void {
    if (this.#ended !== undefined) return
    this.#ended = why
    this.#socket.destroy()
    for (const it of this.#waiting.splice(0)) {
      it.cancelTimer()
      it.reject(why)
    }
  }

  async #checkVersions(): Promise<void> {
    const body = apiVersionsRequest('1')
    const ranges = await this.request(API.apiVersions, body, readApiVersions)
    const needed = this.#options.sasl === undefined ? NEEDED : [...NEEDED, API.saslAuthenticate]
    if (ranges !== 'unsupported') {
      const missing = needed.find(
        (api) =>
          !ranges.some(
            (it) => it.key === api.key && it.min <= api.version && it.max >= api.version,
          ),
      )
      if (missing === undefined) return
    }
    throw new ConnectionEnded('unsupported', 'broker version')
  }

  async #authenticate(credentials: SaslCredentials): Promise<void> {
    const { mechanism } = credentials
    const body = saslHandshakeRequest(mechanism)
    const handshake = await this.request(API.saslHandshake, body, readSaslHandshake)
    if (handshake.error === ERROR.unsupportedSaslMechanism)
      throw new ConnectionEnded('refused', `the broker does not offer ${mechanism}`)
    if (handshake.error !== ERROR.none)
      throw new ConnectionEnded('refused', errorName(handshake.error))
    const begun = this.#options.timing.now()
    let lifetimeMs = 0
    await authenticate(credentials, randomBytes(24).toString('base64url'), async (message) => {
      const request = saslAuthenticateRequest(message)
      const answer = await this.request(API.saslAuthenticate, request, readSaslAuthenticate)
      if (answer.error !== ERROR.none) throw new ConnectionEnded('refused', errorName(answer.error))
      lifetimeMs = answer.lifetimeMs
      return answer.bytes
    })
    // A new connection is made well before, rather than authenticating again on this one.
    if (lifetimeMs > 0) this.#retireAt = begun + lifetimeMs * 0.8
  }
}

/** @throws ConnectionEnded */
function connect(to: HostPort, options: ConnectionOptions): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const secure = options.tls
    const at = { host: to.host, port: to.port }
    const socket = secure === undefined ? net.connect(at) : tls.connect(tlsOptions(at, secure))
    const fail = (what: string): void => {
      cancelTimer()
      socket.destroy()
      reject(new ConnectionEnded('lost', what))
    }
    const failed = (error: Error): void => fail(codeOf(error))
    const hungUp = (): void => fail('the broker hung up')
    const cancelTimer = options.timing.after(options.connectMs, () =>
      fail(`no connection within ${options.connectMs} ms`),
    )
    socket.once('error', failed)
    socket.once('close', hungUp)
    socket.once(secure === undefined ? 'connect' : 'secureConnect', () => {
      cancelTimer()
      socket.off('error', failed)
      socket.off('close', hungUp)
      socket.setNoDelay(true)
      socket.setKeepAlive(true, 30_000)
      resolve(socket)
    })
  })
}

function tlsOptions(at: HostPort, secure: TlsOptions): tls.ConnectionOptions {
  const servername = secure.servername ?? (net.isIP(at.host) === 0 ? at.host : undefined)
  return { ...at, ...secure, ...(servername === undefined ? {} : { servername }) }
}

function codeOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  return code === undefined || code === '' ? error.message : `${code}: ${error.message}`
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error))
