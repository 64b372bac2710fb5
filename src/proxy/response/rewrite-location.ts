/** How the prefix of a path changed on its way up, so that redirects can be led back. */
export interface PrefixChange {
  /** What clients write, as this request had it: empty, or a path without a slash at its end. */
  readonly outside: string;
  /** What the backend was asked for instead, its own prefix included; written likewise. */
  readonly inside: string;
  /** What trusted proxies took off before; written likewise. */
  readonly before: string;
  /** The `X-Forwarded-Prefix` that the backend got: `before`, then what was taken off here. */
  readonly announced: string;
  /** The backend's own origin, lower case. */
  readonly origin: string;
  /** The host that the client named, with its port if it named one. */
  readonly host: string | undefined;
}

/**
 * Rewrites a `Location` of the backend to what clients can reach: only one on the backend's own origin or the
 * client's host, and only within the prefix that was rewritten on the way up. Everything else passes as it is. A backend that
 * puts `X-Forwarded-Prefix` before its paths is believed: that part is not added again.
 */
export function rewriteLocation(value: string, change: PrefixChange): string {
  const { outside, inside, before, announced, origin, host } = change;
  const { start, path } = splitOrigin(value);
  const heeds = announced !== '' && isWithin(path, announced);
  const own = heeds ? path.slice(announced.length) : path;
  if (!isWithin(own, inside)) return value;
  const rest = own.slice(inside.length);
  const front = heeds ? before + outside : outside;
  const led = rest.startsWith('/') || front !== '' ? front + rest : `/${rest}`;
  // What would begin with two slashes to a browser names another host: a redirect that was safe must stay so.
  if (NETWORK_PATH.test(led)) return value;
  if (start === '') return led;
  if (start.toLowerCase() === origin) return led;
  const isClients = host !== undefined && hostOf(start) === host.toLowerCase();
  return isClients ? start + led : value;
}

/** Browsers take a backslash for a slash, and overlook tabs (WHATWG URL, 4.4). */
const NETWORK_PATH = /^\/[\t\n\r]*[/\\]/;

/** `https://a.example/x` gives its origin and its path; a path alone has an empty start. */
function splitOrigin(value: string): { start: string; path: string } {
  const match = /^(https?:\/\/[^/?#]*)?(\/(?!\/).*)?$/is.exec(value);
  return { start: match?.[1] ?? '', path: match?.[2] ?? '' };
}

function isWithin(path: string, prefix: string): boolean {
  if (path === '' || !path.startsWith(prefix)) return false;
  const next = path[prefix.length];
  return next === undefined || next === '/' || next === '?' || next === '#';
}

function hostOf(origin: string): string {
  return origin.toLowerCase().replace(/^https?:\/\//, '');
}

/** How the prefix of a path changed on its way to a target; undefined where it did not. */
export function prefixesOf(
  endpoint: { readonly prefix: string; readonly label: string } | undefined,
  {
    rewritten,
    host,
  }: {
    rewritten: Pick<PrefixChange, 'outside' | 'inside' | 'before' | 'announced'> | undefined;
    host: string | undefined;
  },
): PrefixChange | undefined {
  if (endpoint === undefined || rewritten === undefined) return undefined;
  return {
    ...rewritten,
    inside: endpoint.prefix + rewritten.inside,
    origin: endpoint.label,
    host,
  };
}
