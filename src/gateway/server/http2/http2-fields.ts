/**
 * The header fields of a request as HTTP/1.1 has them: `:authority` is its Host, split cookies are one field again
 * (RFC 9113 §8.2.3). A Host equal to `:authority` is not a second one; a body of unknown length is a chunked one.
 */
export function toHttp1Fields(rawHeaders: readonly string[], hasBody: boolean): string[] {
  const fields: string[] = [];
  let authority: string | undefined;
  let cookieAt = -1;
  let statesLength = false;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    const value = rawHeaders[at + 1] as string;
    if (name === ':authority') {
      authority = value;
      fields.push('host', value);
    } else if (name === 'cookie' && cookieAt !== -1) {
      fields[cookieAt] = `${fields[cookieAt]}; ${value}`;
    } else if (!name.startsWith(':') && !(name === 'host' && value === authority)) {
      if (name === 'cookie') cookieAt = fields.length + 1;
      if (name === 'content-length') statesLength = true;
      fields.push(name, value);
    }
  }
  if (hasBody && !statesLength) fields.push('transfer-encoding', 'chunked');
  return fields;
}
