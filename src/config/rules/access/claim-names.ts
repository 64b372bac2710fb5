import { OPEN_STEP, stepsOf } from '../../claim-steps.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import { allRules, claimRequirements } from '../../routes/route-access.ts';
import type { ClaimName, Config, IdentityConfig, IdentitySource, PolicyConfig } from '../../schema/config.ts';
import { type Rule, warning } from '../rule.ts';

/** A claim that the file names, and how to write a path there. */
interface NamedClaim {
  readonly name: ClaimName;
  readonly path: ConfigPath;
  readonly at?: 'key';
  /** Takes the steps of a path in JSON; undefined where only a top-level claim is allowed. */
  readonly asPath?: (steps: string) => string;
}

/** A text is one literal name: `realm_access.roles` is not a path, and no token has a claim of that name. */
export const claimNamesAreNoPaths: Rule = ({ config }) =>
  namedClaims(config).flatMap((claim): readonly PathProblem[] => {
    // A name that really has a dot is written as a list of one.
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
    const other = describeOther(claim, claim.name);
    if (other !== undefined) return [other];
    const steps = stepsOf(claim.name);
    if (steps !== undefined) return [describePath(claim, claim.name, steps)];
    return OBJECT_CLAIMS.has(claim.name) ? [describeObject(claim, claim.name)] : [];
  });

/** Of the header of a token (RFC 7515 §4.1); no provider has claims of these names. */
const HEADER_MEMBERS = ['alg', 'kid', 'x5t'];

/** What names something else than a claim. */
function describeOther({ path, at }: NamedClaim, name: string): PathProblem | undefined {
  const place = at && { at };
  if (HEADER_MEMBERS.includes(name)) {
    return warning(path, `\`${name}\` is in the header of a token, not a claim`, {
      ...place,
      hint: name === 'x5t' ? undefined : `a condition (\`when\`) reads it as token.${name}`,
    });
  }
  return /^[\w:.-]+\s*[=|!<>]/.test(name)
    ? warning(path, `\`${name}\` is the name of one claim, not a condition`, {
        ...place,
        hint: 'write the name alone; values belong into `access.claims` of a route',
      })
    : undefined;
}

/** The steps of a path are literal names too, and none leads into a list. */
function wildcardSteps({ path }: NamedClaim, steps: readonly string[]): readonly PathProblem[] {
  const at = steps.length === 1 ? -1 : steps.findIndex((step) => /^\*+$|^\[\*?\]$|^\d+$|\[\*?\]$/.test(step));
  if (at === -1) return [];
  const step = steps[at] as string;
  if (/^\d+$/.test(step)) {
    return [
      warning([...path, at], `\`${step}\` is a literal name: a path cannot pick a member of a list`, {
        hint: 'a claim that is a list matches if any of its members does',
      }),
    ];
  }
  return [
    warning([...path, at], `\`${step}\` is a literal name: a path has no wildcards`, {
      hint: 'name each step; a path may end at a list, which matches if any of its members does',
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
    return warning(path, `\`${name}\` is one literal name, not a path`, {
      ...details,
      hint: `write ${written}`,
    });
  }
  return warning(path, `\`${name}\` is the name of one claim, not a path`, {
    ...details,
    hint:
      asPath === undefined
        ? `only a top-level claim is allowed here, such as ${steps[0]}`
        : `for \`${steps.at(-1)}\` in \`${steps.slice(0, -1).join('.')}\` write ${asPath(`[${written}]`)}${steps.includes(OPEN_STEP) ? `, for each ${OPEN_STEP}: there are no wildcards` : ''}`,
  });
}

function describeObject({ path, at, asPath }: NamedClaim, name: string): PathProblem {
  return warning(
    path,
    `\`${name}\` is an object in tokens, which equals nothing and cannot become a header`,
    {
      ...(at !== undefined && { at }),
      hint: asPath === undefined ? undefined : `name a member of it: ${asPath(`[${name}, …]`)}`,
    },
  );
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

function comparedClaims(claims: PolicyConfig['claims'], path: ConfigPath): readonly NamedClaim[] {
  const asList = (steps: string): string => `a list: [{ claim: ${steps}, any: [ … ] }]`;
  return claimRequirements(claims, path).map(({ claim, form, path: place }) =>
    form === 'list'
      ? { name: claim, path: [...place, 'claim'], asPath: asIs }
      : { name: claim, path: place, at: 'key', asPath: asList },
  );
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
  if (source === null) return [];
  if (Array.isArray(source)) return ofClaim(source, []);
  if (typeof source === 'string') {
    return /[{}]/.test(source) ? inTemplate(source, []) : ofClaim(source, []);
  }
  if (source.template !== undefined) return inTemplate(source.template, ['template']);
  return source.claim === undefined ? [] : ofClaim(source.claim, ['claim']);
}

/** A `$name` is a source that is no claim, or an error of its own. */
function ofClaim(name: ClaimName, below: readonly string[]): readonly SourceClaim[] {
  return typeof name === 'string' && name.startsWith('$') ? [] : [{ name, below, asPath: asIs }];
}

function inTemplate(template: string, below: readonly string[]): readonly SourceClaim[] {
  return [...template.matchAll(/\{([^{}]+)\}/g)].map(([, name = '']) => ({ name, below }));
}
