import { type DeclaredResource, METADATA_ROOT } from '../../config/routes/resource.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import { ANY_ORIGIN, respondToAnyOrigin } from '../cors/any-origin.ts';
import type { DirectResponse, OwnEndpoint, OwnRequest } from '../messages/direct-response.ts';

/** The metadata of a resource (RFC 9728 §2). */
export interface ResourceMetadata {
  readonly resource: string;
  readonly authorization_servers: readonly string[];
  readonly scopes_supported?: readonly string[];
  readonly bearer_methods_supported: readonly ['header'];
  readonly tls_client_certificate_bound_access_tokens?: true;
  /** RFC 9728 §2: the algorithms of DPoP proofs. */
  readonly dpop_signing_alg_values_supported?: readonly string[];
  readonly dpop_bound_access_tokens_required?: true;
  readonly resource_name?: string;
  readonly resource_documentation?: string;
}

/** A resource with the document that clients get. */
export interface PublishedResource {
  readonly declared: DeclaredResource;
  readonly metadata: ResourceMetadata;
  readonly document: string;
}

const METHODS = ['GET', 'HEAD'] as const;

type Respond = OwnEndpoint['respond'];

/**
 * The places where clients look for metadata (RFC 9728 §3): below the well-known path that of each resource, with or without a slash at
 * the end, and the bare well-known path, where a host has one resource. There a host with several responds 404, which has clients use
 * the place that a challenge names.
 */
export function metadataEndpoints(resources: readonly PublishedResource[]): readonly OwnEndpoint[] {
  const byHost = new Map<string | undefined, Map<string, PublishedResource>>([[undefined, new Map()]]);
  for (const resource of resources) {
    const { host, place } = resource.declared;
    const places = byHost.get(host) ?? new Map<string, PublishedResource>();
    byHost.set(host, places.set(place.metadataPath, resource));
  }
  const shared = byHost.get(undefined) ?? new Map<string, PublishedResource>();
  return [...byHost].flatMap(([host, own]) => endpointsOf(host, { own, shared }));
}

/**
 * What a host has beside those resources that all hosts share: these are served by the endpoints without a host, unless one of its own
 * takes their place.
 */
function endpointsOf(
  host: string | undefined,
  {
    own,
    shared,
  }: {
    readonly own: ReadonlyMap<string, PublishedResource>;
    readonly shared: ReadonlyMap<string, PublishedResource>;
  },
): readonly OwnEndpoint[] {
  const [only] = own.values();
  if (only === undefined) return [];
  const endpoints = new Map<string, OwnEndpoint>();
  const add = (path: string, resource: PublishedResource | undefined): void => {
    if (endpoints.has(path) || (!own.has(path) && shared.has(path))) return;
    endpoints.set(
      path,
      resource === undefined ? rootOfSeveral(path, host) : metadataEndpoint(path, host, resource),
    );
  };
  for (const [path, resource] of own) add(path, resource);
  for (const [path, resource] of own) add(otherSpelling(path), resource);
  const isAlone = own.size === 1 && (own === shared || [...shared.keys()].every((path) => own.has(path)));
  const hasRoot = own.has(METADATA_ROOT) || shared.has(METADATA_ROOT);
  for (const path of [METADATA_ROOT, otherSpelling(METADATA_ROOT)]) {
    if (isAlone || !hasRoot) add(path, isAlone ? only : undefined);
  }
  return [...endpoints.values()];
}

/** Routes take both spellings of a path, and some clients add or drop the slash before they look for metadata. */
function otherSpelling(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : `${path}/`;
}

function metadataEndpoint(
  path: string,
  host: string | undefined,
  { declared, document }: PublishedResource,
): OwnEndpoint {
  const response: DirectResponse = {
    directResponse: 'metadata',
    status: 200,
    headers: [
      ...['content-type', 'application/json', 'content-length', String(Buffer.byteLength(document))],
      ...['cache-control', 'max-age=300'],
    ],
    body: document,
  };
  return endpoint(path, host, {
    what: `the metadata of ${declared.place.identifier}`,
    respond: () => response,
  });
}

function rootOfSeveral(path: string, host: string | undefined): OwnEndpoint {
  const refusal = refuse(
    'metadata_of_several',
    'this host has several protected resources, each with a place of its own',
  );
  return endpoint(path, host, { what: 'no metadata', respond: () => refusal });
}

function endpoint(
  path: string,
  host: string | undefined,
  { what, respond }: { readonly what: string; readonly respond: Respond },
): OwnEndpoint {
  return {
    path,
    host,
    what,
    addedHeaders: ANY_ORIGIN,
    respond: (request) => respondToAnyOrigin(request, METHODS) ?? refuseWriting(request) ?? respond(request),
  };
}

function refuseWriting({ method }: OwnRequest): Refusal | undefined {
  return method === 'GET' || method === 'HEAD'
    ? undefined
    : refuse('metadata_read_only', 'metadata can only be read', { allow: METHODS });
}
