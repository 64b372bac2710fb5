import { clientsShowCertificates } from '../../config/client-certificates.ts';
import type { PathProblem } from '../../config/problem.ts';
import { type DeclaredResource, declaredResources } from '../../config/routes/resource.ts';
import {
  acceptedIssuers,
  accessAlternatives,
  bindingsOf,
  policyOf,
  schemesOf,
  takesBound,
} from '../../config/routes/route-access.ts';
import { error } from '../../config/rules/rule.ts';
import type { Config, PolicyConfig, RouteConfig } from '../../config/schema/config.ts';
import { isRefusal } from '../../core/refusals.ts';
import { prefixedScopes } from '../../core/scopes.ts';
import { parseTarget } from '../../http/target.ts';
import type { CompiledIssuer } from '../../tokens/compiled-issuer.ts';
import type { OwnEndpoint } from '../messages/direct-response.ts';
import { authorizationServersOf } from './authorization-servers.ts';
import { metadataEndpoints, type PublishedResource, type ResourceMetadata } from './metadata-endpoints.ts';

/** The protected resource that a route belongs to (RFC 9728). */
export interface RouteResource {
  readonly identifier: string;
  /** The URL of its metadata, for challenges. */
  readonly resourceMetadata: string;
  /** Whether a client that lacks scopes is named those of its token too. */
  readonly isCumulative: boolean;
}

export interface CompiledResources {
  /** By position of the route in the file. */
  readonly ofRoutes: ReadonlyMap<number, RouteResource>;
  readonly endpoints: readonly OwnEndpoint[];
  readonly published: readonly PublishedResource[];
  readonly problems: readonly PathProblem[];
}

interface Surroundings {
  readonly config: Config;
  readonly issuers: ReadonlyMap<string, CompiledIssuer>;
}

/** Compiles the metadata of all protected resources of a file, once: requests for it get a text that is ready. */
export function compileResources(surroundings: Surroundings): CompiledResources {
  const ofRoutes = new Map<number, RouteResource>();
  const published: PublishedResource[] = [];
  const problems: PathProblem[] = [];
  for (const declared of declaredResources(surroundings.config)) {
    const { place, settings, members } = declared;
    const { identifier, metadataUrl } = place;
    const resource: RouteResource = {
      identifier,
      resourceMetadata: metadataUrl,
      isCumulative: settings.challenge === 'cumulative',
    };
    for (const member of members) ofRoutes.set(member, resource);
    problems.push(...unreachable(declared));
    const document = compileDocument(declared, surroundings);
    if ('message' in document) problems.push(document);
    else published.push({ declared, metadata: document, document: JSON.stringify(document) });
  }
  return { ofRoutes, endpoints: metadataEndpoints(published), published, problems };
}

/** Requests for metadata go through the same checks as all others. */
function unreachable({ place, settings, index }: DeclaredResource): readonly PathProblem[] {
  const target = parseTarget(place.metadataPath);
  if (!isRefusal(target) && target.ambiguity === undefined) return [];
  const path = ['routes', index, 'resource', ...(settings.url === undefined ? [] : ['url'])];
  return [
    error(path, `no request can ask for the metadata: \`${place.metadataPath}\` has more than one reading`, {
      hint: `name the resource by a URL of letters, digits, \`-\`, \`_\`, \`.\` and \`/\` in \`resource.url\``,
    }),
  ];
}

function compileDocument(
  declared: DeclaredResource,
  surroundings: Surroundings,
): ResourceMetadata | PathProblem {
  const { settings, place, index } = declared;
  const { title, documentation } = settings;
  const accepted = acceptedBy(declared, surroundings);
  const servers =
    settings.authorizationServers ??
    unique(accepted.flatMap((issuer) => authorizationServersOf(issuer, surroundings.config)));
  if (servers.length === 0) {
    return error(
      ['routes', index, 'resource'],
      'no issuer that `access` accepts is a URL, so clients cannot find where to obtain tokens',
      { hint: 'write it in `resource.authorizationServers`' },
    );
  }
  const scopes = scopesOf(declared, surroundings);
  return {
    resource: place.identifier,
    authorization_servers: servers,
    ...(scopes.length > 0 && { scopes_supported: scopes }),
    bearer_methods_supported: ['header'],
    ...describeCertificates(declared, surroundings),
    ...describeDpop(declared, surroundings),
    ...(title !== undefined && { resource_name: title }),
    ...(documentation !== undefined && { resource_documentation: documentation }),
  };
}

/** Whether any route accepts tokens that are bound to a client certificate (RFC 8705 §3.3). */
function describeCertificates(
  { members }: DeclaredResource,
  { config }: Surroundings,
): Partial<ResourceMetadata> {
  if (!clientsShowCertificates(config)) return {};
  const isAccepted = alternativesOf(members, config).some(({ block }) =>
    takesBound(bindingsOf(block, config), 'mtls'),
  );
  return isAccepted ? { tls_client_certificate_bound_access_tokens: true } : {};
}

/** Which proofs tokens that are bound to a key need, where any route accepts them, and whether no others are accepted. */
function describeDpop(
  { members }: DeclaredResource,
  { config, issuers }: Surroundings,
): Partial<ResourceMetadata> {
  const alternatives = alternativesOf(members, config);
  const taking = alternatives.filter(({ block }) => takesBound(bindingsOf(block, config), 'dpop'));
  const algorithms = taking
    .flatMap(({ block }) => acceptedIssuers(block, config))
    .flatMap((name) => issuers.get(name)?.dpop?.advertised ?? []);
  if (algorithms.length === 0) return {};
  const isRequired = alternatives.every(
    ({ block }) => schemesOf(bindingsOf(block, config), config) === 'DPoP',
  );
  return {
    ...(isRequired && { dpop_bound_access_tokens_required: true }),
    dpop_signing_alg_values_supported: unique(algorithms),
  };
}

/** Without those that have errors of their own. */
function acceptedBy(
  { members }: DeclaredResource,
  { config, issuers }: Surroundings,
): readonly CompiledIssuer[] {
  const names = alternativesOf(members, config).flatMap(({ block }) => acceptedIssuers(block, config));
  return unique(names).flatMap((name) => issuers.get(name) ?? []);
}

/** Every scope that `access` of its routes names, as clients request it. Those of messages are left to step-up by challenges. */
function scopesOf({ members, settings }: DeclaredResource, surroundings: Surroundings): readonly string[] {
  const { config } = surroundings;
  const scopes = alternativesOf(members, config).flatMap(({ block }) => {
    const names = settings.scopes ?? [...namesOf(policyOf(block, config)?.scopes), ...namesOf(block.scopes)];
    return acceptedIssuers(block, config).flatMap((name) =>
      prefixedScopes(config.issuers[name]?.scopePrefix, names),
    );
  });
  return unique(scopes).filter((scope) => scope !== 'offline_access');
}

function alternativesOf(
  members: readonly number[],
  { routes }: Config,
): ReturnType<typeof accessAlternatives> {
  return members.flatMap((member) => accessAlternatives((routes[member] as RouteConfig).access, []));
}

function namesOf(scopes: PolicyConfig['scopes']): readonly string[] {
  if (scopes === undefined) return [];
  return Array.isArray(scopes) ? scopes : [...(scopes.all ?? []), ...(scopes.any ?? [])];
}

function unique(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}
