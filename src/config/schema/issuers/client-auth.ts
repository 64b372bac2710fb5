import * as z from 'zod';
import { text } from '../scalars.ts';

/* How the gateway identifies itself as a client at an endpoint of a provider: `auth` of introspection and token exchange. */

const METHODS = ['clientSecret', 'privateKey', 'tls'] as const;

export const clientAuth = z
  .strictObject({
    clientId: text.meta({ description: 'Client id of the gateway at the provider.' }),
    clientSecret: text.optional().meta({
      description: 'Client secret; best from a file or the environment.',
      examples: [`\${file:/run/secrets/client-secret}`],
    }),
    method: z.enum(['basic', 'post']).optional().meta({
      description:
        'How the secret is sent: `basic` in the Authorization header (client_secret_basic), `post` in the form (client_secret_post).',
      default: 'basic',
    }),
    privateKey: text.optional().meta({
      description:
        'File with the private key that signs client assertions (private_key_jwt): PEM, or a JSON Web Key, whose `kid` and `alg` count. A certificate in the PEM file is named in the assertion (`x5t#S256`).',
    }),
    tls: z
      .strictObject({
        cert: text.meta({ description: 'PEM file of the client certificate and its chain.' }),
        key: text.meta({ description: 'PEM file of the private key.' }),
      })
      .optional()
      .meta({
        description: 'Client certificate (tls_client_auth or self_signed_tls_client_auth, RFC 8705).',
      }),
  })
  .refine(
    (auth) => METHODS.filter((method) => auth[method] !== undefined).length === 1,
    'expected exactly one of `clientSecret`, `privateKey` and `tls`',
  )
  .refine(
    ({ method, clientSecret }) => method === undefined || clientSecret !== undefined,
    '`method` is about `clientSecret`',
  )
  .meta({ description: 'How the gateway identifies itself to the provider.' });

export type ClientAuthConfig = z.output<typeof clientAuth>;
