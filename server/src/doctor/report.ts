/** The doctor's report for people. */
import { printable } from '../cli/text.ts'
import type { Check, Report } from './check.ts'

const INDENT = ' '.repeat(10)

export function reportText(report: Report): string {
  const width = Math.max(...report.checks.map(({ title }) => title.length))
  const lacking = report.checks.filter((check) => check.required && check.status === 'missing')
  const verdict = report.ok
    ? 'Nothing that is required is missing.'
    : `Required and missing: ${lacking.map(({ title }) => title).join(', ')}.`
  return `${report.checks.map((check) => checkText(check, width)).join('')}\n${verdict}\n`
}

function checkText(check: Check, width: number): string {
  const { status, title, found, cost, fix = [], required } = check
  const optional = status === 'missing' && !required ? ' (optional)' : ''
  return [
    `${status.padEnd(8)}  ${printable(title).padEnd(width)}  ${printable(found)}${optional}`,
    ...(cost === undefined ? [] : [`${INDENT}cost: ${cost}`]),
    ...fix.map((step, i) => `${INDENT}${i === 0 ? 'add: ' : '     '} ${step}`),
    '',
  ].join('\n')
}
