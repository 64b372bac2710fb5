import type { Fields, Outcome } from './outcome.ts';

/** Every difference between the proxy mode and one way of asking, in words. */
export function differencesOf(proxied: Outcome, asked: Outcome): readonly string[] {
  const differences: string[] = [];
  const compare = (what: string, first: unknown, second: unknown): void => {
    const [one, other] = [JSON.stringify(first), JSON.stringify(second)];
    if (one !== other) differences.push(`${what}: ${one} in the proxy mode, ${other} when asked`);
  };
  const [mine, theirs] = [proxied.record, asked.record];
  // What the parser refuses in one mode, a reader of questions may refuse in the other.
  if (mine.route !== undefined) compare('reason', mine.reason, theirs.reason);
  for (const field of ['code', 'route', 'issuer', 'wouldRefuse', 'subject'] as const)
    compare(field, mine[field], theirs[field]);
  // Of what a parser refuses, and of CONNECT, nothing is known but the connection.
  if (![mine.method, theirs.method].some((method) => method === '' || method === 'CONNECT'))
    compare('client', mine.client, theirs.client);
  const isAllowed = mine.code === 'allow';
  const isDirect = isAllowed && proxied.forBackend === undefined;
  if (!isAllowed || theirs.code !== 'allow') compare('the status', proxied.status, asked.status);
  if ((asked.forBackend === undefined) !== (theirs.code !== 'allow'))
    differences.push(`the reply is not what its record has: ${theirs.code}`);
  if (isDirect) differences.push('fields for the client: the gateway itself responds in the proxy mode');
  if (isDirect) return differences;
  compare('fields for the client', plain(proxied.forClient), plain(asked.forClient));
  if (theirs.code !== 'allow' && !isAllowed) return differences;
  compare('the target', proxied.target, asked.target);
  compare('fields for the backend', plain(proxied.forBackend), plain(asked.forBackend));
  return differences;
}

function plain(fields: Fields | undefined): unknown {
  return (
    fields &&
    [...fields]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, values]) => [name, inOne(name, values).map(timeless)])
  );
}

/** An assertion without what differs between any two of them. */
function timeless(value: string): unknown {
  const [, payload] = /^eyJ[\w-]+\.(eyJ[\w-]+)\.[\w-]+$/.exec(value) ?? [];
  if (payload === undefined) return value;
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
  return claims.jti === undefined ? value : { ...claims, iat: 0, nbf: 0, exp: 0, jti: '' };
}

/** Cookies in one field, as a proxy may write several (RFC 6265 §5.4). */
function inOne(name: string, values: readonly string[]): readonly string[] {
  return name === 'cookie' ? [values.join('; ')] : values;
}
