import * as z from 'zod';
import { scope } from './access.ts';
import { name, text } from './scalars.ts';

/* `resource` of routes (RFC 9728). */

const webUrl = z.url({ protocol: /^https?$/, error: 'expected an http:// or https:// URL' });

const settings = z
  .strictObject({
    url: webUrl.optional().meta({
      description:
        'Identifier of the resource: the URL that clients are given, byte for byte. Default: the origin of `listen.publicUrl`, with the `host` of the route, and `path`.',
      examples: ['https://api.example.com/mcp'],
    }),
    title: text.optional().meta({ description: 'Name that clients show.', examples: ['Order tools'] }),
    documentation: webUrl.optional().meta({
      description: 'URL of a page for developers of clients.',
      examples: ['https://docs.example.com/mcp'],
    }),
    scopes: z
      .array(scope)
      .min(1, 'expected at least one scope')
      .optional()
      .meta({
        description:
          'Scopes to publish, as tokens have them, instead of all that `access` of the routes names.',
        examples: [['mcp:use']],
      }),
    authorizationServers: z
      .array(webUrl)
      .min(1, 'expected at least one URL')
      .optional()
      .meta({
        description: 'Where clients obtain tokens, instead of the issuers that `access` accepts.',
        examples: [['https://login.example.com']],
      }),
    challenge: z.enum(['needed', 'cumulative']).optional().meta({
      description:
        '`cumulative` adds the scopes of the token to those that it lacks, for clients that ask for what they are named and forget the rest.',
      default: 'needed',
    }),
  })
  .refine(
    (value) => Object.values(value).some((setting) => setting !== undefined),
    'expected at least one key; write `true` for all defaults',
  );

const routeName = name.refine(
  (value) => value !== 'true' && value !== 'false',
  'expected `true`, without quotes, or the name of another route',
);

export const resource = z.union([z.literal(true), routeName, settings]).meta({
  description:
    'Publishes the route as a protected resource (RFC 9728), so that OAuth clients find where to obtain tokens: `true`, settings, or the name of another route whose resource this one belongs to.',
  examples: [true, { title: 'Order tools' }, 'tools'],
});
