import { forward, isOfProxies } from './asking-proxy.ts';
import type { Lab, Station } from './lab.ts';
import { type Fields, fieldsForClient, gather, type Outcome, pairsOf, requestIdOf } from './outcome.ts';
import type { ClientRequest } from './requests.ts';
import { type AskingProxy, WAYS, type Way } from './ways.ts';

/** What became of one request in the proxy mode, and by each way of asking. */
export interface Played {
  readonly proxied: Outcome;
  readonly asked: ReadonlyMap<string, Outcome>;
  /** What no outcome shows, and should not be. */
  readonly faults: readonly string[];
}

export async function play(lab: Lab, named: ClientRequest): Promise<Played> {
  const station = lab.station(named.file);
  const [proxied, ...asked] = await Promise.all([
    inProxyMode(lab, station, lab.withTokens(named)),
    ...WAYS.map((way) =>
      ask(lab, {
        proxy: station.proxies.get(way.name) as AskingProxy,
        way,
        request: lab.withTokens(named),
      }),
    ),
  ]);
  const arrivals = lab.backend.takeArrivals();
  const faults: string[] = [];
  const [arrival] = arrivals;
  if (arrivals.length > 1) faults.push('the backend got more than one request');
  const forBackend = arrival === undefined ? undefined : seen(arrival.rawHeaders, station);
  return {
    proxied: { ...proxied, forBackend, target: arrival?.target },
    asked: new Map(WAYS.map(({ name }, at) => [name, asked[at] as Outcome])),
    faults,
  };
}

/** What the backend got, without what each proxy writes itself. */
function seen(rawHeaders: readonly string[], { file }: Station): Fields {
  const pairs = pairsOf(rawHeaders).filter(([name]) => {
    const lower = name.toLowerCase();
    return file.dropped.includes(lower) || !isOfProxies(lower);
  });
  return gather(pairs);
}

export async function inProxyMode(
  { records }: Lab,
  { client }: Station,
  request: ClientRequest,
): Promise<Outcome> {
  const { method, target, host, fields } = request;
  const lines = [
    `${method} ${target} HTTP/1.1`,
    `Host: ${host}`,
    `X-Forwarded-For: ${request.client}`,
    ...fields,
  ];
  const response = await client.send(`${lines.join('\r\n')}\r\n\r\n`, method);
  const record = await records.take(requestIdOf(response.headers));
  return {
    record,
    status: record.status,
    forClient: fieldsForClient(response.headers),
    forBackend: undefined,
    target: undefined,
  };
}

async function ask(
  { records }: Lab,
  {
    proxy,
    way,
    request,
  }: { readonly proxy: AskingProxy; readonly way: Way; readonly request: ClientRequest },
): Promise<Outcome> {
  const { requestId, status, forClient, changes } = await proxy.ask(request);
  const record = await records.take(requestId);
  const forBackend = changes === undefined ? undefined : forward(request, way.own, changes);
  return { record, status, forClient, forBackend, target: forBackend && request.target };
}
