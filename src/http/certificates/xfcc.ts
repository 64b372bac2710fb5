/** What an element of `x-forwarded-client-cert` has of the certificate itself. Its names count for nothing. */
export interface XfccElement {
  readonly hash?: string;
  readonly cert?: string;
  readonly chain?: string;
}

const KEY = /[A-Za-z][A-Za-z0-9-]*/y;
/** A quoted value, in which a backslash takes the next character as it is; or one without characters that need quotes. */
const VALUE = /"((?:[^"\\]|\\.)*)"|([^",;]*)/y;
const ONCE = ['hash', 'cert', 'chain'] as const;

/**
 * Reads the one element of an `x-forwarded-client-cert` field, as Envoy writes it; undefined for several elements and for text of another
 * form. Envoy writes URIs and names of certificates into it as they are: a client that makes up a certificate can add pairs after those that are
 * Envoy's, so a second `Hash`, `Cert` or `Chain` makes it unreadable.
 */
export function parseXfcc(text: string): XfccElement | undefined {
  const element: { -readonly [Key in keyof XfccElement]: XfccElement[Key] } = {};
  for (let at = 0; ; at += 1) {
    KEY.lastIndex = at;
    const key = KEY.exec(text)?.[0].toLowerCase();
    if (key === undefined || text[KEY.lastIndex] !== '=') return undefined;
    VALUE.lastIndex = KEY.lastIndex + 1;
    const [, quoted, plain = ''] = VALUE.exec(text) ?? [];
    at = VALUE.lastIndex;
    const known = ONCE.find((name) => name === key);
    if (known !== undefined) {
      if (element[known] !== undefined) return undefined;
      element[known] = quoted?.replace(/\\(.)/g, '$1') ?? plain;
    }
    if (at === text.length) return element;
    if (text[at] !== ';') return undefined;
  }
}
