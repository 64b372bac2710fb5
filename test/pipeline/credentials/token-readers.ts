import { parse as parseQuery } from 'node:querystring';

/*
 * How servers of several kinds read a cookie or a query parameter, each written after the code or the rules of one. They return
 * every value that the name could have, so that it does not matter whether the first or the last counts.
 */

export type Reader = (text: string, name: string) => readonly string[];

const select = (pairs: readonly (readonly [name: string, value: string])[], wanted: string) =>
  pairs.filter(([name]) => name === wanted).map(([, value]) => value);

const cutAt = (text: string, separator: string): readonly [string, string] => {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
};

const decodeEscapes = (text: string): string =>
  text.replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
const formDecoded = (text: string) => decodeEscapes(text.replaceAll('+', ' '));

/** PHP's `php_register_variable_ex`: leading blanks go, blanks and dots become `_`, a bracket ends the name, so does a zero byte. */
const phpName = (name: string): string =>
  cutAt(cutAt(decodeEscapes(name).replace(/^ +/, ''), '\0')[0], '[')[0].replace(/[ .]/g, '_');

export const COOKIE_READERS: Readonly<Record<string, Reader>> = {
  'npm cookie': (text, name) =>
    select(
      text
        .split(';')
        .filter((pair) => pair.includes('='))
        .map((pair) => {
          const [key, value] = cutAt(pair, '=');
          return [key.trim(), value.trim()] as const;
        }),
      name,
    ),
  'Go net/http': (text, name) =>
    select(
      text.split(';').map((pair) => {
        const [key, value] = cutAt(pair.replace(/^[ \t]+|[ \t]+$/g, ''), '=');
        return [key.replace(/^[ \t]+|[ \t]+$/g, ''), value.replace(/^"(.*)"$/, '$1')] as const;
      }),
      name,
    ),
  PHP: (text, name) =>
    select(
      text.split(';').map((pair) => {
        const [key, value] = cutAt(pair.replace(/^[\s\v]+/, ''), '=');
        return [phpName(key), formDecoded(value)] as const;
      }),
      phpName(name),
    ),
  'Python http.cookies': (text, name) => {
    const pattern =
      /\s*([\w!#%&'~`><@,:/$*+\-.^|)(?}{=]+?)(?:\s*=\s*("(?:[^\\"]|\\.)*"|[\w!#%&'~`><@,:/$*+\-.^|)(?}{=[\]]*))?\s*(?:\s+|;|$)/gy;
    return select(
      [...text.matchAll(pattern)].map(([, key = '', value = '']) => [key, value.replace(/^"(.*)"$/s, '$1')]),
      name,
    );
  },
  'Django parse_cookie': (text, name) =>
    select(
      text.split(';').map((pair) => cutAt(pair, '=').map((part) => part.trim()) as [string, string]),
      name,
    ),
  'RFC 2109, as Java servlets had it': (text, name) => {
    const pairs: [string, string][] = [];
    const pattern =
      /\s*([^\s=;,"]+|"(?:[^"\\]|\\.)*")\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?\s*[;,]?|[\s\S]/g;
    for (const [, key, value = ''] of text.matchAll(pattern)) {
      if (key !== undefined) pairs.push([key.replace(/^"(.*)"$/, '$1'), value.replace(/^"(.*)"$/, '$1')]);
    }
    return select(pairs, name);
  },
  'ASP.NET': (text, name) =>
    select(
      text.split(/[;,]/).map((pair) => {
        const [key, value] = cutAt(pair.trim(), '=');
        return [key.trim().toLowerCase(), value] as const;
      }),
      name.toLowerCase(),
    ),
  'Rack and CGI.pm': (text, name) =>
    select(
      text.split(/[;,]\s*/).map((pair) => {
        const [key, value] = cutAt(pair, '=');
        return [formDecoded(key).trim(), formDecoded(value)] as const;
      }),
      name,
    ),
};

export const QUERY_READERS: Readonly<Record<string, Reader>> = {
  URLSearchParams: (text, name) => new URLSearchParams(text).getAll(name),
  'node:querystring': (text, name) => [parseQuery(text)[name] ?? []].flat(),
  qs: (text, name) =>
    select(
      text
        .replace(/^\?/, '')
        .split('&')
        .map((pair) => {
          const [key, value] = cutAt(pair, '=');
          const [head = '', ...below] = formDecoded(key).split(/[[\]]+/);
          return [head === '' ? (below[0] ?? '') : head, formDecoded(value)] as const;
        }),
      name,
    ),
  PHP: (text, name) =>
    select(
      text.split('&').map((pair) => {
        const [key, value] = cutAt(pair, '=');
        return [phpName(key.replaceAll('+', ' ')), formDecoded(value)] as const;
      }),
      phpName(name),
    ),
  'Python before 3.9, Rack, CGI.pm': (text, name) =>
    select(
      text.split(/[&;]\s*/).map((pair) => {
        const [key, value] = cutAt(pair, '=');
        return [formDecoded(key).trim(), formDecoded(value)] as const;
      }),
      name,
    ),
  'ASP.NET': (text, name) =>
    select(
      text.split('&').map((pair) => {
        const [key, value] = cutAt(pair, '=');
        const wide = key.replace(/%u([\da-f]{4})/gi, (_, hex: string) =>
          String.fromCharCode(Number.parseInt(hex, 16)),
        );
        return [formDecoded(wide).normalize('NFKC').toLowerCase(), formDecoded(value)] as const;
      }),
      name.toLowerCase(),
    ),
  'classic ASP, which drops broken escapes': (text, name) =>
    select(
      text.split('&').map((pair) => {
        const [key, value] = cutAt(pair, '=');
        return [formDecoded(key.replace(/%(?![\da-f]{2}|u[\da-f]{4})/gi, '')).toLowerCase(), value] as const;
      }),
      name.toLowerCase(),
    ),
  'C, decoded twice': (text, name) =>
    select(
      text.split('&').map((pair) => {
        const [key, value] = cutAt(pair, '=');
        return [cutAt(decodeEscapes(decodeEscapes(key)), '\0')[0], value] as const;
      }),
      name,
    ),
};
