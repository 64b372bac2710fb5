import * as z from 'zod';
import { entryBlock } from './access.ts';

/* `mcp` of a route. */

/** What controls a terminal, or ends a text for some readers, is in no name. */
const pattern = z
  .string()
  .regex(/^[^\p{Cc}]+$/u, 'expected a name, or a pattern in which `*` is any run of characters');

const rule = z.union([z.enum(['allow', 'deny']), entryBlock]);

const rules = z.record(pattern, rule);

export const mcp = z
  .strictObject({
    tools: rules.optional().meta({
      description:
        'Tools by name: `allow`, `deny`, or rules that must hold in addition to `access`. What nothing matches is refused.',
      examples: [{ search: 'allow', 'orders_*': { scopes: ['orders:write'] } }],
    }),
    prompts: rules.optional().meta({
      description: 'Prompts by name, in the same way. What nothing matches is refused.',
      examples: [{ 'review_*': 'allow' }],
    }),
    resources: rules.optional().meta({
      description: 'Resources by URI, in the same way. What nothing matches is refused.',
      examples: [{ 'file:///docs/*': 'allow' }],
    }),
    methods: rules.optional().meta({
      description: 'Methods of MCP, in the same way; but what nothing matches is allowed.',
      examples: [{ 'logging/*': 'deny' }],
    }),
    filterLists: z.boolean().default(true).meta({
      description:
        'Leaves out of the lists of the server what the caller may not use, by the maps of tools, prompts and resources.',
    }),
  })
  .meta({
    description:
      'The route is an MCP server over HTTP: each message is read before it is forwarded, and these rules apply to what it asks for.',
  });
