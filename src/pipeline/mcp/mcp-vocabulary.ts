import { MCP_METHODS, type McpMethod } from '../../config/mcp/mcp-methods.ts';
import { foldName } from './fold-name.ts';

const METHODS: ReadonlySet<string> = new Set(MCP_METHODS);
const FOLDED_METHODS: ReadonlySet<string> = new Set(MCP_METHODS.map(foldName));

export function isMcpMethod(method: string): method is McpMethod {
  return METHODS.has(method);
}

/** Whether a lenient server takes it for a method of MCP that it is not. */
export function resemblesMcpMethod(method: string): boolean {
  return !METHODS.has(method) && FOLDED_METHODS.has(foldName(method));
}

/** The names that MCP defines in one place of a message, by how a lenient reader takes them. */
export type DefinedNames = ReadonlyMap<string, string>;

function defined(...names: readonly string[]): DefinedNames {
  return new Map(names.map((name) => [foldName(name), name]));
}

export const TOP_NAMES = defined('jsonrpc', 'id', 'method', 'params', 'result', 'error');

export const PARAMS_NAMES = defined(
  ...['_meta', 'argument', 'arguments', 'capabilities', 'clientInfo', 'context', 'cursor', 'data'],
  ...['elicitationId', 'inputResponses', 'level', 'logger', 'message', 'messages', 'mode', 'name'],
  ...['notifications', 'progress', 'progressToken', 'protocolVersion', 'reason', 'ref', 'requestId'],
  ...['requestState', 'requestedSchema', 'status', 'task', 'taskId', 'total', 'uri', 'url'],
);

export const REF_NAMES = defined('type', 'name', 'title', 'uri');

/** Of `params.notifications` in `subscriptions/listen`. */
export const FILTER_NAMES = defined(
  ...['toolsListChanged', 'promptsListChanged', 'resourcesListChanged', 'resourceSubscriptions'],
);

export const VERSION_NAME = 'io.modelcontextprotocol/protocolVersion';
export const META_NAMES = defined(VERSION_NAME);

/** From this revision on each request names its version, method and name in its header. */
const HEADERS_SINCE = '2026-07-28';

/** Whether the header must mirror the body. What is not a date counts as later than every revision. */
export function mirrorsBody(version: string | undefined): boolean {
  if (version === undefined) return false;
  return !/^\d{4}-\d{2}-\d{2}$/.test(version) || version >= HEADERS_SINCE;
}
