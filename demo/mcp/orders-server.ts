import { McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { z } from 'zod';

/** The tools, prompts and resources of the demo's orders. Who may use which is decided by the gateway, not here. */
export function createOrdersServer(): McpServer {
  const server = new McpServer({ name: 'orders', version: '1.0.0' });

  server.registerTool(
    'orders_search',
    { description: 'Finds orders by a word', inputSchema: z.object({ text: z.string() }) },
    ({ text }) => reply(`two orders with "${text}": 7 and 11`),
  );
  server.registerTool(
    'orders_cancel',
    { description: 'Cancels an order', inputSchema: z.object({ id: z.number() }) },
    ({ id }) => reply(`order ${id} is canceled`),
  );
  server.registerTool('admin_purge', { description: 'Deletes all orders' }, () =>
    reply('no orders are left'),
  );
  server.registerTool('whoami', { description: 'Shows who calls' }, ({ http }) => {
    const headers = http?.req?.headers;
    const identity = ['x-user-id', 'x-user-scopes', 'authorization'].map((name) => [
      name,
      headers?.get(name),
    ]);
    return reply(JSON.stringify(Object.fromEntries(identity)));
  });

  server.registerPrompt('summary', { description: 'Sums up the orders of a day' }, () => ({
    messages: [{ role: 'user', content: { type: 'text', text: 'Sum up the orders of today.' } }],
  }));
  server.registerResource('open', 'orders://open', { description: 'The open orders' }, ({ href }) => ({
    contents: [{ uri: href, text: '7, 11' }],
  }));
  server.registerResource(
    'order',
    new ResourceTemplate('orders://order/{id}', { list: undefined }),
    { description: 'One order' },
    ({ href }, { id }) => ({ contents: [{ uri: href, text: `order ${id}` }] }),
  );
  return server;
}

function reply(text: string) {
  return { content: [{ type: 'text' as const, text }] };
}
