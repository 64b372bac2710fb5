import { frontPath } from '../config/oauth-front.ts';
import type { Config, IssuerConfig } from '../config/schema/config.ts';
import type { CompiledIssuer } from '../tokens/compiled-issuer.ts';
import { createFront, type Front } from './front.ts';
import type { FrontRules } from './parameters.ts';
import type { ProviderPool } from './provider-pool.ts';
import { compileRedirectUris } from './redirect-uris.ts';

/** The fronts of one configuration, by the name of their issuer. */
export interface Fronts {
  get(issuer: string): Front | undefined;
  /** Begins to fetch what the providers publish. */
  start(): void;
  /** Stops the refreshes that no later configuration needs. Requests that are still running can go on. */
  close(): void;
}

export interface FrontsOptions {
  readonly config: Config;
  readonly issuers: readonly CompiledIssuer[];
  /** The identifiers of this gateway's protected resources. */
  readonly resources: readonly string[];
  readonly pool: ProviderPool;
}

/** Compiles the fronts of a file; nothing is fetched before `start`. */
export function compileFronts({ config, issuers, resources, pool }: FrontsOptions): Fronts {
  const fronts = new Map<string, Front>();
  const { publicUrl } = config.listen;
  for (const issuer of issuers) {
    const written = config.issuers[issuer.name];
    const path = frontPath(config, issuer.name);
    const rules = written && compileRules(written, resources);
    if (path === undefined || rules === undefined || publicUrl === undefined) continue;
    fronts.set(
      issuer.name,
      createFront({
        rules,
        provider: pool.acquire(issuer),
        origin: new URL(publicUrl).origin,
        path,
        timeoutMs: issuer.keys.timeoutMs,
        scheduler: pool.scheduler,
      }),
    );
  }
  let closed = false;
  return {
    get: (issuer) => fronts.get(issuer),
    start() {
      for (const { provider } of fronts.values()) provider.start();
    },
    close() {
      if (closed) return;
      closed = true;
      for (const { provider } of fronts.values()) pool.release(provider);
    },
  };
}

/** What providers do with `resource` (docs/providers.md). */
const RESOURCE_BY_PRESET: Partial<Record<NonNullable<IssuerConfig['preset']>, FrontRules['resource']>> = {
  entra: 'strip',
  auth0: 'audience',
  okta: 'audience',
};

function compileRules(
  { preset, oauthProxy }: IssuerConfig,
  resources: readonly string[],
): FrontRules | undefined {
  if (oauthProxy === undefined) return undefined;
  const { clientId, redirectUris, scopes, prompt } = oauthProxy;
  const byPreset = preset && RESOURCE_BY_PRESET[preset];
  return {
    clientId,
    redirectUris: compileRedirectUris(redirectUris),
    resource: oauthProxy.resource ?? byPreset ?? 'keep',
    resources: new Map(
      resources.flatMap((identifier) => spellings(identifier).map((spelled) => [spelled, identifier])),
    ),
    scopes,
    prompt,
  };
}

/** As it is, and as clients write it that read it as a URL: `https://api.example.com` becomes `https://api.example.com/`. */
function spellings(identifier: string): readonly string[] {
  return URL.canParse(identifier) ? [identifier, new URL(identifier).href] : [identifier];
}
