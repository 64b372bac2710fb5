import type { McpKind } from '../../config/mcp/mcp-methods.ts';
import { type Glob, matchesGlob } from '../../core/glob.ts';
import type { AccessRules } from '../access/compile-access.ts';

/** The rules of a route on the messages themselves, compiled. A kind without a map is not limited. */
export interface McpRules {
  readonly methods: NameRules | undefined;
  readonly kinds: Readonly<Record<McpKind, NameRules | undefined>>;
  /** Whether lists are filtered: a kind has a map, unless the file turns it off. */
  readonly filtersLists: boolean;
  /** Largest message in bytes. */
  readonly maxBytes: number;
  /** The origins of pages that may call, beside those of `cors`. */
  readonly ownOrigin: string | undefined;
  /** What `Allow` lists. */
  readonly methodsOfHttp: readonly string[];
}

/** One map of `mcp`. */
export interface NameRules {
  /** Its key in the file. */
  readonly label: string;
  readonly exact: ReadonlyMap<string, NameRule>;
  /** The longest first. */
  readonly patterns: readonly (NameRule & { readonly glob: Glob })[];
}

export interface NameRule {
  /** As in the file. */
  readonly pattern: string;
  readonly rule: 'allow' | 'deny' | AccessRules;
}

/** The rule of a name: exact before pattern, then the longest pattern. */
export function findRule(rules: NameRules, name: string): NameRule | undefined {
  return rules.exact.get(name) ?? rules.patterns.find(({ glob }) => matchesGlob(glob, name));
}
