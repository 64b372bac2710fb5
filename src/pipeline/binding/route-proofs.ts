import type { Config, RouteConfig } from '../../config/schema/config.ts';
import { parseRouteHost } from '../../core/network/host.ts';
import type { IssuerProofs } from '../../tokens/dpop/issuer-proofs.ts';
import { normalizeOrigin } from '../../tokens/dpop/target-uri.ts';

/** What the proofs of a route are checked against. */
export interface RouteProofs {
  /** The scheme, host and port that clients send its requests to, from the file alone: `Host` is what a client writes. */
  readonly origin: string;
  /** By issuer that the route accepts with proofs. */
  readonly byIssuer: ReadonlyMap<string, IssuerProofs>;
}

/** Compiles the proofs of a route. Undefined where it accepts no issuer with `dpop`. */
export function compileRouteProofs(
  route: RouteConfig,
  {
    config,
    accepted,
    proofs,
  }: {
    readonly config: Config;
    /** The issuers that it accepts. */
    readonly accepted: ReadonlySet<string>;
    readonly proofs: ReadonlyMap<string, IssuerProofs>;
  },
): RouteProofs | undefined {
  if (proofs.size === 0) return undefined;
  const byIssuer = new Map([...proofs].filter(([name]) => accepted.has(name)));
  if (byIssuer.size === 0) return undefined;
  return { origin: originOf(route, config), byIssuer };
}

/** Scheme and port are those of the public URL, also for a route with its own host. A file with neither does not serve. */
function originOf({ host: text }: RouteConfig, { listen }: Config): string {
  const url = listen.publicUrl === undefined ? undefined : new URL(listen.publicUrl);
  const host = text === undefined ? undefined : parseRouteHost(text);
  if (host === undefined) return url === undefined ? '' : normalizeOrigin(url);
  const { protocol, port } = url ?? { protocol: 'https:', port: '' };
  return normalizeOrigin(new URL(`${protocol}//${host}${port === '' ? '' : `:${port}`}`));
}
