import { OPEN_STEP, stepsOf } from '../../claim-steps.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import { allRules } from '../../routes/route-access.ts';
import type { ClaimName, Config, IdentityConfig, IdentitySource } from '../../schema/config.ts';
import { type Rule, warning } from '../rule.ts';

/** A claim that the file names, and how its place would write a path. */
interface NamedClaim {
  readonly name: ClaimName;
  readonly path: ConfigPath;
  readonly at?: 'key';
  /** Given the steps of a path, in JSON; undefined where only a top-level claim can stand. */
  readonly asPath?: (steps: string) => string;
}

/** A text is one literal name: `realm_access.roles` is no path, and no token has a claim of that name. */
export const claimNamesAreNoPaths: Rule = ({ config }) =>
  namedClaims(config).flatMap((claim): readonly PathProblem[] => {
    // A list of one is how a name that really has a dot is written.
    if (typeof claim.name !== 'string') return wildcardSteps(claim, claim.name);
    if (/^\*+$/.test(claim.name)) {
      const { path, at, name } = claim;
      return [
        warning(path, `\`${name}\` is one literal name: there are no wildcards`, {
          ...(at && { at }),
          hint: 'name each claim',
        }),
      ];
    }
    const steps = stepsOf(claim.name);
    if (steps !== undefined) return [describePath(claim, claim.name, steps)];
    return OBJECT_CLAIMS.has(claim.name) ? [describeObject(claim, claim.name)] : [];
  });

/** The steps of a path are literal names too, and none of them leads into a list. */
function wildcardSteps({ path }: NamedClaim, steps: readonly string[]): readonly PathProblem[] {
  const at = steps.length === 1 ? -1 : steps.findIndex((step) => /^\*+$|^\[\*?\]$|^\d+$|\[\*?\]$/.test(step));
  if (at === -1) return [];
  const step = steps[at] as string;
  if (/^\d+$/.test(step)) {
    return [
      warning([...path, at], `\`${step}\` is one literal name: no step of a path picks a member of a list`, {
        hint: 'a claim that is a list matches by any of its members',
      }),
    ];
  }
  return [
    warning([...path, at], `\`${step}\` is one literal name: a path has no wildcards`, {
      hint: 'name each step; a list stands at the end of a path as it is',
    }),
  ];
}

/** Claims that are objects in every token that has them. */
const OBJECT_CLAIMS: ReadonlySet<string> = new Set([
  'realm_access',
  'resource_access',
  'kubernetes.io',
  'cnf',
  'act',
]);

function describePath({ path, at, asPath }: NamedClaim, name: string, steps: readonly string[]): PathProblem {
  const written = steps.join(', ');
  const details = { hintShowsValue: true, ...(at !== undefined && { at }) } as const;
  if (steps.length === 1) {
    return warning(path, `\`${name}\` is one literal name, and no path`, {
      ...details,
      hint: `write ${written}`,
    });
  }
  return warning(path, `\`${name}\` is the name of one claim, and no path`, {
    ...details,
    hint:
      asPath === undefined
        ? `only a claim of the top level can stand here, such as ${steps[0]}`
        : `for \`${steps.at(-1)}\` within \`${steps.slice(0, -1).join('.')}\` write ${asPath(`[${written}]`)}${steps.includes(OPEN_STEP) ? `, with each ${OPEN_STEP}: there are no wildcards` : ''}`,
  });
}

function describeObject({ path, at, asPath }: NamedClaim, name: string): PathProblem {
  return warning(path, `\`${name}\` is an object in tokens, which is equal to nothing and becomes no text`, {
    ...(at !== undefined && { at }),
    hint: asPath === undefined ? undefined : `name what is in it: ${asPath(`[${name}, …]`)}`,
  });
}

const asIs = (steps: string): string => steps;

function namedClaims(config: Config): readonly NamedClaim[] {
  return [
    ...Object.entries(config.issuers).flatMap(([issuer, { roleClaims, scopeClaims, requiredClaims }]) => [
      ...entries(roleClaims, ['issuers', issuer, 'roleClaims'], asIs),
      ...entries(scopeClaims, ['issuers', issuer, 'scopeClaims'], asIs),
      ...entries(requiredClaims, ['issuers', issuer, 'requiredClaims']),
    ]),
    ...allRules(config).flatMap(({ rules: { claims }, path }) => comparedClaims(claims, [...path, 'claims'])),
    ...sentClaims(config.identity, ['identity']),
    ...entries(config.identity.assertion?.claims, ['identity', 'assertion', 'claims']),
    ...config.routes.flatMap(({ identity, rateLimit }, index) => [
      ...sentClaims(identity, ['routes', index, 'identity']),
      ...[rateLimit ?? []].flat().flatMap(({ by }, at): readonly NamedClaim[] => {
        const place = [
          'routes',
          index,
          'rateLimit',
          ...(Array.isArray(rateLimit) ? [at] : []),
          'by',
          'claim',
        ];
        return typeof by === 'string' ? [] : [{ name: by.claim, path: place, asPath: asIs }];
      }),
    ]),
  ];
}

function entries(
  names: readonly ClaimName[] | undefined,
  path: ConfigPath,
  asPath?: NamedClaim['asPath'],
): readonly NamedClaim[] {
  return (names ?? []).map((name, index) => ({ name, path: [...path, index], ...(asPath && { asPath }) }));
}

function comparedClaims(
  claims: ReturnType<typeof allRules>[number]['rules']['claims'],
  path: ConfigPath,
): readonly NamedClaim[] {
  if (claims === undefined) return [];
  if (Array.isArray(claims)) {
    return claims.map(({ claim }, index) => ({ name: claim, path: [...path, index, 'claim'], asPath: asIs }));
  }
  const asList = (steps: string): string => `a list: [{ claim: ${steps}, any: [ … ] }]`;
  return Object.keys(claims).map((name) => ({ name, path: [...path, name], at: 'key', asPath: asList }));
}

function sentClaims(identity: IdentityConfig | undefined, path: ConfigPath): readonly NamedClaim[] {
  return Object.entries(identity?.headers ?? {}).flatMap(([header, source]) =>
    claimsOf(source).map(({ below, ...claim }) => ({
      ...claim,
      path: [...path, 'headers', header, ...below],
    })),
  );
}

interface SourceClaim {
  readonly name: ClaimName;
  readonly below: readonly string[];
  readonly asPath?: (steps: string) => string;
}

function claimsOf(source: IdentitySource): readonly SourceClaim[] {
  if (source === null || Array.isArray(source)) return [];
  if (typeof source === 'string') {
    return /[{}]/.test(source) ? inTemplate(source, []) : [{ name: source, below: [], asPath: asIs }];
  }
  if (source.template !== undefined) return inTemplate(source.template, ['template']);
  return source.claim === undefined ? [] : [{ name: source.claim, below: ['claim'], asPath: asIs }];
}

function inTemplate(template: string, below: readonly string[]): readonly SourceClaim[] {
  return [...template.matchAll(/\{([^{}]+)\}/g)].map(([, name = '']) => ({ name, below }));
}
