import { existsSync, readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { parse, parseAllDocuments } from 'yaml';
import { sealgate } from '../../support/cli/cli.ts';
import { findTypeErrors, loadEnvoyTypes } from './models/envoy-types.ts';

const FOLDER = 'config/examples/decisions';
const read = (name: string): string => readFileSync(`${FOLDER}/${name}`, 'utf8');

t.test("the gateway's file is valid, and its tests pass", async (t) => {
  const { code, stdout } = await sealgate(['check', '--strict', '-c', `${FOLDER}/gateway.yaml`]);
  t.equal(code, 0, stdout);
  t.match(stdout, /4 tests passed/);
});

t.test('the files of Envoy are of the types of its API', async (t) => {
  const bootstrap = loadEnvoyTypes().lookupType('envoy.config.bootstrap.v3.Bootstrap');
  for (const name of readdirSync(`${FOLDER}/envoy`).filter((file) => file.startsWith('envoy')))
    t.strictSame(findTypeErrors(bootstrap, parse(read(`envoy/${name}`))), [], name);

  const filter = loadEnvoyTypes().lookupType(
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter',
  );
  const patches = parseAllDocuments(read('istio/authorization-policy.yaml'))
    .map((document) => document.toJS())
    .flatMap(({ spec }) => spec.configPatches ?? []);
  t.equal(patches.length, 1);
  for (const { patch } of patches) t.strictSame(findTypeErrors(filter, patch.value), [], 'of Istio');

  t.comment('what is not of the types is found');
  const wrong = (text: string, by: string) =>
    findTypeErrors(bootstrap, parse(read('envoy/envoy-http.yaml').replace(text, by))).length;
  for (const [text, by] of [
    ['failure_mode_allow:', 'failure_mode_alow:'],
    ['failure_mode_allow: false', 'failure_mode_allow: "false"'],
    ['ServiceUnavailable', 'Unavailable'],
    ['timeout: 2s', 'timeout: 2000'],
    ['allowed_upstream_headers:', 'allowed_upstream_header:'],
    ['{ exact: connection }', '{ exact: connection, prefix: c }'],
    ['ext_authz.v3.ExtAuthz', 'ext_authz.v3.HttpService'],
  ] as const)
    t.ok(wrong(text, by) > 0, by);
});

t.test('both files of Envoy differ only in how they ask', async (t) => {
  const filterOf = (name: string) => {
    const file = parse(read(`envoy/${name}`));
    const manager = file.static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
    return { manager, extAuthz: manager.http_filters[1].typed_config };
  };
  const grpc = filterOf('envoy.yaml');
  const http = filterOf('envoy-http.yaml');
  t.strictSame(grpc.manager.route_config, http.manager.route_config);
  for (const { manager, extAuthz } of [grpc, http]) {
    t.strictSame(
      manager.http_filters.map(({ name }: { name: string }) => name.slice('envoy.filters.http.'.length)),
      ['header_mutation', 'ext_authz', 'router'],
    );
    t.equal(extAuthz.failure_mode_allow, false);
    t.equal(extAuthz.status_on_error.code, 'ServiceUnavailable');
    t.notOk('filter_enabled' in extAuthz || 'with_request_body' in extAuthz);
  }
  t.notOk(
    'allowed_headers' in grpc.extAuthz || 'disallowed_headers' in grpc.extAuthz,
    'every header is sent',
  );
});

t.test('the services of the compose file mount files that are there, in one network', async (t) => {
  const { services } = parse(read('compose.yaml')) as { services: Readonly<Record<string, Service>> };
  for (const [name, { volumes = [], network_mode, ports }] of Object.entries(services)) {
    for (const volume of volumes) t.ok(existsSync(`${FOLDER}/${volume.split(':')[0]}`), volume);
    t.equal(network_mode, name === 'sealgate' ? undefined : 'service:sealgate');
    t.equal(ports === undefined, name !== 'sealgate');
  }
  const folders = readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders) t.ok(name === 'istio' || services[name]?.profiles?.includes(name), name);
});

interface Service {
  readonly profiles?: readonly string[];
  readonly volumes?: readonly string[];
  readonly network_mode?: string;
  readonly ports?: readonly string[];
}

interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec: object;
}

type ModelOf = new (data: unknown) => { validate(): void };

const OBJECTS = [
  ['istio/authorization-policy.yaml', '@kubernetes-models/istio'],
  ['traefik/kubernetes.yaml', '@kubernetes-models/traefik'],
] as const;

for (const [name, models] of OBJECTS) {
  t.test(`${name} has objects of the types of their API`, async (t) => {
    const documents = parseAllDocuments(read(name)).map((document) => document.toJS() as Resource);
    t.ok(documents.length > 1);
    for (const document of documents) {
      const { apiVersion, kind } = document;
      const { [kind]: Model } = (await import(`${models}/${apiVersion}/${kind}`)) as Record<string, ModelOf>;
      if (Model === undefined) throw new Error(`no ${kind}`);
      t.doesNotThrow(() => new Model(document).validate(), kind);
      t.throws(() =>
        new Model({
          ...document,
          spec: { ...document.spec, unknown: 1, routes: 1, action: 1, mtls: 1, headers: 1, configPatches: 1 },
        }).validate(),
      );
    }
  });
}
