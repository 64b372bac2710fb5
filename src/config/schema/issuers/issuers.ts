import * as z from 'zod';
import { SCOPE_TOKEN } from '../../../core/scopes.ts';
import { claimName, duration, headerName, name, size, text, textList } from '../scalars.ts';
import { ALGORITHMS } from './algorithms.ts';
import { dpop } from './dpop.ts';
import { introspection } from './introspection.ts';
import { events, logout } from './issuer-events.ts';
import { oauthProxy } from './oauth-proxy.ts';

/* `issuers`. */

export const issuerNames = z
  .union([z.literal('any'), z.array(name).min(1, 'expected at least one issuer')])
  .meta({ description: 'Names of issuers, or `any` for every issuer of the file (with a warning).' });

export const audiences = z.union([z.literal('any'), textList]).meta({
  description: 'Accepted audiences; `aud` must have one of them. `any` turns the check off (with a warning).',
});

const keys = z
  .strictObject({
    refresh: duration.prefault('10m').meta({ description: 'Longest time between two fetches of the keys.' }),
    cooldown: duration.prefault('30s').meta({
      description:
        'Shortest time between two attempts, failed ones too, where a failure or an unknown key causes the second.',
    }),
    maxStale: duration.prefault('24h').meta({
      description: 'How long the last good keys are used while the provider cannot be reached.',
    }),
    timeout: duration.prefault('5s').meta({ description: 'Time one fetch may take.' }),
    maxBytes: size.prefault('1MiB').meta({ description: 'Largest response that is read.' }),
    snapshot: text.optional().meta({
      description: 'File that keeps the last good public keys, for a restart while the provider is down.',
      examples: ['corp.jwks.json'],
    }),
    headers: z.record(headerName, text).optional().meta({
      description:
        'Header fields sent when metadata and keys are fetched, such as Authorization. They go to the origin of the issuer or of `jwksUri`, never to another host that metadata names.',
    }),
    ca: text.optional().meta({
      description: 'PEM file of the certificate authorities to trust instead of those of the system.',
    }),
  })
  .meta({ description: 'How the keys of this issuer are fetched and kept.' });

/** For issuers without `keys`. */
export const DEFAULT_KEYS = keys.parse({});

/** Providers that the gateway knows (docs/providers.md). */
export const PRESETS = [
  'okta',
  'auth0',
  'keycloak',
  'cognito',
  'entra',
  'entra-multitenant',
  'google',
  'google-iap',
  'cloudflare-access',
  'firebase',
  'github-actions',
  'kubernetes',
] as const;

const staticKeys = z
  .union([
    z
      .literal('none')
      .meta({ description: 'No keys at all: its tokens are introspected, and its JWTs are refused.' }),
    z.strictObject({ file: text.meta({ description: 'File with a JSON Web Key Set.' }) }),
    z.strictObject({
      keys: z
        .array(z.record(z.string(), z.unknown()))
        .min(1, 'expected at least one key')
        .meta({ description: 'Public keys, as JSON Web Keys.' }),
    }),
  ])
  .meta({ description: 'Known keys; nothing is fetched then.' });

export const issuer = z
  .strictObject({
    preset: z.enum(PRESETS).optional().meta({
      description: 'Defaults and safety rules for a provider; values of this issuer take precedence.',
    }),
    issuer: text.optional().meta({
      description: 'The exact `iss` of its tokens. Optional where the preset derives it.',
      examples: ['https://example.okta.com/oauth2/default'],
    }),
    tenant: text
      .optional()
      .meta({ description: 'Preset entra: the tenant id; tokens of both versions are then accepted.' }),
    tenants: z
      .union([z.literal('any'), textList])
      .optional()
      .meta({ description: 'Preset entra-multitenant: the accepted tenant ids, or `any` (with a warning).' }),
    team: text
      .optional()
      .meta({ description: 'Preset cloudflare-access: the team name, before .cloudflareaccess.com.' }),
    project: text.optional().meta({ description: 'Preset firebase: the project id.' }),
    userPool: text.optional().meta({
      description: 'Preset cognito: the id of the user pool.',
      examples: ['eu-central-1_a1b2c3d4e'],
    }),
    audiences: audiences.meta({
      description:
        'Accepted audiences; `aud` must have one of them. `any` turns the check off (with a warning).',
      examples: [['https://api.example.com']],
    }),
    jwks: staticKeys.optional(),
    jwksUri: z
      .url({ protocol: /^https?$/ })
      .optional()
      .meta({ description: 'URL of the keys; found by discovery when left out.' }),
    algorithms: z
      .array(z.enum(ALGORITHMS))
      .min(1)
      .optional()
      .meta({
        description:
          'Accepted signature algorithms. `EdDSA` includes `Ed25519`, its name in RFC 9864. HS* and none are never accepted.',
        default: [...ALGORITHMS],
      }),
    clockTolerance: duration.prefault('30s').meta({
      description: 'Allowed difference between the clocks of the issuer and the gateway.',
    }),
    maxTokenAge: duration
      .optional()
      .meta({ description: 'Longest time since `iat`; when set, tokens without `iat` are refused.' }),
    tokenTypes: textList.optional().meta({
      description:
        'Accepted `typ` headers. Default: JWT, at+jwt, or none; when set, a missing `typ` is refused.',
      examples: [['at+jwt']],
    }),
    idTokens: z
      .boolean()
      .optional()
      .meta({ description: 'Accepts ID tokens as credentials.', default: false }),
    requiredClaims: textList
      .optional()
      .meta({ description: 'Claims that must be present; `exp` is always required.', examples: [['sub']] }),
    scopeClaims: z
      .array(claimName)
      .min(1)
      .optional()
      .meta({
        description: 'Claims that hold scopes; the first present is used.',
        default: ['scope', 'scp'],
      }),
    scopePrefix: z
      .string()
      .regex(SCOPE_TOKEN, 'expected the beginning of a scope: no spaces, quotes or characters beyond ASCII')
      .optional()
      .meta({
        description:
          'Stands before scopes in challenges, for providers whose clients request longer names than tokens have, such as Entra ID; never before openid, profile, email and offline_access.',
        examples: ['api://6babcaad-604b-40ac-a9d7-9fd97c0b779f/'],
      }),
    roleClaims: z
      .array(claimName)
      .min(1)
      .optional()
      .meta({ description: 'Claims that hold roles; the first present is used.', default: ['roles'] }),
    insecure: z
      .boolean()
      .default(false)
      .meta({ description: 'Allows http: to other machines for this issuer.' }),
    keys: keys.optional(),
    introspection: introspection.optional(),
    dpop: dpop.optional(),
    oauthProxy: oauthProxy.optional(),
    logout: logout.optional(),
    events: events.optional(),
  })
  .meta({ description: 'One trusted issuer of tokens.' });
