import type { McpMethod } from '../../../config/mcp/mcp-methods.ts';
import type { Permit } from '../../permit.ts';
import { visibilityOf } from '../authorize-message.ts';
import type { ListVisibility } from './list-visibility.ts';

/**
 * By whose rules the lists in the response to a permitted request are filtered; undefined where none are, or where there is none. Rules
 * that only report hide nothing.
 */
export function listsOfRequest(
  { route, headers, token, mcp }: Permit,
  method: string,
): ListVisibility | undefined {
  if (mcp === undefined || !mcp.rules.filtersLists || route.reportsOnly || method === 'DELETE')
    return undefined;
  const { rules, request, message } = mcp;
  if (!mayHoldLists(message?.method) && !asksForEarlierEvents(headers.passed)) return undefined;
  return visibilityOf(rules, { token, request, access: route.access });
}

/** Methods whose result is something else than a list by the specification, and may be large. */
const OTHER_RESULTS: ReadonlySet<McpMethod> = new Set<McpMethod>([
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
 * Whether a response may hold a list. Undefined is a request without a method of MCP: a GET, whose stream brings responses to earlier
 * requests, a response of the client, or a method that a lenient server may take for one that lists.
 */
function mayHoldLists(method: McpMethod | undefined): boolean {
  return method === undefined || !(OTHER_RESULTS.has(method) || method.startsWith('notifications/'));
}

/** A server that resumes a stream wherever it is asked to sends responses to any request. */
function asksForEarlierEvents(passed: readonly string[]): boolean {
  for (let at = 0; at < passed.length; at += 2)
    if ((passed[at] as string).toLowerCase() === 'last-event-id') return true;
  return false;
}
