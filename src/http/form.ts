/** Parameters by name, each once. */
export type Form = ReadonlyMap<string, string>;

/** Why a form has no single reading. */
export type FormFlaw =
  | 'a parameter comes twice'
  | 'a parameter is not percent-encoded UTF-8'
  | 'a parameter holds a control character';

/**
 * Reads `application/x-www-form-urlencoded` with exactly one meaning. RFC 6749 §3.1 forbids to send a parameter twice, and has one without
 * a value treated as left out. A string result is the reason why not.
 */
export function parseForm(text: string): Form | FormFlaw {
  const form = new Map<string, string>();
  const seen = new Set<string>();
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const border = pair.indexOf('=');
    const name = decode(border === -1 ? pair : pair.slice(0, border));
    const value = decode(border === -1 ? '' : pair.slice(border + 1));
    if (name === undefined || value === undefined) return 'a parameter is not percent-encoded UTF-8';
    if (CONTROL.test(name) || CONTROL.test(value)) return 'a parameter holds a control character';
    if (seen.has(name)) return 'a parameter comes twice';
    seen.add(name);
    if (value !== '') form.set(name, value);
  }
  return form;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
