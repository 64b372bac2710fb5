import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { parse, parseAllDocuments } from 'yaml';
import { freePorts } from '../../support/backends/ports.ts';
import { exchangeRaw } from '../../support/clients/raw.ts';
import { type CheckClient, connectCheckClient } from '../../support/decisions/check-client.ts';
import { startGatewayProcess } from '../../support/gateway/gateway-process.ts';
import { bearer, fileWith, valuesOf } from './asking-harness.ts';
import {
  checkThroughEnvoy,
  type ExtAuthz,
  filterOfIstio,
  type Manager,
  passThroughEnvoy,
} from './models/envoy-model.ts';
import { type ClientRequest, passThroughTraefik, type TraefikFile } from './models/traefik-model.ts';

/** Traefik, Envoy and Istio are not in Debian. Their files go through models of what these proxies do, by their sources. */

const read = (name: string): string => readFileSync(`config/examples/decisions/${name}`, 'utf8');

interface Passed {
  readonly status: number;
  /** Of the response to the client. */
  readonly toClient: Readonly<Record<string, readonly string[]>>;
  /** What the backend gets, names and values in turn; undefined where it gets nothing. */
  readonly forwarded: readonly string[] | undefined;
}

interface Modeled {
  readonly name: string;
  /** Statuses and fields of spoofed requests: dropped, or refused with 400. */
  pass(request: ClientRequest): Promise<Passed>;
}

let port = 0;
let client: CheckClient;
t.before(async () => {
  const [decisions = 0, admin = 0, grpc = 0] = await freePorts(3);
  const file = fileWith({ decisions, admin });
  await startGatewayProcess(t, file.replace(`port: ${decisions}`, `port: ${decisions}, grpc: ${grpc}`));
  port = decisions;
  client = connectCheckClient(`http://127.0.0.1:${grpc}`);
});
t.teardown(() => client.close());

async function ask(method: string, path: string, lines: readonly string[]) {
  const { response } = await exchangeRaw(port, `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  if (response === undefined) throw new Error(`no response to ${path}`);
  return response;
}

function traefik(name: string, file: TraefikFile): Modeled {
  return {
    name,
    async pass(request) {
      const { response, forwarded } = await passThroughTraefik(file, request, (path, lines) =>
        ask('GET', path, lines),
      );
      return { status: response.status, toClient: response.headers, forwarded };
    },
  };
}

function envoy(name: string, extAuthz: ExtAuthz, manager: Manager): Modeled {
  return {
    name,
    async pass(request) {
      const { status, toClient, forwarded } = await passThroughEnvoy({ extAuthz, ...manager }, request, ask);
      const headers: Record<string, string[]> = {};
      for (const [field, value] of toClient) headers[field] = [...(headers[field] ?? []), value];
      return { status, toClient: headers, forwarded: forwarded?.flat() };
    },
  };
}

function envoyOverGrpc(name: string, settings: Parameters<typeof checkThroughEnvoy>[0]): Modeled {
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
function fileOfObjects(): TraefikFile {
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
const settingsOf = ({
  common_http_protocol_options,
  route_config,
}: ReturnType<typeof managerOf>): Manager => ({
  dropsUnderscores: common_http_protocol_options.headers_with_underscores_action === 'DROP_HEADER',
  routes: route_config.virtual_hosts[0].routes,
});
/** Istio sets none of it. */
const OF_ISTIO: Manager = { dropsUnderscores: false, routes: [] };
const overHttp = managerOf('envoy-http.yaml');
const overGrpc = managerOf('envoy.yaml');
const provider = (name: string) =>
  parse(read('istio/mesh-config.yaml')).meshConfig.extensionProviders.find(
    (own: { name: string }) => own.name === name,
  );

const MODELED: readonly Modeled[] = [
  traefik('Traefik by its file', parse(read('traefik/dynamic.yaml'))),
  traefik('Traefik by objects of Kubernetes', fileOfObjects()),
  envoy('Envoy over HTTP', overHttp.http_filters[0].typed_config, settingsOf(overHttp)),
  envoy('Istio over HTTP', filterOfIstio(provider('sealgate-http').envoyExtAuthzHttp), OF_ISTIO),
  envoyOverGrpc('Envoy over gRPC', {
    isRaw: overGrpc.http_filters[0].typed_config.encode_raw_headers === true,
    ...settingsOf(overGrpc),
  }),
  envoyOverGrpc('Istio over gRPC', { isRaw: false, ...OF_ISTIO }),
];

const get = (target: string, lines: readonly string[] = []): ClientRequest => ({
  method: 'GET',
  target,
  host: 'api.example.com',
  lines,
});

const arrived = (fields: readonly string[] | undefined) => {
  if (fields === undefined) throw new Error('nothing is forwarded');
  return { method: '', target: '', body: '', fields };
};

for (const { name, pass } of MODELED) {
  t.test(`${name}: refusals reach the client`, async (t) => {
    const nobody = await pass(get('/orders'));
    t.match(nobody, { status: 401, forwarded: undefined });
    t.match(nobody.toClient['www-authenticate'], ['Bearer realm="sealgate", scope="orders:read"']);
    const post = { ...get('/orders', [bearer(), 'Content-Length: 4']), method: 'POST' };
    const scope = await pass(post);
    t.match(scope, { status: 403, forwarded: undefined });
    t.match(scope.toClient['www-authenticate']?.[0], /insufficient_scope/);
    t.strictSame(scope.toClient['cache-control'], ['no-store']);
    const limited = bearer({ sub: name });
    t.equal((await pass(get('/limited', [limited]))).status, 200);
    const again = await pass(get('/limited', [limited]));
    t.equal(again.status, 429);
    t.match(again.toClient['retry-after']?.[0], /^\d+$/);
    t.equal((await pass(get('/public/../orders', [bearer()]))).status, 400);
    t.equal((await pass(get('/none'))).status, 404);
  });

  t.test(`${name}: identity arrives once, the token does not`, async (t) => {
    const own = bearer({ email: 'ada@example.com' });
    const got = arrived((await pass(get('/orders/7?a=b', [own]))).forwarded);
    t.strictSame(valuesOf(got, 'x-user-id'), ['ada']);
    t.strictSame(valuesOf(got, 'x-user-email'), ['ada@example.com']);
    t.strictSame(valuesOf(got, 'authorization'), []);
    t.equal(valuesOf(got, 'x-request-id').length, 1);
    const forwarding = arrived((await pass(get('/forwarding', [own]))).forwarded);
    t.strictSame(valuesOf(forwarding, 'authorization'), [own.slice('Authorization: '.length)]);
  });

  t.test(`${name}: nothing that could pass for identity arrives`, (t) => checkSpoofed(t, pass));

  t.test(`${name}: WebSockets`, async (t) => {
    const handshake = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ];
    const opened = arrived((await pass(get('/chat', [bearer(), ...handshake]))).forwarded);
    t.strictSame(valuesOf(opened, 'upgrade'), ['websocket']);
    t.strictSame(valuesOf(opened, 'x-user-id'), ['ada']);
    for (const more of [
      ['Connection: Upgrade, X-User-Id', ...handshake.slice(1)],
      [...handshake, 'Upgrade: h2c'],
    ]) {
      const { status, forwarded } = await pass(get('/chat', [bearer(), ...more]));
      t.ok(status === 200 || status >= 400, `${more}`);
      if (forwarded === undefined) continue;
      t.strictSame(valuesOf(arrived(forwarded), 'x-user-id'), ['ada'], `${more}`);
      t.strictSame(valuesOf(arrived(forwarded), 'upgrade'), ['websocket'], `${more}`);
      // Istio has no place to refuse or to write it.
      if (!name.startsWith('Istio'))
        t.match(valuesOf(arrived(forwarded), 'connection').join(), /^upgrade$/i, `${more}`);
    }
    t.match(await pass(get('/orders', [bearer(), ...handshake])), { status: 400, forwarded: undefined });
    t.match(await pass(get('/chat', handshake)), { status: 401, forwarded: undefined });
  });
}

async function checkSpoofed(t: Test, pass: Modeled['pass']): Promise<void> {
  const lines = [
    ...[
      'X-User-Id: evil',
      'x-user-email: evil',
      'X_User_Id: evil',
      'X-User_Email: evil',
      'X.User.Id: evil',
      'x~user~email: evil',
    ],
    ...[
      'X-Original-URL: /evil',
      'x_original_url: /evil',
      'X-HTTP-Method-Override: evil',
      'X-Forwarded-Method: evil',
    ],
    ...['X-Forwarded-Uri: /evil', 'X-Sealgate-Assertion: evil', 'x_sealgate_anything: evil'],
  ];
  for (const line of lines) {
    for (const more of [[], ['Connection: close, X-User-Id'], [`Connection: ${line.split(':')[0]}`]]) {
      const { status, forwarded } = await pass(get('/orders', [bearer(), line, ...more]));
      t.ok(status === 200 || status === 400, `${line}: ${status}`);
      if (forwarded === undefined) continue;
      t.strictSame(valuesOf(arrived(forwarded), 'x-user-id'), ['ada'], `${line} ${more}`);
      t.strictSame(valuesOf(arrived(forwarded), 'x-user-email'), [], `${line} ${more}`);
      t.notMatch(forwarded.join('\n'), /evil/, `${line} ${more}`);
    }
  }
  t.equal((await pass(get('/orders', [bearer(), 'X-User-Id: evil', 'X-User-Id: evil']))).status, 200);

  t.comment('what clients and frameworks do send is dropped, and costs nothing');
  for (const name of [
    'X-HTTP-Method-Override',
    'X-HTTP-Method',
    'X-Method-Override',
    'X-Original-URL',
    'X-Original-URI',
    'X-Original-Method',
    'X-Rewrite-URL',
    'X-Forwarded-Uri',
    'X-Forwarded-Method',
  ]) {
    const { status, forwarded } = await pass(get('/orders', [bearer(), `${name}: evil`]));
    t.equal(status, 200, name);
    t.strictSame(valuesOf(arrived(forwarded), name.toLowerCase()), [], name);
  }
}

t.test('Envoy and Istio: two tokens are two, and a client appends nothing to its address', async (t) => {
  for (const { pass } of MODELED.slice(2)) {
    t.equal((await pass(get('/orders', [bearer(), bearer({ sub: 'eve' })]))).status, 400);
    const got = arrived((await pass(get('/orders', [bearer(), 'X-Forwarded-For: 203.0.113.9']))).forwarded);
    t.match(valuesOf(got, 'x-forwarded-for').join(), /192\.0\.2\.1$/);
  }
});

t.test('Traefik: every router asks, and the address of the gateway is one way of asking', async (t) => {
  for (const { http } of [parse(read('traefik/dynamic.yaml')) as TraefikFile, fileOfObjects()]) {
    for (const { middlewares } of Object.values(http.routers)) t.equal(middlewares.at(-1), 'sealgate');
    t.match(http.middlewares.sealgate?.forwardAuth?.address, /:8081\/forward-auth$/);
  }
});
