import { describe, expect, test } from 'vitest'
import { findError } from '#engine'
import { basicUser, type Role, Tokens, WriteKeys } from './access.ts'
import { RateLimiter } from './rate-limit.ts'

const OPERATOR = 'o'.repeat(40)

const codeOf = (tokens: Tokens, token: string, role: Role): string | undefined => {
  try {
    tokens.require(token, role)
  } catch (error) {
    return findError(error)?.code
  }
  return undefined
}

describe('tokens', () => {
  test('[API-2] the operator may do everything, a read session may only read', () => {
    const tokens = new Tokens(OPERATOR, () => 0)
    const session = `Bearer ${tokens.readSession(1_000).token}`
    expect(codeOf(tokens, `Bearer ${OPERATOR}`, 'operate')).toBeUndefined()
    expect(codeOf(tokens, `Bearer ${OPERATOR}`, 'read')).toBeUndefined()
    expect(codeOf(tokens, session, 'read')).toBeUndefined()
    expect(codeOf(tokens, session, 'operate')).toBe('http_forbidden')
  })

  test('a session ends, and none survives a restart', () => {
    const clock = { at: 1_000 }
    const tokens = new Tokens(OPERATOR, () => clock.at)
    const session = `Bearer ${tokens.readSession(500).token}`
    clock.at = 1_499
    expect(codeOf(tokens, session, 'read')).toBeUndefined()
    expect(codeOf(new Tokens(OPERATOR, () => 1_000), session, 'read')).toBe('http_unauthorized')
    clock.at = 1_500
    expect(codeOf(tokens, session, 'read')).toBe('http_unauthorized')
  })

  test('a session cannot be prolonged or made up', () => {
    const tokens = new Tokens(OPERATOR, () => 0)
    const [version, , signature] = tokens.readSession(1).token.split('.')
    for (const token of [
      `${version}.zzzzzzzz.${signature}`,
      's1.zzzz.',
      's1',
      's2.a.b',
      '',
      OPERATOR.slice(1),
    ])
      expect(codeOf(tokens, `Bearer ${token}`, 'read')).toBe('http_unauthorized')
    expect(codeOf(tokens, OPERATOR, 'read')).toBe('http_unauthorized')
  })
})

describe('write keys', () => {
  test('are known by a label that is not the key', () => {
    const keys = new WriteKeys(['a', 'b'])
    expect([keys.label('b'), keys.label('c'), keys.label(null)]).toEqual(['key-2', null, null])
    expect(new WriteKeys([]).label(null)).toBe('anyone')
  })

  test.each([
    ['Basic YWJjMTIzOg==', 'abc123'],
    ['basic YWJjMTIz', 'abc123'],
    ['Basic Og==', null],
    ['Bearer abc', null],
    [undefined, null],
  ])('%s names %s', (header, user) => {
    expect(basicUser(header)).toBe(user)
  })
})

describe('the rate limit', () => {
  test('[H4] lets a burst through, then the rate, and says how long to wait', () => {
    const clock = { at: 0 }
    const limiter = new RateLimiter({ perSecond: 0.5, burst: 2 }, () => clock.at)
    expect([limiter.take('k'), limiter.take('k'), limiter.take('k')]).toEqual([0, 0, 2])
    clock.at = 2_000
    expect([limiter.take('k'), limiter.take('k')]).toEqual([0, 2])
    clock.at = 3_600_000
    expect([1, 2, 3].map(() => limiter.take('k'))).toEqual([0, 0, 2])
  })
})
