import type { McpKind } from '../../../config/mcp/mcp-methods.ts';

/** What one caller may use of what a server lists. */
export interface ListVisibility {
  /** `name` is the name of a tool or prompt, or the URI of a resource or its template. */
  mayUse(kind: McpKind, name: string): boolean;
}

/** Largest message whose lists are filtered, and largest event of a stream, in bytes. */
export const MAX_LIST_BYTES = 4 * 1024 * 1024;

/** Why a response may not be relayed: what it would show cannot be known. */
export type ListFlaw = 'unreadable' | 'too large';

/** A message of a backend that cannot be filtered. */
export class UnfilterableList extends Error {
  readonly flaw: ListFlaw;
  constructor(flaw: ListFlaw) {
    super(flaw);
    this.flaw = flaw;
  }
}
