import { FILES } from './files.ts';
import { type Fields, gather } from './outcome.ts';
import type { ClientRequest } from './requests.ts';

/* An asking proxy without faults: what it forwards of a request that is allowed. */

/** Fields of the client's connection (RFC 9110 §7.6.1), which no proxy forwards. */
const HOPS = new Set([
  ...['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings'],
  ...['proxy-authorization', 'proxy-authenticate', 'proxy-connection'],
]);

/** Fields that every recipient needs: `Connection` does not take them away. */
const KEPT = /^(?:cookie|content-|sec-|authorization$)/;

/** Fields in which proxies describe the client and the request: each drops or writes them by its own file. */
export function isOfProxies(name: string): boolean {
  return (
    HOPS.has(name) ||
    /^(?:x-forwarded-|x-envoy-)/.test(name) ||
    [
      ...['host', 'expect', 'forwarded', 'x-real-ip', 'true-client-ip', 'client-cert'],
      ...['x-request-id', 'content-length'],
    ].includes(name)
  );
}

export function splitField(field: string): readonly [name: string, value: string] {
  const at = field.indexOf(':');
  return [field.slice(0, at), field.slice(at + 1).trim()];
}

/** The client's fields in a question, without those that describe the request in it. */
export function fieldsOfQuestion(request: ClientRequest, own: readonly string[]): readonly string[] {
  const { fields, copiesHops } = request;
  const nominated = nominatedBy(request);
  return fields.filter((field) => {
    const name = splitField(field)[0].toLowerCase();
    return !own.includes(name) && (copiesHops || !(HOPS.has(name) || nominated.has(name)));
  });
}

/** Fields that `Connection` takes away. Not those that mean something to the gateway, since a client must not make it miss them. */
function nominatedBy({ file, fields }: ClientRequest): ReadonlySet<string> {
  const names = fields
    .map(splitField)
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.toLowerCase().split(/[ ,]+/));
  return new Set(names.filter((name) => !KEPT.test(name) && FILES[file]?.dropped.includes(name) !== true));
}

/** What a proxy changes in a request that is allowed, in this order. Names in lower case. */
export interface Changes {
  /** Dropped by its own file, whatever the reply is. */
  readonly first: ReadonlySet<string>;
  readonly set: Fields;
  /** Dropped because the reply names them. */
  readonly drop: ReadonlySet<string>;
}

export function forward(
  request: ClientRequest,
  own: readonly string[],
  { first, set, drop }: Changes,
): Fields {
  const nominated = nominatedBy(request);
  const kept = request.fields.map(splitField).filter(([name]) => {
    const lower = name.toLowerCase();
    return !(own.includes(lower) || isOfProxies(lower) || nominated.has(lower) || first.has(lower));
  });
  const fields = new Map([...gather(kept), ...set]);
  for (const name of drop) fields.delete(name);
  return fields;
}
