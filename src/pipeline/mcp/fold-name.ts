const PLAIN = /^[\x20-\x7e]*$/;

/**
 * The name as the most lenient reader takes it: without U+0000, and without case by Unicode's folding, so that `paramſ` is `params` and
 * the Kelvin sign a `k`. Folds more than simple case folding does, never less.
 */
export function foldName(name: string): string {
  if (PLAIN.test(name)) return name.toLowerCase();
  return name.replaceAll('\u0000', '').toLowerCase().toUpperCase().toLowerCase();
}
