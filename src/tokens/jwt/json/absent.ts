/**
 * Whether a member of a JSON document states nothing: it is missing, `null` or empty. Serializers of many languages write optional
 * members out that way. An empty object is a statement.
 */
export function isAbsent(value: unknown): boolean {
  return (
    value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
  );
}

/** A copy that has only the members that state something. */
export function withoutAbsent(object: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => !isAbsent(value)));
}
