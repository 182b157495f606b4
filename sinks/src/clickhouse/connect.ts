/**
 * Connections to ClickHouse: embedded in this process (chdb, one directory) or a server by URL. Both
 * speak through @clickhouse/client, so nothing above this file knows which it is.
 *
 * Two kinds of sessions. The writer is ours alone. Readers run what people type: read-only, with
 * limits that a statement cannot lift, since settings are fixed by `readonly = 1`.
 *
 * chdb keeps settings per connection and refuses any change under `readonly`; so the embedded reader
 * gets its settings once, when it is opened, and a server gets them with every query.
 */
import {
  type ClickHouseClient,
  type ClickHouseClientConfigOptions,
  createClient,
} from '@clickhouse/client'
import { OpportuneError } from '#engine'

export interface ReadLimits {
  /** Rows of one answer. Default 10,000. */
  readonly maxRows?: number
  /** Bytes of one answer. Default 16 MiB. */
  readonly maxBytes?: number
  /** Default 10. */
  readonly maxSeconds?: number
  /** Memory of one query, in bytes. Default 512 MiB. */
  readonly maxMemory?: number
}

export interface EmbeddedDatabase {
  readonly kind: 'embedded'
  readonly path: string
  /** Of the whole engine, in bytes. Default 1 GiB. */
  readonly maxMemory?: number
  /** Threads of one statement. Default 1: the machine belongs to the stream. */
  readonly threads?: number
  readonly read?: ReadLimits
}

export interface RemoteDatabase {
  readonly kind: 'remote'
  /** http(s)://host:port, without user or password. */
  readonly url: string
  /** Default `opportune`; made where it does not exist. */
  readonly database?: string
  readonly read?: ReadLimits
}

export type DatabaseOptions = EmbeddedDatabase | RemoteDatabase

/** Where user and password of a remote database come from; never from options, which are logged. */
export interface Credentials {
  readonly username?: string | undefined
  readonly password?: string | undefined
}

export const credentialsFrom = (env: NodeJS.ProcessEnv): Credentials => ({
  username: env['OPPORTUNE_CLICKHOUSE_USER'],
  password: env['OPPORTUNE_CLICKHOUSE_PASSWORD'],
})

type Row = Readonly<Record<string, unknown>>

export interface Writer {
  command(sql: string, settings?: Settings): Promise<void>
  /** For statements of ours, which return few rows. */
  rows<T>(sql: string): Promise<readonly T[]>
  insert(table: string, rows: readonly Row[], token?: string): Promise<void>
}

export interface Answer {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly rows: readonly Row[]
}

export interface Reader {
  /** Takes a statement that `checkStatement` let through. */
  ask(sql: string, params: Readonly<Record<string, unknown>>): Promise<Answer>
  /** The same as an Arrow file: ClickHouse's own types, every digit of every number. */
  arrow(sql: string, params: Readonly<Record<string, unknown>>): Promise<Uint8Array>
}

export interface Database {
  readonly writer: Writer
  /** Each runs one query at a time. */
  readonly readers: readonly Reader[]
  close(): Promise<void>
}

type Settings = Readonly<Record<string, string | number>>

const READERS = 2
const MIB = 1 << 20
const DATABASE = 'opportune'

/** @throws analytics_url_invalid; errors of the driver where the database does not open */
export async function connect(options: DatabaseOptions, from: Credentials = {}): Promise<Database> {
  return options.kind === 'embedded' ? connectEmbedded(options) : connectRemote(options, from)
}

async function connectEmbedded(options: EmbeddedDatabase): Promise<Database> {
  const { path, maxMemory = 1024 * MIB, threads = 1 } = options
  // Loaded on demand: it is a library of 500 MB that a remote database has no use for.
  const { Session } = await import('chdb')
  const { createChdbConnection } = await import('chdb/connection')
  // The engine belongs to the process; the first session decides how it starts.
  const engine = new Session(path, {
    connectionArgs: [`--max_server_memory_usage=${maxMemory}`, `--mark_cache_size=${32 * MIB}`],
  })
  const clients: ClickHouseClient[] = []
  const open = async (settings: Settings): Promise<ClickHouseClient> => {
    const client = createClient({ connection: ours(createChdbConnection({ path })) })
    clients.push(client)
    await client.command({ query: `CREATE DATABASE IF NOT EXISTS ${DATABASE}` })
    await client.command({ query: `USE ${DATABASE}` })
    for (const [name, value] of Object.entries(settings))
      await client.command({ query: `SET ${name} = '${value}'` })
    return client
  }
  const writing = await open({ max_threads: threads, max_insert_threads: 1 })
  const writer = new ClientWriter(writing, cleaning(writing))
  const readers: Reader[] = []
  for (let i = 0; i < READERS; i++) {
    const reading = await open({ max_threads: threads, ...readSettings(options.read) })
    readers.push(new ClientReader(reading, cleaning(reading)))
  }
  return {
    writer,
    readers,
    close: async () => {
      for (const client of clients) await client.close()
      engine.close()
    },
  }
}

type Connection = NonNullable<ClickHouseClientConfigOptions['connection']>

/** chdb was built against a copy of the client's types of its own; the shapes are the same. */
const ours = (connection: object): Connection => connection as Connection

async function connectRemote(options: RemoteDatabase, from: Credentials): Promise<Database> {
  const { database = DATABASE } = options
  const url = checkedUrl(options.url)
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(database))
    throw new OpportuneError('analytics_url_invalid', 'The database name is not a plain word.')
  const credentials = {
    ...(from.username === undefined ? {} : { username: from.username }),
    ...(from.password === undefined ? {} : { password: from.password }),
  }
  const common = { url, ...credentials, application: 'opportune', max_open_connections: 4 }
  const admin = createClient(common)
  try {
    await admin.command({ query: `CREATE DATABASE IF NOT EXISTS ${database}` })
  } finally {
    await admin.close()
  }
  const writing = createClient({ ...common, database, request_timeout: 120_000 })
  const limits = readSettings(options.read)
  const reading = createClient({ ...common, database, clickhouse_settings: limits })
  return {
    writer: new ClientWriter(writing, asIs),
    readers: Array.from({ length: READERS }, () => new ClientReader(reading, asIs)),
    close: async () => {
      await writing.close()
      await reading.close()
    },
  }
}

function checkedUrl(text: string): URL {
  let url: URL | undefined
  try {
    url = new URL(text)
  } catch {
    url = undefined
  }
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new OpportuneError('analytics_url_invalid', 'It is not an http or https URL.')
  if (url.username !== '' || url.password !== '')
    throw new OpportuneError('analytics_url_invalid', 'It holds a user or password.')
  return url
}

/** `readonly` comes last: after it nothing can be set any more. */
function readSettings(limits: ReadLimits = {}) {
  return {
    max_result_rows: String(limits.maxRows ?? 10_000),
    max_result_bytes: String(limits.maxBytes ?? 16 * MIB),
    max_execution_time: limits.maxSeconds ?? 10,
    max_memory_usage: String(limits.maxMemory ?? 512 * MIB),
    output_format_json_quote_64bit_integers: 0 as const,
    output_format_json_quote_decimals: 0 as const,
    // Readers of Arrow need not know how to unpack, and ours for JavaScript does not.
    output_format_arrow_compression_method: 'none' as const,
    readonly: '1' as const,
  }
}

class ClientWriter implements Writer {
  readonly #client: ClickHouseClient
  readonly #clean: Clean

  constructor(client: ClickHouseClient, clean: Clean) {
    this.#client = client
    this.#clean = clean
  }

  command(sql: string, settings: Settings = {}): Promise<void> {
    return this.#clean(async () => {
      await this.#client.command({ query: sql, clickhouse_settings: settings })
    })
  }

  rows<T>(sql: string): Promise<readonly T[]> {
    return this.#clean(async () => {
      const result = await this.#client.query({ query: sql, format: 'JSONEachRow' })
      return result.json<T>()
    })
  }

  insert(table: string, rows: readonly Row[], token?: string): Promise<void> {
    return this.#clean(async () => {
      // An embedded session keeps settings, so a token is always set: an old one must not stay on.
      const clickhouse_settings = { insert_deduplication_token: token ?? '' }
      const values = rows as Row[]
      await this.#client.insert({ table, values, format: 'JSONEachRow', clickhouse_settings })
    })
  }
}

class ClientReader implements Reader {
  readonly #client: ClickHouseClient
  readonly #clean: Clean

  constructor(client: ClickHouseClient, clean: Clean) {
    this.#client = client
    this.#clean = clean
  }

  ask(sql: string, params: Readonly<Record<string, unknown>>): Promise<Answer> {
    return this.#clean(async () => {
      const query_params = { ...params }
      const result = await this.#client.query({ query: sql, query_params, format: 'JSON' })
      const { meta, data } = await result.json<Row>()
      return { columns: meta ?? [], rows: data }
    })
  }

  arrow(sql: string, params: Readonly<Record<string, unknown>>): Promise<Uint8Array> {
    return this.#clean(async () => {
      const query_params = { ...params }
      const { stream } = await this.#client.exec({ query: `${sql}\nFORMAT Arrow`, query_params })
      const parts: Buffer[] = []
      for await (const part of stream) parts.push(Buffer.from(part as Uint8Array))
      const file = Buffer.concat(parts)
      // A server that fails half way has said 200 by then; what it says next is no end of a file.
      if (!file.subarray(-ARROW.length).equals(ARROW)) throw new Error(endOf(file))
      return file
    })
  }
}

/** What an Arrow file begins and ends with. */
const ARROW = Buffer.from('ARROW1')

/** What a server wrote instead of the end, where that is a sentence of its own. */
const endOf = (file: Buffer): string =>
  /Code: \d+\. DB::Exception[^\n]*/.exec(file.toString('latin1'))?.[0] ??
  'the answer ended in the middle'

/** Runs one statement and leaves nothing of it behind on its connection. */
type Clean = <T>(statement: () => Promise<T>) => Promise<T>

const asIs: Clean = (statement) => statement()

/**
 * chdb 3.4 keeps what a failed statement had already written and puts it in front of the connection's
 * next answer. So a failure is followed by a statement whose answer is thrown away, until one comes
 * back clean.
 */
const cleaning =
  (client: ClickHouseClient): Clean =>
  async (statement) => {
    try {
      return await statement()
    } catch (error) {
      await drain(client)
      throw error
    }
  }

async function drain(client: ClickHouseClient): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const result = await client.query({ query: 'SELECT 1 AS clean', format: 'JSONEachRow' })
    if ((await result.text()) === '{"clean":1}\n') return
  }
  throw new Error('the connection keeps giving back answers of former statements')
}
