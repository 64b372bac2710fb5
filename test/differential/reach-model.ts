/**
 * What may reach a backend without a token, defined independently of the gateway: one request line whose path stays below
 * `/public` for every reader, however it decodes, merges or cuts.
 */
export function mayReach(requestLine: string): boolean {
  const parts = requestLine.split(' ');
  if (parts.length !== 3 || parts[2] !== 'HTTP/1.1') return false;
  const [method, target] = parts as [string, string];
  return /^[A-Z][A-Z-]*$/.test(method) && method !== 'TRACE' && method !== 'CONNECT' && staysPublic(target);
}

function staysPublic(target: string): boolean {
  const end = target.indexOf('?');
  const path = end === -1 ? target : target.slice(0, end);
  if (path[0] !== '/' || path.includes('#')) return false;
  const segments = path.slice(1).split('/');
  if (segments.at(-1) === '') segments.pop();
  return (
    segments.length > 0 &&
    readSegment(segments[0] as string) === 'public' &&
    segments.every((segment, at) => isPlain(segment, at === segments.length - 1))
  );
}

/** Also if a reader ends it at an encoded `?` or `#`, or drops what follows an encoded `;`. */
function isPlain(segment: string, isLast: boolean): boolean {
  const text = readSegment(segment);
  if (text === undefined || text === '') return false;
  const kept = text.split(/[;?#]/)[0];
  return kept !== '.' && kept !== '..' && (isLast || !text.startsWith(';'));
}

/** A segment decoded once, or undefined when some reader could decode it differently. */
function readSegment(segment: string): string | undefined {
  const bytes: number[] = [];
  for (let at = 0; at < segment.length; at++) {
    const char = segment[at] as string;
    if (char !== '%') {
      if (!/[A-Za-z0-9\-._~!$&'()*+,=:@[\]]/.test(char)) return undefined;
      bytes.push(char.charCodeAt(0));
      continue;
    }
    const byte = /^[0-9A-Fa-f]{2}$/.test(segment.slice(at + 1, at + 3))
      ? Number.parseInt(segment.slice(at + 1, at + 3), 16)
      : -1;
    if (byte < 0x20 || byte === 0x7f || byte === 0x2f || byte === 0x5c) return undefined;
    bytes.push(byte);
    at += 2;
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
    return /%(?:25)*(?:2[3ef]|3[bf]|5c|[01][0-9a-f]|7f)/i.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
