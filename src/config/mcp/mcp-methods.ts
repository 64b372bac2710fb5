/** What has names that rules are about; each kind has a map of its own. */
export const MCP_KINDS = ['tools', 'prompts', 'resources'] as const;
export type McpKind = (typeof MCP_KINDS)[number];

/** The maps of `mcp`. */
export const MCP_MAPS = [...MCP_KINDS, 'methods'] as const;
export type McpMap = (typeof MCP_MAPS)[number];

/**
 * Every method that a revision of MCP defines. The log names a method only if it is one of these.
 */
export const MCP_METHODS = [
  'initialize',
  'ping',
  'server/discover',
  'tools/list',
  'tools/call',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'subscriptions/listen',
  'completion/complete',
  'logging/setLevel',
  'sampling/createMessage',
  'elicitation/create',
  'roots/list',
  'tasks/get',
  'tasks/list',
  'tasks/result',
  'tasks/update',
  'tasks/cancel',
  'notifications/cancelled',
  'notifications/initialized',
  'notifications/message',
  'notifications/progress',
  'notifications/elicitation/complete',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  'notifications/resources/updated',
  'notifications/roots/list_changed',
  'notifications/subscriptions/acknowledged',
  'notifications/tasks/status',
  'notifications/tools/list_changed',
] as const;

export type McpMethod = (typeof MCP_METHODS)[number];

/** What the messages that wait in the memory of a process may take together. */
export const MCP_MEMORY_BYTES = 64 * 1024 ** 2;
