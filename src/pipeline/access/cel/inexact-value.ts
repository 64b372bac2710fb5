/**
 * Stands in a condition for a number of a token that stands for several values (`5.0`, `1e3`, unsafe integers): it is there, but
 * neither equal nor unequal to anything. Bytes, since the engine hands those on as they are; the empty ones of a condition's own
 * (`b""`) are other objects.
 */
export const INEXACT: Uint8Array = new Uint8Array(0);

/** Whether such a number is the value or anywhere in it. */
export function holdsInexact(value: unknown): boolean {
  if (value === INEXACT) return true;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false;
  if (!('values' in value) || typeof value.values !== 'function') return false;
  for (const entry of value.values() as Iterable<unknown>) if (holdsInexact(entry)) return true;
  return false;
}
