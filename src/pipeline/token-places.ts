/**
 * Where a token can be beside Authorization: how to read it there, and how to take it away before the request goes up.
 * All work on the text as sent, so that everything else stays byte for byte.
 */

/** The values of one cookie in a `Cookie` field (RFC 6265 §4.2.1), without the quotes some clients put. */
export function readCookie(cookie: string, name: string): readonly string[] {
  return cookie
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1).replace(/^"(.*)"$/, '$1'));
}

/** The field without one cookie; undefined when nothing is left. */
export function withoutCookie(cookie: string, name: string): string | undefined {
  const kept = cookie.split(';').filter((pair) => !pair.trim().startsWith(`${name}=`));
  return kept.length === 0 ? undefined : kept.join(';').trimStart();
}

/** The values of one parameter of a query that starts with `?`, as sent. Names that are spelled with escapes count too. */
export function readQuery(query: string, name: string): readonly string[] {
  return pairsOf(query)
    .filter((pair) => nameOf(pair) === name)
    .map((pair) => pair.slice(pair.indexOf('=') + 1 || pair.length));
}

/** The query without one parameter. */
export function withoutParameter(query: string, name: string): string {
  const pairs = pairsOf(query);
  const kept = pairs.filter((pair) => nameOf(pair) !== name);
  if (kept.length === pairs.length) return query;
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}

/** The entries of `Sec-WebSocket-Protocol` that follow the marker (RFC 6455 §11.3.4). */
export function readProtocolToken(pairs: readonly string[], marker: string): readonly string[] {
  const entries = protocolsOf(pairs);
  return entries.filter((_, at) => at > 0 && entries[at - 1] === marker);
}

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

function pairsOf(query: string): readonly string[] {
  return query.length <= 1 ? [] : query.slice(1).split('&');
}

function nameOf(pair: string): string {
  const equals = pair.indexOf('=');
  const raw = equals === -1 ? pair : pair.slice(0, equals);
  try {
    return decodeURIComponent(raw);
  } catch {
    return raw;
  }
}

function protocolsOf(pairs: readonly string[]): readonly string[] {
  return pairs
    .filter((_, at) => at % 2 === 1 && isProtocolField(pairs[at - 1]))
    .flatMap((value) => value.split(','))
    .map((entry) => entry.trim());
}

function isProtocolField(name: string | undefined): boolean {
  return name?.toLowerCase() === 'sec-websocket-protocol';
}
