import type { AccessBlockConfig, RouteConfig } from './schema.ts';

/**
 * What a route's access asks for, in words for tables and pages: `public`, `scopes orders:read`,
 * `roles any of reader, admin; claims tenant`. Names of claims are told, their values are not.
 */
export function describeAccess(access: RouteConfig['access']): string {
  if (typeof access === 'string') return access;
  return [access]
    .flat()
    .map((block) => describeBlock(block))
    .join(' or ');
}

function describeBlock(block: AccessBlockConfig): string {
  const parts = Object.entries(block).flatMap(([key, rule]) =>
    rule === undefined ? [] : [`${key} ${describeRule(rule)}`],
  );
  return parts.join('; ');
}

function describeRule(rule: unknown): string {
  if (typeof rule === 'string') return rule;
  if (Array.isArray(rule)) return rule.map(describeMember).join(', ');
  if (typeof rule !== 'object' || rule === null) return String(rule);
  const { any, all, ...rest } = rule as { any?: string[]; all?: string[] };
  const names = Object.keys(rest);
  if (any === undefined && all === undefined) return names.join(', ');
  return [
    ...(all === undefined ? [] : [all.join(', ')]),
    ...(any === undefined ? [] : [`any of ${any.join(', ')}`]),
  ].join(' and ');
}

function describeMember(member: unknown): string {
  if (typeof member !== 'object' || member === null) return String(member);
  const { claim } = member as { claim?: string | string[] };
  return [claim ?? ''].flat().join('.');
}
