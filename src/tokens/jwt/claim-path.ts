import type { Claims } from '../verified-token.ts';
import { isInexactNumber } from './json/inexact-number.ts';

/** Reads a claim by its path of literal names; undefined when a step is missing or leads through a list. */
export function readClaim(claims: Claims, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    if (isInexactNumber(value) || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
