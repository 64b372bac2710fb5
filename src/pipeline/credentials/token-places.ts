import type { SourceNames } from './token-spellings.ts';

/**
 * Where a token can be beside Authorization: how to read it there, how to remove it before the request is forwarded, and how to
 * notice that a backend would read another one. All work on the text as sent, so that everything else stays byte for byte.
 */

/** The values of one cookie in a `Cookie` field (RFC 6265 §4.2.1), without the quotes some clients put. */
export function readCookie(cookie: string, name: string): readonly string[] {
  return cookie
    .split(';')
    .map(trimBlanks)
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1).replace(/^"(.*)"$/, '$1'));
}

/** The field without one cookie; undefined when nothing is left. */
export function withoutCookie(cookie: string, name: string): string | undefined {
  const kept = cookie.split(';').filter((pair) => !trimBlanks(pair).startsWith(`${name}=`));
  return kept.length === 0 ? undefined : kept.join(';').trimStart();
}

/** How `readCookie` finds a name, and where a name ends for PHP and for zero-terminated text. */
export const COOKIE_SPELLINGS = { before: '(?:^|;)[ \\t]*', after: '=', ends: '\\0[\\]' } as const;

/**
 * Whether a reader of `Cookie` fields finds one of these cookies where `readCookie` does not: under another spelling of the name,
 * or behind a comma, a blank or a quote, which end a cookie for some (RFC 2109 §4.3.4).
 */
export function hidesCookie(cookie: string, names: SourceNames): boolean {
  if (!names.mayHide(cookie)) return false;
  if (holdsMore(cookie, EQUALS)) return true;
  return cookie.split(';').some((raw) => {
    const pair = trimBlanks(raw);
    const read = names.exact.find((name) => pair.startsWith(`${name}=`));
    if (read === undefined && ONE_NAME.test(pair)) return names.readsAsOne(wholeName(pair)[0] as string);
    const found = read === undefined ? namesIn(pair) : namesInValue(pair.slice(read.length + 1));
    return found.some(names.readsAsOne);
  });
}

/** A cookie as nearly all are: no reader finds more than one name in it. */
const ONE_NAME = /^[!#-+\--<>-~]+=[!#-+\--~]*$/;

/** All up to the `=`, which is the name to most readers; the same behind each comma, and the words there, as others have it. */
function namesIn(pair: string): readonly string[] {
  return [...wholeName(pair), ...namesInValue(pair, false)];
}

function namesInValue(text: string, startsInValue = true): readonly string[] {
  if (!text.includes('=')) return [];
  const behindCommas = text.includes(',') ? text.split(',').slice(1).flatMap(wholeName) : [];
  return [...behindCommas, ...wordsBeforeEquals(text, startsInValue)];
}

function wholeName(pair: string): readonly string[] {
  let start = 0;
  while (pair.charCodeAt(start) === EQUALS) start += 1;
  const equals = pair.indexOf('=', start);
  return equals === -1 ? [] : [pair.slice(0, equals)];
}

/** The words before an `=` that is the first since the last separator; further ones are part of a value. */
function wordsBeforeEquals(text: string, startsInValue: boolean): readonly string[] {
  const names: string[] = [];
  let isValue = startsInValue;
  let start = -1;
  let end = -1;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (character === EQUALS) {
      if (start === -1) continue;
      names.push(text.slice(start, end));
      isValue = true;
      start = -1;
    } else if (isSeparator(character)) {
      isValue = false;
      if (character === COMMA) start = -1;
    } else if (!isValue) {
      if (end !== at || start === -1) start = at;
      end = at + 1;
    }
  }
  return names;
}

const EQUALS = 0x3d;
const AMPERSAND = 0x26;
const SEMICOLON = 0x3b;
const COMMA = 0x2c;
const QUOTE = 0x22;

/** What ends a word for some reader: commas, quotes, blanks, and all that does not print. */
function isSeparator(character: number): boolean {
  return character <= 0x20 || character >= 0x7f || character === COMMA || character === QUOTE;
}

/** The values of one parameter of a query that starts with `?`, as sent. */
export function readQuery(query: string, name: string): readonly string[] {
  return pairsOf(query)
    .filter((pair) => nameOf(pair) === name)
    .map((pair) => pair.slice(name.length + 1));
}

/** The query without one parameter. */
export function withoutParameter(query: string, name: string): string {
  const pairs = pairsOf(query);
  const kept = pairs.filter((pair) => nameOf(pair) !== name);
  if (kept.length === pairs.length) return query;
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}

/** More names than clients send; a request with more is not examined name by name. */
const MOST_NAMES = 512;

function holdsMore(text: string, ...marks: readonly number[]): boolean {
  let count = 0;
  for (let at = 0; at < text.length; at += 1) if (marks.includes(text.charCodeAt(at))) count += 1;
  return count > MOST_NAMES;
}

/** How `readQuery` finds a name, and where a name ends for others: Zope has a type behind a colon. */
export const QUERY_SPELLINGS = { before: '(?:^\\?|&)', after: '(?=[=&]|$)', ends: '\\0:[\\]' } as const;

/**
 * Whether a reader of queries finds one of these parameters where `readQuery` does not: under another spelling of the name, or
 * behind a semicolon, which separates for some.
 */
export function hidesParameter(query: string, names: SourceNames): boolean {
  if (!names.mayHide(query)) return false;
  if (holdsMore(query, AMPERSAND, SEMICOLON)) return true;
  return pairsOf(query).some((pair) => {
    const name = nameOf(pair);
    const found = pair.includes(';') ? pair.split(';').map(nameOf) : [];
    if (names.exact.includes(name)) found.shift();
    else found.push(name);
    return found.some(names.readsAsOne);
  });
}

/** The entries of `Sec-WebSocket-Protocol` that follow the marker (RFC 6455 §11.3.4). */
export function readProtocolToken(pairs: readonly string[], marker: string): readonly string[] {
  const entries = protocolsOf(pairs);
  return entries.filter((_, at) => at > 0 && entries[at - 1] === marker);
}

/** Whether a backend finds one of these markers in another spelling. */
export function hidesProtocol(pairs: readonly string[], { exact, readsAsOne }: SourceNames): boolean {
  return protocolsOf(pairs).some((entry) => !exact.includes(entry) && readsAsOne(entry));
}

/** How `readProtocolToken` finds a marker. */
export const PROTOCOL_SPELLINGS = { before: '', after: '', ends: '' } as const;

/** Whether a handshake offers this protocol. */
export function offersProtocol(pairs: readonly string[], name: string): boolean {
  return protocolsOf(pairs).includes(name);
}

/** The header fields without the marker and the token after it. */
export function withoutProtocolToken(pairs: readonly string[], marker: string): readonly string[] {
  const entries = protocolsOf(pairs);
  if (!entries.includes(marker)) return pairs;
  const kept = entries.filter((entry, at) => entry !== marker && entries[at - 1] !== marker);
  const rest: string[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    if (!isProtocolField(pairs[at])) rest.push(pairs[at] as string, pairs[at + 1] as string);
  }
  return kept.length === 0 ? rest : [...rest, 'Sec-WebSocket-Protocol', kept.join(', ')];
}

/** Space and tab are all that RFC 9110 §5.6.3 lets stand around a value; other blanks are part of a name to some readers. */
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(character: number): boolean {
  return character === 0x20 || character === 0x09;
}

function pairsOf(query: string): readonly string[] {
  return query.length <= 1 ? [] : query.slice(1).split('&');
}

function nameOf(pair: string): string {
  const equals = pair.indexOf('=');
  return equals === -1 ? pair : pair.slice(0, equals);
}

function protocolsOf(pairs: readonly string[]): readonly string[] {
  return pairs
    .filter((_, at) => at % 2 === 1 && isProtocolField(pairs[at - 1]))
    .flatMap((value) => value.split(','))
    .map(trimBlanks);
}

function isProtocolField(name: string | undefined): boolean {
  return name?.toLowerCase() === 'sec-websocket-protocol';
}
