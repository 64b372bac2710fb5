import { isDeepStrictEqual } from 'node:util';
import { emptyTree, insert, overlapping, type PatternTree } from '../../routes/pattern-tree.ts';
import { acceptedIssuers, accessAlternatives, policyOf } from '../../routes/route-access.ts';
import { type RoutePattern, routePatterns } from '../../routes/route-order.ts';
import type { AccessBlockConfig, Config, PolicyConfig } from '../../schema/config.ts';
import { type Rule, warning } from '../rule.ts';

/**
 * `/Admin` is not `/admin` here, so it goes to the wider route. A backend that ignores case serves both alike, and the
 * weaker route then opens what the stricter one guards.
 */
export const caseVariantsStayGuarded: Rule = ({ config, whereIs }) => {
  if (config.matching.case === 'insensitive') return [];
  const patterns = routePatterns(config);
  const byUpstream = new Map<string | undefined, PatternTree>();
  for (const pattern of patterns) {
    const upstream = upstreamOf(pattern, config);
    const tree = byUpstream.get(upstream) ?? emptyTree();
    byUpstream.set(upstream, tree);
    insert(tree, pattern);
  }
  return patterns.flatMap((strict) => {
    const tree = byUpstream.get(upstreamOf(strict, config)) ?? emptyTree();
    const weak = overlapping(tree, strict).find(
      (candidate) =>
        candidate !== strict &&
        (candidate.host === undefined || strict.host === undefined || candidate.host === strict.host) &&
        takesCaseVariantOf(candidate, strict) &&
        isWeaker(candidate, strict, config),
    );
    if (weak === undefined) return [];
    const where = whereIs(['routes', weak.index]);
    return [
      warning(
        ['routes', strict.index, 'path'],
        `other spellings of this path in upper or lower case go to \`${weak.name}\` (${where}), which requires less`,
        { hint: 'if the backend ignores case, set `matching: { case: insensitive }`' },
      ),
    ];
  });
};

function upstreamOf({ index }: RoutePattern, { routes }: Config): string | undefined {
  return routes[index]?.upstream;
}

/** Some path that `strict` takes, with the case of a letter changed, goes to `weak`. */
function takesCaseVariantOf(weak: RoutePattern, strict: RoutePattern): boolean {
  if (weak.exact && weak.segments.length < strict.segments.length) return false;
  if (strict.exact && strict.segments.length < weak.segments.length) return false;
  const compatible = strict.segments.every((segment, position) => {
    const other = weak.segments[position];
    return (
      other === undefined ||
      other.kind === 'parameter' ||
      segment.kind === 'parameter' ||
      other.text === segment.text
    );
  });
  const changeable = strict.segments.some((segment, position) => {
    const other = weak.segments[position];
    const hasCase = segment.kind === 'static' && segment.text.toLowerCase() !== segment.text.toUpperCase();
    return hasCase && (other === undefined || other.kind === 'parameter');
  });
  return compatible && changeable;
}

/** Something gets through `weak` that `strict` would refuse. */
function isWeaker(weak: RoutePattern, strict: RoutePattern, config: Config): boolean {
  const weakRoute = config.routes[weak.index];
  const strictRoute = config.routes[strict.index];
  if (weakRoute === undefined || strictRoute === undefined) return false;
  if (strictRoute.mcp !== undefined && !isDeepStrictEqual(weakRoute.mcp, strictRoute.mcp)) return true;
  const { access: weakAccess } = weakRoute;
  const { access: strictAccess } = strictRoute;
  if (strictAccess === 'public') return false;
  if (weakAccess === 'public') return true;
  if (strictAccess === 'optional') return false;
  if (weakAccess === 'optional') return true;
  const needed = accessAlternatives(strictAccess, []).map(({ block }) => demandsOf(block, config));
  return accessAlternatives(weakAccess, []).some(({ block }) => {
    const given = demandsOf(block, config);
    return !needed.some((demands) => [...demands].every((demand) => given.has(demand)));
  });
}

/** The parts of a block and its policy as comparable texts; a part written differently counts as another one. */
function demandsOf(block: AccessBlockConfig, config: Config): ReadonlySet<string> {
  const { policy: _, ...own } = block;
  return new Set([
    `issuers ${[...acceptedIssuers(block, config)].sort().join()}`,
    ...ruleDemands(own),
    ...ruleDemands(policyOf(block, config) ?? {}),
  ]);
}

function ruleDemands({ issuers: _, scopes, roles, ...others }: PolicyConfig): readonly string[] {
  return [
    ...listDemands('scope', scopes),
    ...listDemands('role', roles),
    ...Object.entries(others)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${key} ${JSON.stringify(value)}`),
  ];
}

function listDemands(kind: string, list: AccessBlockConfig['scopes']): readonly string[] {
  if (list === undefined) return [];
  if (Array.isArray(list)) return list.map((name) => `${kind} ${name}`);
  const { any, all = [] } = list as { any?: readonly string[]; all?: readonly string[] };
  const either =
    any === undefined
      ? []
      : [any.length === 1 ? `${kind} ${any[0]}` : `${kind} any ${[...any].sort().join()}`];
  return [...all.map((name) => `${kind} ${name}`), ...either];
}
