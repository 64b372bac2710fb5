/** `.` or `..` between the characters that end a segment; the first segment may follow the scheme. */
const DOT_SEGMENT = /(?:^|[/:?#])\.\.?(?:$|[/?#;])/;
/** `.`, `/` and `\` as escapes, also encoded twice. */
const HIDDEN = /%(?:25)*(?:2[ef]|5c)/i;
/** What readers of URIs drop from them: controls anywhere, blanks around them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const DROPPED = /[\u0000-\u001f\u007f]|^\s|\s$/;

/** Why the URI of a resource can be read in two ways; undefined when it cannot. */
export function findUriFlaw(uri: string): string | undefined {
  if (DOT_SEGMENT.test(uri)) return 'a dot segment';
  if (uri.includes('\\')) return 'a backslash';
  if (HIDDEN.test(uri)) return 'an encoded slash, dot or backslash';
  return DROPPED.test(uri) ? 'a control character, or a blank around it' : undefined;
}

/**
 * The URI as servers may normalize it (RFC 3986 §6.2, WHATWG URL): escapes decoded and scheme and authority in lower case; and with that
 * also without what reaches the same resource anyway, such as a fragment, a default port, or slashes in a row. Readings that are the URI
 * itself are left out.
 */
export function otherReadings(uri: string): readonly string[] {
  const decoded = decode(uri);
  return [...new Set([decoded, reduce(uri)])].filter((reading) => reading !== uri);
}

const FRONT = /^[a-z][a-z0-9+.-]*:(?:\/\/[^/?#]*)?/i;

function decode(uri: string): string {
  let decoded = uri;
  try {
    decoded = decodeURIComponent(uri);
  } catch {
    // A server that accepts it keeps it as it is.
  }
  return decoded.replace(FRONT, (front) => front.toLowerCase());
}

function reduce(uri: string): string {
  const isFile = /^file:/i.test(uri);
  // Files have no query; an empty one is none.
  const decoded = decode(uri.replace(isFile ? /[?#].*$/s : /\??(?:#.*)?$/s, ''));
  if (isFile) {
    const path = decoded.replace(/^file:(?:\/\/(?:localhost)?(?=\/|$)|(?!\/\/))\/*/, 'file:///');
    return path.slice(0, 8) + path.slice(8).replaceAll(/\/{2,}/g, '/');
  }
  const front = FRONT.exec(decoded)?.[0] ?? '';
  const plain = front.replace(/^(https?|wss?|ftp):\/\/(?:.*@)?/, '$1://').replace(DEFAULT_PORT, '$1$2');
  return plain + decoded.slice(front.length).replace(/^[^?]*/, (path) => path.replaceAll(/\/{2,}/g, '/'));
}

const DEFAULT_PORT = /^((?:http|ws):\/\/.*):80$|^((?:https|wss):\/\/.*):443$/;
