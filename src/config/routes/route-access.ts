import type { ConfigPath } from '../problem.ts';
import type { AccessBlockConfig, AccessConfig, Config, PolicyConfig } from '../schema/config.ts';

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

const known = new WeakMap<Config['routes'], readonly AccessAlternative[]>();

/** Every alternative of every route. Listed once for a file: most rules ask for them, and a file may have 10,000 routes. */
export function allAlternatives({ routes }: Config): readonly AccessAlternative[] {
  const listed =
    known.get(routes) ??
    routes.flatMap(({ access }, index) => accessAlternatives(access, ['routes', index, 'access']));
  known.set(routes, listed);
  return listed;
}

/** Sets of rules that are written anywhere in the file: alternatives of routes, and policies. */
export function allRules(
  config: Config,
): readonly { readonly rules: PolicyConfig; readonly path: ConfigPath }[] {
  return [
    ...Object.entries(config.policies).map(([name, rules]) => ({ rules, path: ['policies', name] })),
    ...allAlternatives(config).map(({ block, path }) => ({ rules: block, path })),
  ];
}

/** The rules that the block names, or undefined when it names none or none of the file. */
export function policyOf(block: AccessBlockConfig, config: Config): PolicyConfig | undefined {
  return block.policy !== undefined && Object.hasOwn(config.policies, block.policy)
    ? config.policies[block.policy]
    : undefined;
}

/** Whether the block, its policy or the defaults of the file say whose tokens it accepts. */
export function namesIssuers(block: AccessBlockConfig, config: Config): boolean {
  return (block.issuers ?? policyOf(block, config)?.issuers ?? config.defaults.issuers) !== undefined;
}

/**
 * The configured names of the issuers that an alternative accepts: what it and its policy name, both where both do; else the default's,
 * or the only one there is.
 */
export function acceptedIssuers(block: AccessBlockConfig, config: Config): readonly string[] {
  const named = [block.issuers, policyOf(block, config)?.issuers].filter((names) => names !== undefined);
  const [first, ...rest] = named.length > 0 ? named : [config.defaults.issuers ?? 'any'];
  const names = first === undefined || first === 'any' ? Object.keys(config.issuers) : first;
  return names.filter((name) => rest.every((others) => others === 'any' || others.includes(name)));
}
