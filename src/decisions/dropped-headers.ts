import { foldHeaderName } from '../config/identity-headers.ts';
import { OVERRIDES } from '../core/header-names.ts';
import type { SpoofableNames } from './question-headers.ts';

/**
 * The header fields that an asking proxy must drop from each request, seen or not: a backend may take `_` for `-`, and what is
 * dropped by name cannot be added on the way. Lower case.
 */
export interface DroppedHeaders {
  /** The same for all requests. */
  readonly always: readonly string[];
  /** The same, separated by commas. */
  readonly alwaysAsText: string;
  /** Unless the reply sets them: asking proxies drop after they set. */
  readonly unlessSet: readonly string[];
}

export function compileDroppedHeaders({ identity, credentials }: SpoofableNames): DroppedHeaders {
  const own = new Set([...identity, ...credentials, 'authorization', 'dpop']);
  const spellings = [...own].flatMap(spellingsOf).filter((name) => !own.has(name));
  const always = [...new Set([...OVERRIDES].flatMap(spellingsOf).concat(spellings))];
  return {
    always,
    alwaysAsText: always.join(','),
    unlessSet: [...own],
  };
}

function spellingsOf(name: string): readonly string[] {
  return [name, foldHeaderName(name), name.replaceAll('-', '_')];
}
