import type { ClaimName } from '../../config/schema/config.ts';

export type Scalar = string | number | boolean;

/** A claim name as a path: a string is one literal name, dots included. */
export function toClaimPath(name: ClaimName): readonly string[] {
  return typeof name === 'string' ? [name] : name;
}

/** A claim as people write it, for reasons and problems: names only. */
export function nameClaim(path: readonly string[]): string {
  return JSON.stringify(path.length === 1 ? path[0] : path);
}

/** A string, a boolean, or a number that stands for one value only: unsafe integers and negative zero do not. */
export function isDistinctScalar(value: unknown): value is Scalar {
  if (typeof value === 'number') {
    if (Number.isInteger(value)) return Number.isSafeInteger(value) && !Object.is(value, -0);
    return Number.isFinite(value);
  }
  return typeof value === 'string' || typeof value === 'boolean';
}

/** True when the claim is the wanted value, by type and value, or an array with such a member. */
export function claimHas(value: unknown, wanted: Scalar): boolean {
  if (Array.isArray(value)) return value.some((member) => isDistinctScalar(member) && member === wanted);
  return isDistinctScalar(value) && value === wanted;
}
