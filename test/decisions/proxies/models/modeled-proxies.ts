import { readFileSync } from 'node:fs';
import type { Test } from 'tap';
import { parse, parseAllDocuments } from 'yaml';
import { freePorts } from '../../../support/backends/ports.ts';
import { exchangeRaw } from '../../../support/clients/raw.ts';
import { type CheckClient, connectCheckClient } from '../../../support/decisions/check-client.ts';
import {
  type GatewayProcess,
  type GatewayProcessOptions,
  startGatewayProcess,
} from '../../../support/gateway/gateway-process.ts';
import { fileWith } from '../asking-harness.ts';
import {
  checkThroughEnvoy,
  type EnvoySettings,
  type ExtAuthz,
  filterOfIstio,
  type Manager,
  passThroughEnvoy,
} from './envoy-model.ts';
import { type ClientRequest, passThroughTraefik, type TraefikFile } from './traefik-model.ts';

/* Traefik, Envoy and Istio are not in Debian. Their files go through models of what these proxies do, by their sources. */

const read = (name: string): string => readFileSync(`config/examples/decisions/${name}`, 'utf8');

export interface Passed {
  readonly status: number;
  /** Of the response to the client. */
  readonly toClient: Readonly<Record<string, readonly string[]>>;
  /** What the backend gets, names and values in turn; undefined where it gets nothing. */
  readonly forwarded: readonly string[] | undefined;
}

export interface Modeled {
  readonly name: string;
  /** Statuses and fields of spoofed requests: dropped, or refused with 400. */
  pass(request: ClientRequest): Promise<Passed>;
}

type Ask = (method: string, path: string, lines: readonly string[]) => Promise<Response>;
type Response = NonNullable<Awaited<ReturnType<typeof exchangeRaw>>['response']>;

/** The files, each before a built gateway that they share. `change` gets its file before it starts. */
export async function startModeled(
  t: Test,
  change: (file: string) => string = (file) => file,
  options: GatewayProcessOptions = {},
): Promise<{ readonly gateway: GatewayProcess; readonly modeled: readonly Modeled[] }> {
  const [decisions = 0, admin = 0, grpc = 0] = await freePorts(3);
  const file = fileWith({ decisions, admin });
  const gateway = await startGatewayProcess(
    t,
    change(file.replace(`port: ${decisions}`, `port: ${decisions}, grpc: ${grpc}`)),
    options,
  );
  const client = connectCheckClient(`http://127.0.0.1:${grpc}`);
  t.teardown(() => client.close());
  const ask: Ask = async (method, path, lines) => {
    const { response } = await exchangeRaw(
      decisions,
      `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`,
    );
    if (response === undefined) throw new Error(`no response to ${path}`);
    return response;
  };
  const modeled = [
    traefik('Traefik by its file', ask, parse(read('traefik/dynamic.yaml'))),
    traefik('Traefik by objects of Kubernetes', ask, fileOfObjects()),
    envoy('Envoy over HTTP', ask, { extAuthz: extAuthzOf(overHttp), ...settingsOf(overHttp) }),
    envoy('Istio over HTTP', ask, {
      extAuthz: filterOfIstio(provider('sealgate-http').envoyExtAuthzHttp),
      ...OF_ISTIO,
    }),
    envoyOverGrpc('Envoy over gRPC', client, {
      isRaw: extAuthzOf(overGrpc).encode_raw_headers === true,
      ...settingsOf(overGrpc),
    }),
    envoyOverGrpc('Istio over gRPC', client, { isRaw: false, ...OF_ISTIO }),
  ];
  return { gateway, modeled };
}

function traefik(name: string, ask: Ask, file: TraefikFile): Modeled {
  return {
    name,
    async pass(request) {
      const { response, forwarded } = await passThroughTraefik(file, request, (path, lines) =>
        ask('GET', path, lines),
      );
      return {
        status: response.status,
        toClient: forwarded === undefined ? response.headers : {},
        forwarded,
      };
    },
  };
}

function envoy(name: string, ask: Ask, settings: EnvoySettings): Modeled {
  return {
    name,
    async pass(request) {
      const { status, toClient, forwarded } = await passThroughEnvoy(settings, request, ask);
      const headers: Record<string, string[]> = {};
      for (const [field, value] of toClient) headers[field] = [...(headers[field] ?? []), value];
      return { status, toClient: headers, forwarded: forwarded?.flat() };
    },
  };
}

function envoyOverGrpc(
  name: string,
  client: CheckClient,
  settings: Parameters<typeof checkThroughEnvoy>[0],
): Modeled {
  return {
    name,
    async pass(request) {
      const { status, toClient, forwarded } = await checkThroughEnvoy(settings, request, client);
      const headers = Object.fromEntries(toClient.map(([field, value]) => [field, [value]]));
      return { status, toClient: headers, forwarded: forwarded?.flat() };
    },
  };
}

/** dynamic.yaml as it would be if made from the objects of Kubernetes. */
export function fileOfObjects(): TraefikFile {
  const objects = parseAllDocuments(read('traefik/kubernetes.yaml')).map((document) => document.toJS());
  const named = objects
    .filter(({ kind }) => kind === 'Middleware')
    .map(({ metadata, spec }) => [metadata.name, spec]);
  const routes = objects.find(({ kind }) => kind === 'IngressRoute').spec.routes as readonly {
    readonly match: string;
    readonly priority: number;
    readonly middlewares: readonly { readonly name: string }[];
  }[];
  const routers = routes.map(({ match, priority, middlewares }, at) => [
    `route-${at}`,
    { rule: match, priority, middlewares: middlewares.map(({ name }) => name) },
  ]);
  return { http: { routers: Object.fromEntries(routers), middlewares: Object.fromEntries(named) } };
}

const managerOf = (name: string) =>
  parse(read(`envoy/${name}`)).static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
type ReadManager = ReturnType<typeof managerOf>;

const extAuthzOf = ({ http_filters }: ReadManager) => filterNamed(http_filters, 'ext_authz').typed_config;

function filterNamed(filters: readonly { readonly name: string }[], name: string) {
  const found = filters.find((own) => own.name === `envoy.filters.http.${name}`);
  if (found === undefined) throw new Error(`no filter ${name}`);
  return found as unknown as { readonly typed_config: ExtAuthz & HeaderMutation };
}

interface HeaderMutation {
  readonly mutations: { readonly request_mutations: readonly { readonly remove: string }[] };
}

/** What the filter header_mutation removes before ext_authz. */
const removedBy = ({ typed_config }: { readonly typed_config: HeaderMutation }): readonly string[] =>
  typed_config.mutations.request_mutations.map(({ remove }) => remove);

const settingsOf = ({
  common_http_protocol_options,
  route_config,
  http_filters,
  forward_client_cert_details: details,
}: ReadManager): Manager => ({
  dropsUnderscores: common_http_protocol_options.headers_with_underscores_action === 'DROP_HEADER',
  removed: [
    ...removedBy(filterNamed(http_filters, 'header_mutation')),
    // ConnectionManagerUtility::mutateXfccRequestHeader
    ...(details === 'SANITIZE' ? ['x-forwarded-client-cert'] : []),
  ],
  routes: route_config.virtual_hosts[0].routes,
});

/** Of the rest Istio sets nothing. */
const OF_ISTIO: Manager = {
  dropsUnderscores: false,
  removed: parseAllDocuments(read('istio/authorization-policy.yaml'))
    .map((document) => document.toJS())
    .filter(({ kind }) => kind === 'EnvoyFilter')
    .flatMap(({ spec }) => spec.configPatches)
    .flatMap(({ patch }) => removedBy(patch.value)),
  routes: [],
};
const overHttp = managerOf('envoy-http.yaml');
const overGrpc = managerOf('envoy.yaml');
const provider = (name: string) =>
  parse(read('istio/mesh-config.yaml')).meshConfig.extensionProviders.find(
    (own: { name: string }) => own.name === name,
  );

export const get = (target: string, lines: readonly string[] = []): ClientRequest => ({
  method: 'GET',
  target,
  host: 'api.example.com',
  lines,
});

export const arrived = (fields: readonly string[] | undefined) => {
  if (fields === undefined) throw new Error('nothing is forwarded');
  return { method: '', target: '', body: '', fields };
};
