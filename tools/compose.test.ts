/** docker-compose.yml and Dockerfile: right by the specification, and by rules of our own. */
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Schema from 'typebox/schema'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { ROOT, readText } from './files.ts'

interface Service {
  readonly image?: string
  readonly build?: string
  readonly init?: boolean
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly command?: readonly string[]
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly test: readonly string[]; readonly interval: string }
  readonly deploy?: {
    readonly resources?: { readonly limits?: { readonly cpus: string; readonly memory: string } }
  }
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
}

const text = readText('docker-compose.yml').text
const compose = parse(text, { merge: true }) as Compose
const services = Object.entries(compose.services)
const schema = Schema.Compile(JSON.parse(readText('tools/compose/compose-spec.json').text))

/** A version in full: neither `latest` nor a name that moves with each release. */
const PINNED = /^[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*$/

describe('docker-compose.yml', () => {
  test('fits the schema of the Compose specification', () => {
    const [fits, errors] = schema.Errors(compose)
    expect(errors).toEqual([])
    expect(fits).toBe(true)
  })

  test.each([
    ['a word that is not of the specification', { imag: 'x' }],
    ['a health check without a form', { image: 'x', healthcheck: { test: 5 } }],
    ['a condition that there is not', { image: 'x', depends_on: { a: { condition: 'soon' } } }],
  ])('the schema would notice %s', (_, service) => {
    expect(schema.Check({ services: { x: service } })).toBe(false)
  })

  test('at most five containers', () => {
    expect(services.map(([name]) => name)).toEqual([
      'kafka',
      'clickhouse',
      'opportune',
      'prometheus',
      'grafana',
    ])
  })

  test.each(services)('%s: pinned, checked, bounded, and no more rights than it needs', (_, it) => {
    expect(it.image).toMatch(PINNED)
    expect(it.healthcheck?.test.length).toBeGreaterThan(1)
    expect(it.deploy?.resources?.limits).toEqual({
      cpus: expect.stringMatching(/^\d\.\d$/),
      memory: expect.stringMatching(/^\d+[mg]$/),
    })
    expect(it.init).toBe(true)
    expect(it.security_opt).toEqual(['no-new-privileges:true'])
    for (const port of it.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/)
  })

  test('a root that can be written, or capabilities, only where the image needs them', () => {
    const names = (wanted: (it: Service) => boolean): readonly string[] =>
      services.filter(([, it]) => wanted(it)).map(([name]) => name)
    expect(names((it) => it.read_only !== true)).toEqual(['kafka', 'clickhouse'])
    expect(names((it) => it.cap_drop?.includes('ALL') !== true)).toEqual(['clickhouse'])
  })

  test('no password stands in it or has a default: without .env nothing starts', () => {
    let secrets = 0
    for (const [, { environment = {} }] of services)
      for (const [name, value] of Object.entries(environment)) {
        if (!/PASSWORD|SECRET|TOKEN|KEY/.test(name)) continue
        secrets++
        expect(value).toMatch(
          /^\$\{OPPORTUNE_\w+_PASSWORD:\?run \.\/deploy\/make-secrets\.sh first\}$/,
        )
      }
    expect(secrets).toBe(3)
    expect(readText('.gitignore').text).toMatch(/^\.env$/m)
    expect(readText('.dockerignore').text).toMatch(/^\.env$/m)
  })

  test('what is kept stands in named volumes; what is mounted is there and read-only', () => {
    const used = new Set<string>()
    for (const [, { volumes = [] }] of services)
      for (const mount of volumes) {
        const [from = '', , mode] = mount.split(':')
        if (!from.startsWith('./')) used.add(from)
        else {
          expect(statSync(join(ROOT, from))).toBeDefined()
          expect(mode).toBe('ro')
        }
      }
    expect([...used].toSorted()).toEqual(Object.keys(compose.volumes).toSorted())
  })

  test('nothing waits for what has no health to wait for', () => {
    for (const [, { depends_on = {} }] of services)
      for (const [name, { condition }] of Object.entries(depends_on)) {
        expect(condition).toBe('service_healthy')
        expect(compose.services[name]?.healthcheck).toBeDefined()
      }
  })

  test('Prometheus asks the service by its name and port', () => {
    const { scrape_configs: jobs } = parse(readText('deploy/prometheus/prometheus.yml').text) as {
      readonly scrape_configs: readonly {
        readonly job_name: string
        readonly static_configs: readonly { readonly targets: readonly string[] }[]
      }[]
    }
    const own = jobs.find((it) => it.job_name === 'opportune')
    expect(own?.static_configs[0]?.targets).toEqual(['opportune:8080'])
    expect(compose.services['opportune']?.ports).toEqual(['127.0.0.1:8080:8080'])
  })
})

describe('make-secrets.sh', () => {
  test('writes every password that compose asks for, for its owner, and never twice', () => {
    const root = mkdtempSync(join(tmpdir(), 'opportune-secrets-'))
    try {
      mkdirSync(join(root, 'deploy'))
      const script = join(root, 'deploy', 'make-secrets.sh')
      copyFileSync(join(ROOT, 'deploy/make-secrets.sh'), script)
      execFileSync('sh', [script])
      const file = join(root, '.env')
      const written = readFileSync(file, 'utf8')
      const lines = written.trim().split('\n')
      const names = new Set(lines.map((line) => line.split('=')[0]))
      const asked = [...text.matchAll(/\$\{(\w+):\?/g)].map((it) => it[1])
      expect(names).toEqual(new Set(asked))
      for (const line of lines) expect(line).toMatch(/^\w+=[0-9a-f]{48}$/)
      expect(new Set(lines.map((line) => line.split('=')[1])).size).toBe(lines.length)
      expect(statSync(file).mode & 0o777).toBe(0o600)
      expect(spawnSync('sh', [script]).status).toBe(1)
      expect(readFileSync(file, 'utf8')).toBe(written)
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  })
})

describe('Dockerfile', () => {
  const lines = readText('Dockerfile').text.split('\n')
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')))

  test('stages on one pinned image, whose Node is one that we run on', () => {
    const images = lines.flatMap((line) => /^FROM (\S+)/.exec(line)?.[1] ?? [])
    expect(images).toHaveLength(3)
    expect(new Set(images).size).toBe(1)
    expect(images[0]).toMatch(/^node:20\.(19|[2-9]\d)\.\d+-bookworm-slim$/)
  })

  test('runs as a user without rights, and takes neither sources nor development packages', () => {
    expect(last).toContain('USER node')
    expect(lines).toContain('RUN npm ci --omit=dev')
    expect(
      last.filter((line) => /^(COPY|ADD)/.test(line)).every((line) => !/ \. /.test(line)),
    ).toBe(true)
    expect(last.join('\n')).not.toMatch(/npm |g\+\+/)
  })

  test('holds every folder that is read beside the code', () => {
    const copied = last.flatMap((line) => /^COPY (\S+) \.\/\1$/.exec(line)?.[1] ?? [])
    expect(copied).toEqual(['docs', 'examples', 'server/page', 'sinks/clickhouse-migrations'])
    for (const folder of copied) expect(statSync(join(ROOT, folder)).isDirectory()).toBe(true)
    expect(last).toContain('COPY package.json LICENSE ./')
  })
})
