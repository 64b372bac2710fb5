/** The kinds of things that MCP servers list and that a route's rules name. Templates of resources are resources. */
export type ListedKind = 'tools' | 'prompts' | 'resources';

/** What one caller may use of what a server lists. */
export interface ListVisibility {
  /** `name` is the name of a tool or prompt, or the URI (template) of a resource. */
  mayUse(kind: ListedKind, name: string): boolean;
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

/**
 * Methods whose result is something else than a list by the specification, and may be large. What they return is relayed as it comes;
 * a name that is spelled any other way is not among them, since a lenient server may take it for a list method.
 */
const OTHER_RESULTS: ReadonlySet<string> = new Set([
  'completion/complete',
  'initialize',
  'logging/setLevel',
  'ping',
  'prompts/get',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'server/discover',
  'subscriptions/listen',
  'tools/call',
]);

/**
 * Whether a response may hold a list: not one to a request of a method with another result. Undefined is a request without a method:
 * a GET, whose stream brings responses to earlier requests, or a message that is no request.
 */
export function mayHoldLists(method: string | undefined): boolean {
  return method === undefined || !OTHER_RESULTS.has(method);
}
