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
 * The URI as a server may normalize it (RFC 3986 §6.2.2): escapes decoded, scheme and authority in lower case. Undefined where that
 * changes nothing, or its escapes are broken.
 */
export function otherReading(uri: string): string | undefined {
  let decoded = uri;
  try {
    decoded = decodeURIComponent(uri);
  } catch {
    // A server that accepts it keeps it as it is.
  }
  const read = decoded.replace(/^[a-z][a-z0-9+.-]*:(?:\/\/[^/?#]*)?/i, (front) => front.toLowerCase());
  return read === uri ? undefined : read;
}
