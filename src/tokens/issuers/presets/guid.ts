const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a text is a GUID in lower case, as Entra writes tenant ids. */
export function isGuid(text: unknown): text is string {
  return typeof text === 'string' && GUID.test(text);
}
