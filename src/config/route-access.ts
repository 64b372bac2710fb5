import type { ConfigPath } from './problem.ts';
import type { AccessBlockConfig, AccessConfig, Config } from './schema.ts';

/** One alternative of an access rule, and where it stands. */
export interface AccessAlternative {
  readonly block: AccessBlockConfig;
  readonly path: ConfigPath;
}

/** The blocks of which one must hold; `optional` and `authenticated` are one block without rules, `public` is none. */
export function accessAlternatives(access: AccessConfig, path: ConfigPath): readonly AccessAlternative[] {
  if (access === 'public') return [];
  if (access === 'optional' || access === 'authenticated') return [{ block: {}, path }];
  if (Array.isArray(access)) return access.map((block, index) => ({ block, path: [...path, index] }));
  return [{ block: access as AccessBlockConfig, path }];
}

/** Every alternative of every route. */
export function allAlternatives({ routes }: Config): readonly AccessAlternative[] {
  return routes.flatMap(({ access }, index) => accessAlternatives(access, ['routes', index, 'access']));
}

/** The configured names of the issuers that an alternative accepts: its own, the default's, or the only one there is. */
export function acceptedIssuers(block: AccessBlockConfig, config: Config): readonly string[] {
  const all = Object.keys(config.issuers);
  const named = block.issuers ?? config.defaults.issuers ?? 'any';
  return named === 'any' ? all : named;
}
