/** What `start` says on the terminal: where to look, in commands that work as they stand. */
import type { Decision } from '#operators'

export interface WelcomeFacts {
  readonly url: string
  readonly directory: string
  readonly defaultDirectory: string
  readonly writeKey: string
  /** One worth showing; null where nothing was decided yet. */
  readonly example: Pick<Decision, 'decision_id' | 'customer_id'> | null
}

/** Label and what to open or type. */
export type Hint = readonly [label: string, text: string]

function hints(facts: WelcomeFacts): readonly Hint[] {
  const { url, example } = facts
  const command = (words: string): string => {
    const data = facts.directory === facts.defaultDirectory ? '' : ` --data ${facts.directory}`
    return `./bin/opportune ${words}${data}`
  }
  return [
    ['the page', `${url}/`],
    ['metrics', `${url}/metrics`],
    [
      'a query',
      command(
        'query "select action, reason, count() as decisions from decisions group by all order by 3 desc"',
      ),
    ],
    ['revenue', command('query "select * from daily_revenue order by day desc limit 7"')],
    ['decisions', command('decisions --limit 5')],
    ...(example === null
      ? []
      : ([
          ['why one', command(`why ${example.decision_id}`)],
          ['a customer', command(`profile ${example.customer_id}`)],
        ] as const)),
    ['the audit', command('audit verify')],
    ['send one', curl(url, facts.writeKey)],
  ]
}

const curl = (url: string, writeKey: string): string =>
  `curl -u ${writeKey}: ${url}/v1/track -H 'content-type: application/json' -d '${JSON.stringify({
    userId: '42',
    event: 'Product Added',
    properties: { product_id: 'p1', name: 'Lantern', price: 19.9, quantity: 1 },
  })}'`

export function welcome(facts: WelcomeFacts): readonly string[] {
  const all = hints(facts)
  const width = Math.max(...all.map(([label]) => label.length))
  return ['', ...all.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`), '']
}
