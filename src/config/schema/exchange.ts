import * as z from 'zod';
import { SCOPE_TOKEN } from '../../core/scopes.ts';
import { clientAuth } from './issuers/client-auth.ts';
import { duration, size, text } from './scalars.ts';

/* `exchange` of upstreams. */

export const exchange = z
  .strictObject({
    grant: z.enum(['token-exchange', 'on-behalf-of', 'jwt-bearer']).meta({
      description:
        "How the caller's token is exchanged: `token-exchange` is RFC 8693, `on-behalf-of` that of Entra ID, `jwt-bearer` RFC 7523.",
    }),
    tokenUrl: z.url({ protocol: /^https?$/, error: 'expected an http: or https: URL' }).meta({
      description: 'Token endpoint of the provider.',
      examples: ['https://login.example.com/oauth2/token'],
    }),
    auth: clientAuth,
    audience: text.optional().meta({
      description: 'Whom the new token is for, as the provider names it. Not with `on-behalf-of`.',
      examples: ['orders'],
    }),
    resource: text.optional().meta({
      description: 'The same as a URI (RFC 8707). Not with `on-behalf-of`.',
      examples: ['https://orders.example.com'],
    }),
    scopes: z
      .array(z.string().regex(SCOPE_TOKEN, 'expected one scope: no space, quote or backslash'))
      .min(1, 'expected at least one scope')
      .optional()
      .meta({
        description: 'Scopes that are requested. Required with `on-behalf-of`, where they name the API.',
        examples: [['orders:read']],
      }),
    timeout: duration.prefault('5s').meta({ description: 'Time that one request to the endpoint may take.' }),
    maxBytes: size.prefault('16MiB').meta({ description: 'Memory for cached tokens, in each worker.' }),
    ca: text.optional().meta({
      description: 'PEM file of the certificate authorities to trust instead of those of the system.',
    }),
    insecure: z.boolean().default(false).meta({ description: 'Allows http: to another machine.' }),
  })
  .meta({
    description:
      "The backend gets a token of its own in place of the caller's, which is exchanged at the token endpoint of a provider and cached. Requests without a verified token go up without any.",
  });
