import type { AcceptedIssuer, ClaimRule, Wanted } from './compile-access.ts';

/* What rules want, in names of the file and for people to read. */

/** Undefined where nothing is wanted. */
export function describeAll(parts: readonly string[]): string | undefined {
  return parts.length === 0 ? undefined : parts.join(' and ');
}

export function describeWanted({ all, any }: Wanted): string {
  const parts = [...all];
  if (any.length > 0)
    parts.push(any.length > 1 && all.length > 0 ? `(${any.join(' or ')})` : any.join(' or '));
  return parts.join(' and ');
}

export function describeClaim({ label, quantifier, values }: ClaimRule): string {
  const wanted = values.map((value) => JSON.stringify(value));
  return `${label} is ${wanted.join(quantifier === 'all' ? ' and ' : ' or ')}`;
}

export function describeAudiences({ audiences }: AcceptedIssuer): string {
  return audiences === 'any' ? 'any' : [...audiences].map((name) => JSON.stringify(name)).join(' or ');
}
