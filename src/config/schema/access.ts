import * as z from 'zod';
import { SCOPE_TOKEN } from '../../core/scopes.ts';
import { audiences, issuerNames } from './issuers/issuers.ts';
import { claimName, duration, name, scalar, text } from './scalars.ts';

/* `access`, `policies` and `mode`. */

const anyAll = <Entry extends z.ZodType<string, string>>(entry: Entry) => {
  const list = z.array(entry).min(1, 'expected at least one entry');
  return z.union([
    list,
    z
      .strictObject({
        any: list.optional().meta({ description: 'One of these is enough.' }),
        all: list.optional().meta({ description: 'All of these are needed.' }),
      })
      .refine((value) => value.any !== undefined || value.all !== undefined, 'expected `any` or `all`'),
  ]);
};

export const scope = z
  .string()
  .regex(SCOPE_TOKEN, 'expected one scope: no spaces, quotes or characters beyond ASCII');

const claimsMap = z
  .record(text, z.union([scalar, z.array(scalar).min(1)]))
  .refine((value) => Object.keys(value).length > 0, 'expected at least one claim');

const claimRule = z
  .strictObject({
    claim: claimName,
    equals: scalar.optional().meta({ description: 'The value, or one entry of a list.' }),
    any: z.array(scalar).min(1).optional().meta({ description: 'One of these, or a list with one of them.' }),
    all: z.array(scalar).min(1).optional().meta({ description: 'A list with all of these.' }),
  })
  .refine(
    (value) => [value.equals, value.any, value.all].filter((rule) => rule !== undefined).length === 1,
    'expected exactly one of `equals`, `any`, `all`',
  );

const condition = text.meta({
  description:
    'A condition in CEL over `claims`, `token`, `request` and `params`; only `true` allows, and an error refuses.',
  examples: ['claims.sub == params.id'],
});

/** Its values stand in one parameter of a challenge, with spaces between them (RFC 9470 §3). */
const authenticationClass = z
  .string()
  .regex(
    SCOPE_TOKEN,
    'expected one class of authentication, as tokens have it in `acr`: no spaces, quotes or characters beyond ASCII',
  );

const accessRules = {
  issuers: issuerNames.optional(),
  audiences: audiences.optional().meta({ description: "Replaces the issuer's audiences here." }),
  scopes: anyAll(scope)
    .optional()
    .meta({
      description: 'Scopes the token must have: all of a list, or { any }, { all }.',
      examples: [['orders:read']],
    }),
  roles: anyAll(text)
    .optional()
    .meta({
      description: 'Roles the token must have: all of a list, or { any }, { all }.',
      examples: [{ any: ['reader', 'admin'] }],
    }),
  claims: z
    .union([claimsMap, z.array(claimRule).min(1)])
    .optional()
    .meta({
      description:
        'Claims that must all match: a mapping of literal names to one value or several, or a list, which may have paths to nested claims.',
      examples: [
        { tenant: 'acme', plan: ['pro', 'team'] },
        [{ claim: ['realm_access', 'roles'], any: ['customer'] }],
      ],
    }),
  binding: z.enum(['dpop', 'mtls', 'any']).optional().meta({
    description:
      'What the token must be bound to: `dpop` (a key, by DPoP), `mtls` (the client certificate) or `any` of them. Tokens that are bound prove it with or without this.',
  }),
  when: condition.optional(),
  acr: z
    .array(authenticationClass)
    .min(1, 'expected at least one entry')
    .optional()
    .meta({
      description:
        'How the user must have authenticated: the claim `acr` of the token is one of these. Otherwise clients are asked to step up (RFC 9470); name the preferred one first.',
      examples: [['urn:example:mfa']],
    }),
  maxAuthAge: duration.optional().meta({
    description:
      'How long ago the user may have authenticated, by the claim `auth_time` of the token. Otherwise clients are asked to step up (RFC 9470).',
    examples: ['10m'],
  }),
};

const hasRules = (value: object) => Object.values(value).some((rule) => rule !== undefined);
const NO_RULES = 'expected at least one rule; use `authenticated` to accept every valid token';

export const policy = z.strictObject(accessRules).refine(hasRules, NO_RULES).meta({
  description: 'Named rules, for `access: { policy: … }`.',
});

const block = z.strictObject({
  policy: name.optional().meta({
    description: 'Name of rules under `policies`; they must hold in addition to the rules beside it.',
    examples: ['staff'],
  }),
  ...accessRules,
});

export const accessBlock = block.refine(hasRules, NO_RULES);

/** Of an entry under `mcp`. */
export const entryBlock = block.refine(hasRules, 'expected at least one rule; use `allow` to require none');

export const mode = z.enum(['enforce', 'report']).meta({
  description:
    '`report` allows what the access rules would refuse, and records it; tokens must still be valid.',
});

export const access = z
  .union([z.enum(['public', 'optional', 'authenticated']), accessBlock, z.array(accessBlock).min(1)])
  .meta({
    description:
      'Who may use the route: `public`, `optional`, `authenticated`, one block of rules, or a list of blocks of which one must hold.',
  });
