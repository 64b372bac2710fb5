import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Test } from 'tap';
import { type Resource, validateResource } from '../../deploy/kubernetes-schemas.ts';
import { type ApiKind, describeOpenApi } from './cluster-openapi.ts';

type Json = Record<string, unknown>;
export type Stored = Resource & { metadata: Json & { name: string }; status?: Json; data?: Json };

/** What the API does beyond keeping objects. */
export interface ClusterHooks {
  /** Completes an object as the controllers of a cluster would. */
  settle(object: Stored): Stored;
  /** The log of a pod. */
  log(pod: string, query: URLSearchParams): string;
  /** Carries `exec` and `port-forward`, once upgraded. */
  stream(pod: string, action: string, query: URLSearchParams, socket: Socket, head: Buffer): void;
}

export interface Cluster {
  readonly url: string;
  get(plural: string, name: string): Stored | undefined;
  put(plural: string, object: Stored): void;
  /** Methods and paths of what changed something, in order. */
  readonly changes: readonly string[];
}

const KINDS: readonly ApiKind[] = [
  { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false },
  { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true },
  { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true },
  { group: '', version: 'v1', kind: 'Service', plural: 'services', namespaced: true },
  { group: '', version: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', namespaced: true },
  {
    group: 'apps',
    version: 'v1',
    kind: 'Deployment',
    plural: 'deployments',
    shortNames: ['deploy'],
    namespaced: true,
  },
  { group: 'apps', version: 'v1', kind: 'ReplicaSet', plural: 'replicasets', namespaced: true },
  {
    group: 'autoscaling',
    version: 'v2',
    kind: 'HorizontalPodAutoscaler',
    plural: 'horizontalpodautoscalers',
    shortNames: ['hpa'],
    namespaced: true,
  },
  {
    group: 'networking.k8s.io',
    version: 'v1',
    kind: 'NetworkPolicy',
    plural: 'networkpolicies',
    namespaced: true,
  },
  {
    group: 'policy',
    version: 'v1',
    kind: 'PodDisruptionBudget',
    plural: 'poddisruptionbudgets',
    namespaced: true,
  },
];

/**
 * As much of a Kubernetes API as kubectl asks for: discovery, objects that are checked by the published schemas and kept in
 * memory, logs and streams. No controllers, no nodes, no rights: it shows what kubectl sends, not what a cluster does with it.
 */
export async function startCluster(t: Test, hooks: ClusterHooks): Promise<Cluster> {
  const objects = new Map<string, Stored>();
  const changes: string[] = [];
  let version = 1;

  const keep = (plural: string, object: Stored, isTrial: boolean): Stored => {
    const old = objects.get(`${plural}/${object.metadata.name}`);
    validateResource(object);
    version += 1;
    const settled = hooks.settle({
      ...object,
      metadata: {
        uid: old?.metadata.uid ?? randomUUID(),
        creationTimestamp: old?.metadata.creationTimestamp ?? new Date().toISOString(),
        generation: Number(old?.metadata.generation ?? 0) + 1,
        ...object.metadata,
        resourceVersion: String(version),
      },
    });
    if (!isTrial) objects.set(`${plural}/${object.metadata.name}`, settled);
    return settled;
  };

  const response = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(req.url ?? '', 'http://api');
    const send = (status: number, body: unknown, type = 'application/json'): void => {
      res
        .writeHead(status, { 'content-type': type })
        .end(Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body));
    };
    if (pathname === '/openapi/v2') {
      return send(200, describeOpenApi(KINDS), 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
    }
    const discovered = discover(pathname);
    if (discovered !== undefined) return send(200, discovered);
    const place = placeOf(pathname);
    if (place === undefined) return send(404, failure(404, 'NotFound', pathname));
    const { kind, name, sub } = place;
    if (sub === 'log') return send(200, hooks.log(name ?? '', searchParams), 'text/plain');
    const found = objects.get(`${kind.plural}/${name}`);
    if (req.method === 'GET' && name === undefined) {
      if (searchParams.has('watch'))
        return void res.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
      const items = [...objects]
        .filter(([key]) => key.startsWith(`${kind.plural}/`))
        .map(([, object]) => object);
      return send(200, {
        apiVersion: apiVersionOf(kind),
        kind: `${kind.kind}List`,
        metadata: { resourceVersion: String(version) },
        items: items.filter((object) => isSelected(object, searchParams)),
      });
    }
    if (req.method === 'GET') {
      return found === undefined
        ? send(404, failure(404, 'NotFound', `${kind.plural} "${name}" not found`))
        : send(200, found);
    }
    const isTrial = searchParams.get('dryRun') === 'All';
    if (!isTrial) changes.push(`${req.method} ${kind.plural}/${name ?? ''}`);
    const body = JSON.parse(Buffer.concat(await req.toArray()).toString()) as unknown;
    try {
      if (req.method === 'POST') return send(201, keep(kind.plural, body as Stored, isTrial));
      if (req.method === 'PATCH' && found !== undefined) {
        return send(200, keep(kind.plural, patched(found, body), isTrial));
      }
    } catch (error) {
      return send(422, failure(422, 'Invalid', String(error)));
    }
    return send(405, failure(405, 'MethodNotAllowed', `${req.method} ${pathname}`));
  };

  const server = createServer((req, res) => void response(req, res));
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => {
    const { pathname, searchParams } = new URL(req.url ?? '', 'http://api');
    const { name = '', sub = '' } = placeOf(pathname) ?? {};
    // A newer kubectl starts with WebSockets and falls back.
    if (req.headers.upgrade !== 'SPDY/3.1')
      return void socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n');
    const protocol = sub === 'exec' ? 'v4.channel.k8s.io' : 'portforward.k8s.io';
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
    );
    hooks.stream(name, sub, searchParams, socket, head);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  });
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    get: (plural, name) => objects.get(`${plural}/${name}`),
    put: (plural, object) => void keep(plural, object, false),
    changes,
  };
}

const apiVersionOf = ({ group, version }: ApiKind): string =>
  group === '' ? version : `${group}/${version}`;

function discover(pathname: string): Json | undefined {
  const groups = [...new Set(KINDS.map(({ group }) => group))].filter((group) => group !== '');
  const versionOf = (group: string) => KINDS.find((kind) => kind.group === group)?.version;
  if (pathname === '/api') return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
  if (pathname === '/apis') {
    return {
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: groups.map((name) => {
        const version = { groupVersion: `${name}/${versionOf(name)}`, version: versionOf(name) };
        return { name, versions: [version], preferredVersion: version };
      }),
    };
  }
  if (pathname === '/version') return { major: '1', minor: '32', gitVersion: 'v1.32.0' };
  const groupVersion = /^\/(?:api|apis\/([^/]+))\/(v\d)$/.exec(pathname);
  if (groupVersion === null) return undefined;
  const [, group = '', version] = groupVersion;
  const kinds = KINDS.filter((kind) => kind.group === group && kind.version === version);
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group === '' ? version : `${group}/${version}`,
    resources: kinds.map(({ plural, kind, shortNames, namespaced }) => ({
      name: plural,
      singularName: kind.toLowerCase(),
      namespaced,
      kind,
      shortNames,
      verbs: ['create', 'get', 'list', 'patch', 'watch'],
    })),
  };
}

interface Place {
  readonly kind: ApiKind;
  readonly name: string | undefined;
  readonly sub: string | undefined;
}

function placeOf(pathname: string): Place | undefined {
  const found =
    /^\/(?:api|apis\/([^/]+))\/v\d(?:\/namespaces\/[^/]+(?=\/))?\/([a-z]+)(?:\/([^/]+))?(?:\/([a-z]+))?$/.exec(
      pathname,
    );
  const [, group = '', plural, name, sub] = found ?? [];
  const kind = KINDS.find((candidate) => candidate.group === group && candidate.plural === plural);
  return kind && { kind, name, sub };
}

function isSelected({ metadata }: Stored, query: URLSearchParams): boolean {
  const labels = (metadata.labels ?? {}) as Record<string, string>;
  const wanted = (query.get('labelSelector') ?? '').split(',').filter((part) => part !== '');
  const name = /metadata\.name=([^,]+)/.exec(query.get('fieldSelector') ?? '')?.[1];
  return (
    (name === undefined || metadata.name === name) &&
    wanted.every((part) => labels[part.split('=')[0] ?? ''] === part.split('=').at(-1))
  );
}

/** Applies a JSON patch, or a merge patch; lists of a strategic one are taken as a whole. */
function patched(object: Stored, patch: unknown): Stored {
  if (!Array.isArray(patch)) return merged(object, patch as Json) as unknown as Stored;
  const copy = structuredClone(object) as unknown as Json;
  for (const { path, value } of patch as { path: string; value: unknown }[]) {
    const keys = path.slice(1).split('/');
    const last = keys.pop() ?? '';
    const parent = keys.reduce<Json>((at, key) => at[key] as Json, copy);
    parent[last] = value;
  }
  return copy as unknown as Stored;
}

function merged(target: unknown, patch: Json): Json {
  const out = { ...(target as Json) };
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$')) continue;
    if (value === null) delete out[key];
    else if (typeof value === 'object' && !Array.isArray(value))
      out[key] = merged(out[key] ?? {}, value as Json);
    else out[key] = value;
  }
  return out;
}

function failure(code: number, reason: string, message: string): Json {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message };
}
