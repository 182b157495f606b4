/** What each field of a profile means, from its one declaration. */
import { ProfileViewSchema } from '#operators'

export function fieldDescriptions(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(ProfileViewSchema.properties).flatMap(([name, schema]) =>
      'description' in schema && typeof schema.description === 'string'
        ? [[name, schema.description] as const]
        : [],
    ),
  )
}
