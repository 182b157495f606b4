/**
 * The placeholders of templates: `{{first_name}}`, spaces allowed within the braces. A small subset of
 * Liquid's output syntax, so that today's templates stay valid when filters come.
 */

/** What a template may name; `decide/render.ts` says where each comes from. */
export const VARIABLES = [
  'first_name',
  'city',
  'shop_name',
  'cart_count',
  'cart_value',
  'product_name',
  'order_count',
  'days_away',
] as const
export type Variable = (typeof VARIABLES)[number]

const PLACEHOLDER = /\{\{\s*([a-z_]+)\s*\}\}/g

/** The distinct names a text uses; refused where braces remain that are no placeholder. */
export function placeholders(
  text: string,
):
  | { readonly ok: true; readonly names: readonly string[] }
  | { readonly ok: false; readonly reason: string } {
  const names = new Set<string>()
  const rest = text.replace(PLACEHOLDER, (_whole, name: string) => {
    names.add(name)
    return ''
  })
  if (/\{\{|\}\}|\{%|%\}/.test(rest))
    return { ok: false, reason: 'a placeholder is {{name}}: lower case letters and "_" only' }
  return { ok: true, names: [...names] }
}

/** The text with every placeholder replaced by what `valueOf` gives. */
export const substitute = (text: string, valueOf: (name: string) => string): string =>
  text.replace(PLACEHOLDER, (_whole, name: string) => valueOf(name))
