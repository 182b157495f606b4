import { describe, expect, test } from 'vitest'
import { checkStatement } from './statement.ts'

const refused = (sql: string): string => {
  try {
    checkStatement(sql)
  } catch (error) {
    return String(error)
  }
  return 'let through'
}

describe('statements', () => {
  test('[SNK-2] reading ones pass, without the semicolon at their end', () => {
    for (const sql of [
      'SELECT count() FROM events',
      "  select 'it''s; \\' INTO OUTFILE' -- ; drop table events",
      'WITH 1 AS a SELECT a /* file( */ FROM numbers(3)',
      'show tables',
      'DESCRIBE TABLE events',
      'EXPLAIN SELECT 1',
      'select `order kind`, "file" from events where name = {name:String} and x[1] > 0.5e-3',
      "SELECT properties, 'Größe ‘curly’ $x$ #' FROM events",
    ])
      expect(checkStatement(sql)).toBe(sql)
    expect(checkStatement('SELECT 1 ; ')).toBe('SELECT 1 ')
    expect(checkStatement("SELECT ';' ; -- ;")).toBe("SELECT ';' ")
  })

  test('[SNK-2] everything that could write, reach a file or hide something does not', () => {
    for (const sql of [
      '',
      ';',
      'INSERT INTO events VALUES (1)',
      'DROP TABLE events',
      'KILL QUERY WHERE 1',
      "BACKUP TABLE events TO File('x')",
      'SET readonly = 0',
      'SELECT 1; DROP TABLE events',
      'SELECT 1;;',
      "SELECT 1 INTO OUTFILE 'x'",
      "SELECT 1 into/**/outfile 'x'",
      "SELECT file('/etc/passwd')",
      "SELECT FiLe /* */ ('/etc/passwd')",
      "SELECT `f\\x69le`('/etc/passwd')",
      `SELECT "file"('/etc/passwd')`,
      "SELECT $a$ ' $a$, file('x')",
      "SELECT ‘ ' ‘, file('x')",
      "SELECT 1 # '\n, file('x')",
      "SELECT 'unfinished",
      'SELECT 1 /* unfinished',
      "SELECT 1 // '\n, file('x')",
      `SELECT '${'x'.repeat(100_001)}'`,
    ])
      expect(`${sql.slice(0, 60)}: ${refused(sql)}`).toContain('analytics_query_refused')
  })
})
