/**
 * Lint rules that oxlint's own cannot express: what makes a result depend on the clock, the machine's
 * time zone or its locale, judged by how a thing is called instead of by its name. What a name alone
 * decides (Date.now, Math.random, process ...) stands in .oxlintrc.json.
 */
const isName = (node, name) => node.type === 'Identifier' && node.name === name
const isUndefined = (node) => node === undefined || isName(node, 'undefined')

const USE_NOW = 'take the time from `now` or from the record.'

/** `new Date()` and `Date()` read the clock; `new Date(a, b)` reads the machine's time zone. */
const noClockDate = {
  create: (context) => ({
    NewExpression(node) {
      if (!isName(node.callee, 'Date')) return
      if (node.arguments.length === 0)
        context.report({ node, message: `new Date() reads the clock: ${USE_NOW}` })
      if (node.arguments.length > 1)
        context.report({
          node,
          message: 'new Date(year, month, ...) is in the machine’s time zone: use Date.UTC(...).',
        })
    },
    CallExpression(node) {
      if (isName(node.callee, 'Date'))
        context.report({ node, message: `Date() reads the clock: ${USE_NOW}` })
    },
  }),
}

/** `Intl.X()` without a locale takes the machine's. */
const noDefaultLocale = {
  create(context) {
    const check = (node) => {
      const { callee } = node
      if (callee.type !== 'MemberExpression' || !isName(callee.object, 'Intl')) return
      if (isUndefined(node.arguments[0]))
        context.report({ node, message: 'Intl without a locale takes the machine’s: name one.' })
    }
    return { NewExpression: check, CallExpression: check }
  },
}

export default {
  meta: { name: 'opportune' },
  rules: { 'no-clock-date': noClockDate, 'no-default-locale': noDefaultLocale },
}
