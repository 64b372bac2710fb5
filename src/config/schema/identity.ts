import * as z from 'zod';
import { mayCarryIdentity, SPECIAL_SOURCES } from '../identity-headers.ts';
import { claimName, duration, headerName, size, text } from './scalars.ts';

/* `identity` of the file and of routes. */

const FACTS = SPECIAL_SOURCES.map((source) => `\`${source}\``).join(', ');

export const identitySource = z.union([
  z.null(),
  text,
  z.array(text).min(1),
  z.strictObject({
    claim: claimName.optional().meta({
      description: `The claim, or ${FACTS}.`,
      examples: ['email'],
    }),
    template: text.optional().meta({
      description: 'A text with claims in braces, instead of `claim`.',
      examples: ['{tid}/{sub}'],
    }),
    format: z
      .enum(['csv', 'json', 'space', 'repeat', 'base64'])
      .optional()
      .meta({ description: 'How a list becomes a header; `repeat` sends one header for each entry.' }),
    filter: text.optional().meta({
      description: 'A regular expression (RE2); values that do not match are left out.',
      examples: ['^orders-'],
    }),
    maxBytes: size.optional().meta({
      description: 'Largest value of this header; a larger one is refused with 403.',
      examples: ['4KiB'],
    }),
    required: z.boolean().optional().meta({
      description:
        'Refuses the request with 403 when the claim is missing; otherwise the header is not sent.',
      default: false,
    }),
  }),
]);

export const identity = z
  .strictObject({
    headers: z
      .record(headerName, identitySource)
      .optional()
      .meta({
        description: `Header → claim: a name, a path, ${FACTS}, a mapping with details, or null to send none. Added to x-user-id: sub, x-user-issuer: iss and x-user-scopes: $scopes.`,
        examples: [{ 'x-user-email': 'email', 'x-user-roles': ['realm_access', 'roles'] }],
      }),
    forwardToken: z
      .boolean()
      .optional()
      .meta({ description: 'Passes the Authorization header on.', default: false }),
  })
  .meta({ description: 'What the backend learns about the caller.' });

const RESERVED_ASSERTION_CLAIMS = [
  'iss',
  'aud',
  'sub',
  'iat',
  'exp',
  'nbf',
  'jti',
  'idp',
  'client_id',
  'scope',
];

export const assertion = z
  .strictObject({
    keys: text.default('assertion-keys.json').meta({
      description:
        'File of the signing keys: your own PEM private keys, of which the first signs, or a path where the gateway keeps and rotates its own.',
      examples: ['/var/lib/sealgate/assertion-keys.json'],
    }),
    header: headerName
      .refine(mayCarryIdentity, 'expected a header that may carry identity')
      .default('x-sealgate-assertion')
      .meta({ description: 'The header that carries the assertion.' }),
    algorithm: z
      .enum(['ES256', 'EdDSA'])
      .default('ES256')
      .meta({ description: 'Algorithm of the keys that the gateway creates.' }),
    lifetime: duration.prefault('60s').meta({ description: 'How long an assertion is valid.' }),
    claims: z
      .array(
        text.refine(
          (claim) => !RESERVED_ASSERTION_CLAIMS.includes(claim),
          'the gateway sets this claim itself',
        ),
      )
      .default([])
      .meta({
        description: 'Further claims to copy from the token.',
        examples: [['email', 'tenant']],
      }),
    rotate: duration
      .prefault('30d')
      .meta({ description: 'How long a key of the gateway signs before the next one does.' }),
  })
  .meta({
    description:
      'A short-lived JWT about the caller, signed by the gateway. Backends verify it with the keys at /.well-known/sealgate/jwks.json; its `iss` is `listen.publicUrl`, its `aud` the upstream.',
  });

export const fileIdentity = identity.extend({
  assertion: assertion.optional(),
  reserved: z
    .array(headerName)
    .optional()
    .meta({ description: 'Further header names that no client may send.' }),
  maxBytes: size.prefault('8KiB').meta({
    description: 'Size limit for all identity headers of a request together; more are refused with 403.',
  }),
});
