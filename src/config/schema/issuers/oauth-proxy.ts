import * as z from 'zod';
import { text } from '../scalars.ts';

/* `oauthProxy` of issuers. */

/** Segments of letters and digits that no client or proxy writes in another way. */
const FRONT_PATH = /^(?:\/[A-Za-z0-9._~-]*[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$/;

/** RFC 6749 §3.3. */
const scopeToken = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'expected one scope: no space, quote or backslash');

export const oauthProxy = z
  .strictObject({
    path: z
      .string()
      .regex(FRONT_PATH, 'expected a plain path such as /oauth')
      .optional()
      .meta({
        description:
          'Path of the front: `/authorize`, `/token` and `/register` are below it. Default: `/.well-known/sealgate/oauth/` and the name of the issuer.',
        examples: ['/oauth'],
      }),
    clientId: z
      .string()
      .regex(/^[\x21-\x7e]+$/, 'expected the id of a client, without spaces')
      .meta({
        description: 'The public client, registered at the provider, that every client of the front uses.',
        examples: ['8aXk2mW'],
      }),
    redirectUris: z
      .array(text)
      .min(1, 'expected at least one redirect URI')
      .meta({
        description:
          'Where logins may end, compared byte for byte; on localhost, 127.0.0.1 and [::1] any port fits. Register them at the provider too.',
        examples: [['https://chatgpt.com/connector_platform_oauth_redirect', 'http://127.0.0.1/callback']],
      }),
    resource: z.enum(['keep', 'strip', 'audience']).optional().meta({
      description:
        'What becomes of the parameter `resource` (RFC 8707): passed on, left out, or passed on as `audience`. Default: `strip` with preset entra, `audience` with auth0 and okta, else `keep`.',
    }),
    scopes: z
      .strictObject({
        add: z
          .array(scopeToken)
          .default([])
          .meta({
            description: 'Scopes added to every authorization, and to refreshes that name scopes.',
            examples: [['openid', 'offline_access']],
          }),
        drop: z
          .array(scopeToken)
          .default([])
          .meta({ description: 'Scopes that the provider does not know: left out of every request.' }),
      })
      .prefault({})
      .meta({ description: 'Changes to the scopes that clients ask for.' }),
    prompt: z.enum(['consent', 'keep']).default('consent').meta({
      description:
        '`consent` makes the provider ask the user at every login, since all clients share one client id; `keep` leaves it to the client (with a warning).',
    }),
    rateLimit: z
      .int()
      .min(1)
      .default(600)
      .meta({ description: 'Requests a minute to the front from one address; more are refused with 429.' }),
  })
  .meta({
    description:
      'A front for OAuth clients that cannot speak to this provider as it is: metadata, authorization, token and registration endpoints below `listen.publicUrl`, all leading to one client of the provider. It keeps nothing and issues nothing. Requests to the provider follow `keys.timeout` and `keys.ca`.',
  });
