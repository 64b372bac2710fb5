import { type NamingMethod, splitMessageText } from '../config/mcp/message-text.ts';

/** How MCP writes what a method is about into the params of a message. */
const PARAMS: Readonly<Record<NamingMethod, (named: string) => object>> = {
  'tools/call': (name) => ({ name }),
  'prompts/get': (name) => ({ name }),
  'resources/read': (uri) => ({ uri }),
  'resources/subscribe': (uri) => ({ uri }),
  'resources/unsubscribe': (uri) => ({ uri }),
  'subscriptions/listen': (uri) => ({ notifications: { resourceSubscriptions: [uri] } }),
  'completion/complete': (named) => ({
    ref: named.includes(':') ? { type: 'ref/resource', uri: named } : { type: 'ref/prompt', name: named },
  }),
};

/** The message that `tools/call search`, `resources/read file:///a`, or a method alone stands for. */
export function writeMessage(text: string): Buffer {
  const { method, named } = splitMessageText(text);
  const params = named === undefined ? undefined : PARAMS[method as NamingMethod](named);
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method, ...(params && { params }) }));
}
