/**
 * The target URI of a request, as proofs name it in `htu`: of http or https, without query and fragment, after the normalization of
 * RFC 3986 §6.2.2 and §6.2.3 (RFC 9449 §4.3). Undefined for a text that is none, such as a relative reference, one with user
 * information, or one with characters that no URI has: WHATWG's parser would guess what is meant.
 */
export function normalizeTargetUri(text: string): string | undefined {
  const [, scheme = '', host = '', port = '', path = ''] = URI.exec(text) ?? [];
  if (host === '') return undefined;
  const normalPath = normalizePath(path);
  return normalPath === undefined ? undefined : originOf(scheme, host, port) + normalPath;
}

/** The same for the path alone, which may be empty. Undefined when an escape in it is broken. */
export function normalizePath(path: string): string | undefined {
  if (path === '') return '/';
  if (BROKEN_ESCAPE.test(path)) return undefined;
  const decoded = path.includes('%') ? path.replace(/%[0-9a-f]{2}/gi, normalizeEscape) : path;
  return decoded.includes('/.') ? withoutDotSegments(decoded) : decoded;
}

/** The origin of a URL of http or https as the URIs above begin with it. */
export function normalizeOrigin({ protocol, hostname, port }: URL): string {
  return originOf(protocol.slice(0, -1), hostname, port);
}

const URI =
  /^(https?):\/\/([a-z0-9\-._~!$&'()*+,;=%]+|\[[0-9a-f:.]+\])(?::(\d*))?((?:\/[!$-;=@-[\]_a-z~]*)?)(?:\?[!-~]*)?(?:#[!-~]*)?$/i;
const BROKEN_ESCAPE = /%(?![0-9a-f]{2})/i;
const UNRESERVED = /[A-Za-z0-9\-._~]/;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };

function originOf(scheme: string, host: string, port: string): string {
  const lower = scheme.toLowerCase();
  const number = port.replace(/^0+(?=\d)/, '');
  const suffix = number === '' || number === DEFAULT_PORTS[lower] ? '' : `:${number}`;
  return `${lower}://${host.replace(/%[0-9a-f]{2}/gi, normalizeEscape).toLowerCase()}${suffix}`;
}

/** Escapes of unreserved characters mean the character; those of all others mean something else than it. */
function normalizeEscape(triplet: string): string {
  const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16));
  return UNRESERVED.test(character) ? character : triplet.toUpperCase();
}

/** RFC 3986 §5.2.4. */
function withoutDotSegments(path: string): string {
  const segments = path.split('/').slice(1);
  const kept: string[] = [];
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
  }
  const last = segments.at(-1);
  if (last === '.' || last === '..') kept.push('');
  return `/${kept.join('/')}`;
}
