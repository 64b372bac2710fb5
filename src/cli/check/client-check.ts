import type { Dispatcher } from 'undici';
import { declaredResources } from '../../config/routes/resource.ts';
import { note } from '../../config/rules/rule.ts';
import type { Config, RouteConfig } from '../../config/schema/config.ts';
import { compileResources } from '../../pipeline/resource/compile-resources.ts';
import type { PublishedResource } from '../../pipeline/resource/metadata-endpoints.ts';
import { compileIssuers } from '../../tokens/issuers/compile-issuers.ts';
import { createKeyTransport } from '../../tokens/keys/fetch/key-transport.ts';
import type { CommandIo } from '../io.ts';
import { type ClientTrouble, checkAuthorizationServer } from './authorization-server.ts';
import type { ConfigCheck } from './check.ts';
import { checkProtectedResource } from './protected-resource.ts';

/**
 * For `check --online`: plays an OAuth client of each protected resource, up to the login, and names the step at which it would fail. Asks
 * the gateway at its public address and each authorization server; sends no credentials and changes nothing.
 */
export function checkClients(env: CommandIo['env']): ConfigCheck {
  return async ({ config, resolvePath }) => {
    if (declaredResources(config).length === 0) return {};
    const { issuers } = compileIssuers(config, { resolvePath });
    const byName = new Map(issuers.map((issuer) => [issuer.name, issuer]));
    const { published } = compileResources({ config, issuers: byName });
    const dispatcher = createKeyTransport({ ca: undefined, env });
    try {
      const checked = await Promise.all(
        published.map(async (resource) => {
          const path = ['routes', resource.declared.index, 'resource'];
          const found = await checkResource(resource, { config, published, dispatcher });
          if (found.length > 0) return found.map((trouble) => ({ ...trouble, path }));
          return [note(path, describeSuccess(resource))];
        }),
      );
      return { problems: checked.flat() };
    } finally {
      await dispatcher.destroy();
    }
  };
}

interface Surroundings {
  readonly config: Config;
  readonly published: readonly PublishedResource[];
  readonly dispatcher: Dispatcher;
}

async function checkResource(
  { declared, metadata, document }: PublishedResource,
  { config, published, dispatcher }: Surroundings,
): Promise<readonly ClientTrouble[]> {
  const { place, index } = declared;
  const { origin } = new URL(place.identifier);
  const neighbors = published.filter((other) => new URL(other.declared.place.identifier).origin === origin);
  const expected = {
    place,
    document,
    isGuarded: isGuarded(config.routes[index] as RouteConfig),
    isAlone: neighbors.length === 1,
  };
  const { troubles, isReached } = await checkProtectedResource(expected, dispatcher);
  // A front of this gateway cannot be reached either.
  const servers = metadata.authorization_servers.filter(
    (server) => isReached || new URL(server).origin !== origin,
  );
  const logins = await Promise.all(servers.map((server) => checkAuthorizationServer(server, dispatcher)));
  return [...troubles, ...logins.flat()];
}

/** Whether a GET without a token is refused at the gateway, so that no backend gets it. */
function isGuarded({ access, methods }: RouteConfig): boolean {
  return access !== 'public' && access !== 'optional' && (methods?.includes('GET') ?? true);
}

function describeSuccess({ declared, metadata }: PublishedResource): string {
  return `clients find ${declared.place.identifier} and log in at ${metadata.authorization_servers.join(', ')}`;
}
