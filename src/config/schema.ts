import { z } from 'zod';
import { REFUSALS, type RefusalCode } from '../core/refusals.ts';
import { DURATION_PATTERN, parseDuration, parseSize, SIZE_PATTERN } from '../core/units.ts';
import { mayCarryIdentity } from './identity-headers.ts';

/**
 * The file an operator writes, as a schema: what each key may hold, its default, and the words that the
 * editor help and docs/configuration.md show. What needs more than one key to judge (names that must exist,
 * conflicts) is in `rules.ts`. Durations become milliseconds, sizes bytes.
 */

const duration = z
  .string({ error: 'expected a duration with its unit, such as 500ms, 30s, 10m or 24h' })
  .regex(new RegExp(DURATION_PATTERN), 'expected a duration with its unit, such as 500ms, 30s, 10m or 24h')
  .transform((text) => parseDuration(text) ?? Number.NaN);

const size = z
  .string({ error: 'expected a size with its unit, such as 512B, 16KiB or 10MiB' })
  .regex(new RegExp(SIZE_PATTERN), 'expected a size with its unit, such as 512B, 16KiB or 10MiB')
  .transform((text) => parseSize(text) ?? Number.NaN);

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'expected a name of letters, digits, ".", "_" and "-"');
const text = z.string().min(1, 'expected a non-empty string');
const textList = z.array(text).min(1, 'expected at least one entry');
const filePath = text;

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'expected a header name');

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const claimName = z.union([text, z.array(text).min(1)]).meta({
  description: 'A string is one literal claim name, dots included; a list is a path into nested objects.',
});

// ---------------------------------------------------------------- listener

const limits = z
  .strictObject({
    headers: z
      .int()
      .min(1)
      .max(1000)
      .default(100)
      .meta({ description: 'Header fields a request may have; more are refused with 431.' }),
    headerBytes: size
      .prefault('32KiB')
      .meta({ description: 'Bytes of all header fields together; more are refused with 431.' }),
    tokenBytes: size
      .prefault('16KiB')
      .meta({ description: 'Bytes of one token; longer ones are refused as malformed.' }),
    connections: z
      .int()
      .min(1)
      .default(10_000)
      .meta({ description: 'Open client connections; further ones are closed at once.' }),
    requests: z.int().min(1).optional().meta({
      description:
        'Requests that one HTTP/1.1 connection may carry before it is closed; no limit when left out.',
    }),
    headerTimeout: duration
      .prefault('10s')
      .meta({ description: 'Time a client has to send the header fields of a request.' }),
    bodyIdle: duration
      .prefault('60s')
      .meta({ description: 'Longest gap between two pieces of a request body.' }),
  })
  .meta({ description: 'What a client may ask of the listener.' });

/** Framing, connection, and what is decided per answer. */
const NOT_TO_ADD =
  /^(?:connection|content-(?:length|type|encoding|range|language|location|disposition)|cache-control|transfer-encoding|trailer|upgrade|keep-alive|te|date|vary|set-cookie|location|www-authenticate|access-control-.*|ratelimit.*|retry-after|allow|x-request-id)$/i;

const listenerTls = z
  .strictObject({
    cert: filePath.meta({ description: 'PEM file of the certificate and those above it.' }),
    key: filePath.meta({ description: 'PEM file of the private key.' }),
    minVersion: z
      .enum(['TLSv1.2', 'TLSv1.3'])
      .default('TLSv1.2')
      .meta({ description: 'Oldest version of TLS that is spoken.' }),
    http2: z
      .boolean()
      .default(true)
      .meta({ description: 'Offers HTTP/2; clients that do not know it get HTTP/1.1.' }),
    clientCa: filePath
      .optional()
      .meta({ description: 'PEM file of the authorities whose client certificates are accepted.' }),
    clientCert: z
      .enum(['required', 'optional'])
      .default('required')
      .meta({ description: 'Whether clients must show a certificate once `clientCa` is set.' }),
  })
  .meta({ description: 'TLS towards clients. The files are read again when they change.' });

const listen = z
  .strictObject({
    host: text
      .default('127.0.0.1')
      .meta({ description: 'Address to listen on.', examples: ['0.0.0.0', '::'] }),
    port: z
      .int()
      .min(0)
      .max(65_535)
      .default(8080)
      .meta({ description: 'Port to listen on; 0 takes a free one.' }),
    publicUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .meta({ description: 'How clients see this gateway.', examples: ['https://api.example.com'] }),
    trustedProxies: z
      .array(text)
      .default([])
      .meta({
        description: 'Addresses or CIDRs of proxies in front whose X-Forwarded-* headers count.',
        examples: [['10.0.0.0/8']],
      }),
    tls: listenerTls.optional(),
    responseHeaders: z
      .record(
        headerName.refine((value) => !NOT_TO_ADD.test(value), 'the gateway states this header itself'),
        z.string().regex(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/, 'expected printable ASCII'),
      )
      .default({})
      .meta({
        description: 'Headers that every answer carries; they replace those of the backend.',
        examples: [{ 'strict-transport-security': 'max-age=31536000', 'x-content-type-options': 'nosniff' }],
      }),
    overload: z
      .strictObject({
        eventLoopDelay: duration
          .prefault('1s')
          .refine((value) => value >= 100, 'expected at least 100ms')
          .meta({
            description: 'Requests are refused with 503 while the process is further behind than this.',
          }),
      })
      .prefault({})
      .meta({ description: 'When the gateway takes on no more.' }),
    limits: limits.prefault({}),
  })
  .meta({ description: 'Where clients reach the gateway.' });

const admin = z
  .strictObject({
    host: text.default('127.0.0.1').meta({ description: 'Address of the admin listener.' }),
    port: z
      .int()
      .min(0)
      .max(65_535)
      .default(9090)
      .meta({ description: 'Port of the admin listener; 0 takes a free one.' }),
    token: text.optional().meta({
      description:
        'Opens status, decisions and key refresh to other machines that send it as `Authorization: Bearer`; without it they see health and metrics only.',
      examples: ['${file:/run/secrets/admin-token}'],
    }),
  })
  .meta({ description: 'A second listener for health, metrics and status; never reachable through routes.' });

const readiness = z
  .strictObject({
    wait: duration.prefault('10s').meta({
      description:
        'Time after the start in which the keys of every issuer are waited for; then those of one are enough.',
    }),
    require: z
      .array(name)
      .default([])
      .meta({
        description: 'Issuers without whose keys the gateway does not become ready.',
        examples: [['corp']],
      }),
  })
  .meta({ description: 'When the gateway says that it is ready. Once it is, only its end takes that back.' });

const shutdown = z
  .strictObject({
    delay: duration.prefault('0s').meta({
      description:
        'Time after SIGTERM in which new requests are still accepted, for load balancers to notice.',
    }),
    grace: duration.prefault('20s').meta({ description: 'Time running requests have to finish.' }),
  })
  .meta({ description: 'How the process ends.' });

const log = z
  .strictObject({
    level: z
      .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
      .default('info')
      .meta({ description: 'Least level that is written.' }),
    subject: z
      .enum(['none', 'hash', 'plain'])
      .default('none')
      .meta({ description: 'Whether access lines name the subject of the token.' }),
    sampling: z
      .strictObject({
        allowed: z
          .number()
          .min(0)
          .max(1)
          .default(1)
          .meta({
            description:
              'Share of the allowed requests below status 500 that get an access line; refusals and failures always do.',
            examples: [0.1],
          }),
      })
      .prefault({})
      .meta({ description: 'Which requests get an access line. Metrics count all of them.' }),
  })
  .meta({ description: 'What is written to standard output.' });

// ---------------------------------------------------------------- issuers

const issuerNames = z
  .union([z.literal('any'), z.array(name).min(1, 'expected at least one issuer')])
  .meta({ description: 'Names of issuers, or `any` for every issuer of the file (warned of).' });

const audiences = z.union([z.literal('any'), textList]).meta({
  description: 'Accepted audiences; any one must be in `aud`. `any` turns the check off and is warned of.',
});

export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

const keys = z
  .strictObject({
    refresh: duration
      .optional()
      .meta({ description: 'Longest time between two fetches of the keys.', default: '10m' }),
    cooldown: duration.optional().meta({
      description:
        'Shortest time from an attempt, failed ones too, to the next one that a failure or an unknown key causes.',
      default: '30s',
    }),
    maxStale: duration.optional().meta({
      description: 'How long the last good keys serve while the provider cannot be reached.',
      default: '24h',
    }),
    timeout: duration.optional().meta({ description: 'Time one fetch may take.', default: '5s' }),
    maxBytes: size.optional().meta({ description: 'Largest answer that is read.', default: '1MiB' }),
    snapshot: filePath.optional().meta({
      description: 'File that keeps the last good public keys, so that a restart during an outage serves.',
      examples: ['corp.jwks.json'],
    }),
    headers: z
      .record(headerName, text)
      .optional()
      .meta({ description: 'Header fields sent when metadata and keys are fetched, such as Authorization.' }),
    ca: filePath.optional().meta({
      description: 'PEM file of the certificate authorities to trust instead of the system ones.',
    }),
  })
  .meta({ description: 'How the keys of this issuer are fetched and kept.' });

/** Providers whose habits the gateway knows (docs/providers.md). */
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
    z.strictObject({ file: filePath.meta({ description: 'File with a JSON Web Key Set.' }) }),
    z.strictObject({
      keys: z
        .array(z.record(z.string(), z.unknown()))
        .min(1, 'expected at least one key')
        .meta({ description: 'Public keys in place, as JSON Web Keys.' }),
    }),
  ])
  .meta({ description: 'Keys that are known beforehand; nothing is fetched then.' });

const issuer = z
  .strictObject({
    preset: z.enum(PRESETS).optional().meta({
      description: "Defaults and safety rules for a provider; this issuer's own values come first.",
    }),
    issuer: text.optional().meta({
      description: 'The exact `iss` of its tokens. May be left out where the preset derives it.',
      examples: ['https://example.okta.com/oauth2/default'],
    }),
    tenant: text
      .optional()
      .meta({ description: 'Preset entra: the tenant id; tokens of both versions are then accepted.' }),
    tenants: z
      .union([z.literal('any'), textList])
      .optional()
      .meta({ description: 'Preset entra-multitenant: the accepted tenant ids, or `any` (warned of).' }),
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
        'Accepted audiences; any one must be in `aud`. `any` turns the check off and is warned of.',
      examples: [['https://api.example.com']],
    }),
    jwks: staticKeys.optional(),
    jwksUri: z
      .url({ protocol: /^https?$/ })
      .optional()
      .meta({ description: 'Where the keys are; found by discovery when left out.' }),
    algorithms: z
      .array(z.enum(ALGORITHMS))
      .min(1)
      .optional()
      .meta({
        description: 'Accepted signature algorithms. HS* and none are never accepted.',
        default: [...ALGORITHMS],
      }),
    clockTolerance: duration.optional().meta({
      description: 'Allowed difference between the clocks of the issuer and the gateway.',
      default: '30s',
    }),
    maxTokenAge: duration
      .optional()
      .meta({ description: 'Longest time since `iat`; tokens without `iat` are then refused.' }),
    tokenTypes: textList.optional().meta({
      description:
        'Accepted `typ` headers. Default: JWT, at+jwt, or none; when set, a missing typ is refused too.',
      examples: [['at+jwt']],
    }),
    idTokens: z
      .boolean()
      .optional()
      .meta({ description: 'Accepts ID tokens as credentials.', default: false }),
    requiredClaims: textList
      .optional()
      .meta({ description: 'Claims that must be present; exp always must.', examples: [['sub']] }),
    scopeClaims: z
      .array(claimName)
      .min(1)
      .optional()
      .meta({ description: 'Where scopes are; the first present counts.', default: ['scope', 'scp'] }),
    roleClaims: z
      .array(claimName)
      .min(1)
      .optional()
      .meta({ description: 'Where roles are; the first present counts.', default: ['roles'] }),
    insecure: z
      .boolean()
      .optional()
      .meta({ description: 'Allows http: for this issuer beyond loopback.', default: false }),
    keys: keys.optional(),
  })
  .meta({ description: 'One trusted issuer of tokens.' });

// ---------------------------------------------------------------- upstreams

const timeouts = z
  .strictObject({
    connect: duration.optional().meta({ description: 'Time to establish a connection.', default: '2s' }),
    response: duration
      .optional()
      .meta({ description: 'From the end of the request to the head of the response.', default: '30s' }),
    idle: duration.optional().meta({ description: 'Longest gap in a response body.', default: '5m' }),
    keepAlive: duration
      .optional()
      .meta({ description: 'How long an idle connection is kept.', default: '4s' }),
    age: duration.optional().meta({
      description: 'Longest life of a connection; the next one looks the name up again.',
      default: '5m',
    }),
  })
  .meta({ description: 'How long the gateway waits for the backend.' });

const upstreamUrl = z.url({ protocol: /^https?$/, error: 'expected an http: or https: URL' });

const health = z
  .strictObject({
    path: z
      .string()
      .regex(/^\/[!"$-~]*$/, 'expected a path')
      .meta({ description: 'What is asked for, below the path of the URL.', examples: ['/healthz'] }),
    interval: duration
      .refine((value) => value >= 1000, 'expected at least 1s')
      .prefault('10s')
      .meta({ description: 'Time between two checks of one address.' }),
    timeout: duration.prefault('2s').meta({ description: 'Time one check may take.' }),
  })
  .meta({
    description:
      'Asks every address; one that fails twice in a row (no 2xx or 3xx) gets no requests until it is well again.',
  });

const ejection = z
  .strictObject({
    failures: z.int().min(1).default(3).meta({ description: 'Failures in a row.' }),
    base: duration.prefault('10s').meta({ description: 'How long the first time; then twice as long.' }),
    max: duration.prefault('5m').meta({ description: 'How long at most.' }),
  })
  .meta({
    description:
      'Leaves an address out for a while that cannot be connected to, or loses connections before it answers. Only with several `urls`.',
  });

export const upstreamSchema = z
  .strictObject({
    url: upstreamUrl.optional().meta({
      description: 'Where the backend is; a path in it is put before the forwarded path.',
      examples: ['http://orders:3000'],
    }),
    urls: z
      .array(upstreamUrl)
      .min(1)
      .optional()
      .meta({
        description: 'Several addresses of the same backend, instead of `url`.',
        examples: [['http://orders-1:3000', 'http://orders-2:3000']],
      }),
    socket: filePath.optional().meta({
      description: 'Unix socket through which `url` is reached; the URL still gives Host and path.',
      examples: ['/run/orders.sock'],
    }),
    protocol: z.enum(['h1', 'h2']).default('h1').meta({
      description: 'HTTP/1.1 or HTTP/2; h2 with an http: URL is spoken at once, without upgrade.',
    }),
    balance: z.enum(['roundRobin', 'leastConnections']).optional().meta({
      description: 'Which of several `urls` gets the next request.',
      default: 'roundRobin',
    }),
    connections: z.int().min(1).optional().meta({
      description: 'Requests under way at one address; with all at the limit, more are refused with 503.',
    }),
    retries: z.int().min(0).max(5).default(0).meta({
      description:
        'Further tries of a request that no answer came to: any request that was not sent, and idempotent ones without body.',
    }),
    health: health.optional(),
    ejection: ejection.optional(),
    hostHeader: z
      .enum(['upstream', 'client'])
      .default('upstream')
      .meta({ description: 'Which Host the backend sees.' }),
    timeouts: timeouts.prefault({}),
    tls: z
      .strictObject({
        ca: filePath.optional().meta({
          description: 'PEM file of the certificate authorities to trust instead of the system ones.',
        }),
        cert: filePath.optional().meta({ description: 'PEM file of the client certificate.' }),
        key: filePath.optional().meta({ description: 'PEM file of the client key.' }),
        serverName: text.optional().meta({ description: 'Name the certificate of the backend must carry.' }),
      })
      .optional()
      .meta({ description: 'TLS towards the backend; verification is always on.' }),
  })
  .refine(({ url, urls }) => (url === undefined) !== (urls === undefined), 'expected either `url` or `urls`')
  .meta({ description: 'One backend.' });

// ---------------------------------------------------------------- identity

const identitySource = z.union([
  z.null(),
  text,
  z.array(text).min(1),
  z.strictObject({
    claim: claimName.optional().meta({
      description: 'The claim, or `$scopes`, `$roles`, `$client`, `$issuerName`.',
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
      description: 'A regular expression (RE2); entries that do not match are left out.',
      examples: ['^orders-'],
    }),
    maxBytes: size
      .optional()
      .meta({ description: 'Most bytes of this header; more are refused with 403.', examples: ['4KiB'] }),
    required: z.boolean().optional().meta({
      description: 'Refuses the request with 403 when the claim is missing; else no header is sent.',
      default: false,
    }),
  }),
]);

const identity = z
  .strictObject({
    headers: z
      .record(headerName, identitySource)
      .optional()
      .meta({
        description:
          'Header → claim: a name, a path, `$scopes`, `$roles`, `$client`, `$issuerName`, a mapping with more to say, or null to unset. Added to x-user-id: sub, x-user-issuer: iss and x-user-scopes: $scopes.',
        examples: [{ 'x-user-email': 'email', 'x-user-roles': ['realm_access', 'roles'] }],
      }),
    forwardToken: z
      .boolean()
      .optional()
      .meta({ description: 'Passes the Authorization header on.', default: false }),
  })
  .meta({ description: 'What the backend is told about the caller.' });

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

const assertion = z
  .strictObject({
    keys: filePath.meta({
      description:
        'File of the signing keys: PEM private keys of yours, of which the first signs, or a place where the gateway keeps and rotates its own.',
      examples: ['/var/lib/sealgate/assertion-keys.json'],
    }),
    header: headerName
      .refine(mayCarryIdentity, 'expected a header that may carry identity')
      .default('x-sealgate-assertion')
      .meta({ description: 'The header that carries it.' }),
    algorithm: z
      .enum(['ES256', 'EdDSA'])
      .default('ES256')
      .meta({ description: 'Algorithm of the keys that the gateway makes.' }),
    lifetime: duration.prefault('60s').meta({ description: 'How long one is valid.' }),
    claims: z
      .array(
        text.refine(
          (claim) => !RESERVED_ASSERTION_CLAIMS.includes(claim),
          'the gateway sets this claim itself',
        ),
      )
      .default([])
      .meta({
        description: 'Further claims of the token that it takes over.',
        examples: [['email', 'tenant']],
      }),
    rotate: duration.prefault('30d').meta({ description: 'How long one of its own keys signs.' }),
  })
  .meta({
    description:
      'A short-lived JWT of the gateway about the caller, which backends can verify with the keys at /.well-known/sealgate/jwks.json. Its `iss` is `listen.publicUrl`, its `aud` the upstream.',
  });

const fileIdentity = identity.extend({
  assertion: assertion.optional(),
  reserved: z
    .array(headerName)
    .optional()
    .meta({ description: 'Further header names that no client may send.' }),
  maxBytes: size.prefault('8KiB').meta({
    description: 'Bytes that all identity headers of a request may have together; more are refused with 403.',
  }),
});

// ---------------------------------------------------------------- access

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

/** RFC 6749 §3.3; anything else could neither be in a token nor in a challenge. */
const scope = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'expected one scope: no spaces, quotes or characters beyond ASCII');

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
    'A condition in CEL over `claims`, `token`, `request` and `params`; only `true` allows, an error refuses.',
  examples: ['claims.sub == params.id'],
});

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
        'Claims and the values they must have, all of them: a mapping of literal names to one value or several, or a list with nested names.',
      examples: [
        { tenant: 'acme', plan: ['pro', 'team'] },
        [{ claim: ['realm_access', 'roles'], any: ['customer'] }],
      ],
    }),
  when: condition.optional(),
};

const hasRules = (value: object) => Object.values(value).some((rule) => rule !== undefined);
const NO_RULES = 'expected at least one rule; use `authenticated` to accept every valid token';

const policy = z.strictObject(accessRules).refine(hasRules, NO_RULES).meta({
  description: 'Rules with a name, for `access: { policy: … }`.',
});

const accessBlock = z
  .strictObject({
    policy: name.optional().meta({
      description: 'Name of rules under `policies`; they must hold together with the rules beside it.',
      examples: ['staff'],
    }),
    ...accessRules,
  })
  .refine(hasRules, NO_RULES);

const mode = z.enum(['enforce', 'report']).meta({
  description:
    '`report` lets pass what the access rules would refuse, and records it; tokens must be valid all the same.',
});

const access = z
  .union([z.enum(['public', 'optional', 'authenticated']), accessBlock, z.array(accessBlock).min(1)])
  .meta({
    description:
      'Who may use the route: `public`, `optional`, `authenticated`, one block of rules, or a list of blocks of which one must hold.',
  });

// ---------------------------------------------------------------- routes

const ORIGIN =
  /^(?:https?:\/\/(?:\*\.(?=[^.:]+\.))?(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?)$/;

const method = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'expected a method such as GET')
  .refine((value) => value !== '*', 'expected a method; list them');

const origin = z
  .string()
  .regex(
    ORIGIN,
    'expected an origin as browsers send it: scheme, lower-case host and a port that is not the default, such as https://app.example.com, or https://*.example.com for its subdomains',
  )
  .refine((value) => !/^(?:http:.*:80|https:.*:443)$/.test(value), 'browsers leave the default port out');

const cors = z
  .strictObject({
    origins: z.union([z.literal('*'), z.array(origin).min(1, 'expected at least one origin')]).meta({
      description:
        'Origins whose scripts may call the route and read its answers; also the allowlist for its WebSockets. `*` is warned of.',
      examples: [['https://app.example.com', 'https://*.example.com']],
    }),
    methods: z
      .array(method)
      .min(1)
      .default(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
      .meta({ description: 'Methods that preflights allow.' }),
    headers: z
      .array(
        headerName.refine((value) => value !== '*', 'expected header names; `*` never covers Authorization'),
      )
      .default(['Authorization', 'Content-Type'])
      .meta({ description: 'Request headers that preflights allow.' }),
    exposeHeaders: z
      .array(headerName)
      .default([])
      .meta({ description: 'Response headers that scripts may read beyond the usual few.' }),
    credentials: z
      .boolean()
      .default(false)
      .meta({ description: 'Lets browsers send cookies and client certificates along.' }),
    maxAge: duration
      .prefault('10m')
      .meta({ description: 'How long browsers may remember a preflight; they cap it at 2h to 24h.' }),
  })
  .refine((value) => value.origins !== '*' || !value.credentials, {
    path: ['credentials'],
    error: 'credentials need listed origins, not `*`',
  })
  .meta({ description: 'Cross-origin requests from browsers: the gateway answers preflights itself.' });

const rateLimit = z
  .strictObject({
    max: z
      .int()
      .min(1)
      .max(1_000_000_000)
      .meta({ description: 'Requests that one asker may make in the window.' }),
    window: duration
      .refine((value) => value >= 1000, 'expected at least 1s')
      .meta({ description: 'Time in which the quota refills, evenly.', examples: ['1m'] }),
    by: z.union([z.enum(['subject', 'client', 'ip']), z.strictObject({ claim: claimName })]).meta({
      description:
        'Who is counted: the subject or client of the token, the client address (IPv6 by /64), or a claim. Who has no such claim is counted by address.',
    }),
  })
  .meta({ description: 'How many requests one asker may make; more are refused with 429.' });

const rateLimitStoreUrl = z.url({
  protocol: /^rediss?$/,
  error: 'expected a redis:// or rediss:// URL',
});

const rateLimitStore = z
  .union([
    rateLimitStoreUrl.transform((url) => ({ url, onFailure: 'closed' as const, timeout: 250 })),
    z.strictObject({
      url: rateLimitStoreUrl.meta({ description: 'Where the store is; the password may stand in it.' }),
      onFailure: z.enum(['open', 'closed']).default('closed').meta({
        description:
          '`closed` answers 503 while the store is down; `open` lets every gateway count for itself meanwhile.',
      }),
      timeout: duration.prefault('250ms').meta({ description: 'Time the store has to answer.' }),
    }),
  ])
  .meta({
    description:
      'A Redis or Valkey that several gateways share for their rate limits. In memory when left out.',
    examples: ['redis://redis:6379'],
  });

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const tokenSource = z.union([
  z.strictObject({
    header: headerName
      .refine(mayCarryIdentity, 'expected a header of its own; Authorization is looked at anyway')
      .meta({ description: 'A header that holds the token and nothing else.', examples: ['x-api-token'] }),
  }),
  z.strictObject({
    cookie: z
      .string()
      .regex(token, 'expected the name of a cookie')
      .meta({ description: 'A cookie that holds the token.', examples: ['session'] }),
  }),
  z.strictObject({
    query: z
      .string()
      .regex(/^[A-Za-z0-9._~-]+$/, 'expected the name of a query parameter')
      .meta({
        description: 'A query parameter that holds the token; addresses end up in histories and logs.',
        examples: ['access_token'],
      }),
  }),
  z.strictObject({
    webSocketProtocol: z
      .string()
      .regex(token, 'expected a WebSocket protocol name')
      .meta({
        description: 'The token is the entry after this one in Sec-WebSocket-Protocol.',
        examples: ['bearer'],
      }),
  }),
]);

const route = z
  .strictObject({
    name: name.meta({ description: 'Unique; used in logs, metrics and explain.', examples: ['read-orders'] }),
    host: text.optional().meta({
      description: 'Host the route answers to; any when left out.',
      examples: ['api.example.com'],
    }),
    path: text.meta({
      description: 'The path and everything below it, on segment borders. `:name` is a parameter.',
      examples: ['/orders', '/users/:id/orders'],
    }),
    exact: z
      .boolean()
      .default(false)
      .meta({ description: 'Only the path itself, with or without one trailing slash.' }),
    methods: z
      .array(text)
      .min(1)
      .optional()
      .meta({ description: 'Accepted methods; all when left out.', examples: [['GET', 'HEAD']] }),
    upstream: text.meta({ description: 'Name of an upstream, or a URL in place.' }),
    rewrite: text.optional().meta({
      description: 'Replaces `path` at the front of the forwarded path.',
      examples: ['/v2/orders'],
    }),
    access: access,
    identity: identity.optional().meta({ description: "Merged over the file's `identity`, for this route." }),
    passAuthorization: z.boolean().default(false).meta({
      description: 'Hands Authorization on as it came, verified or not; public and optional routes only.',
    }),
    tokenFrom: z
      .array(tokenSource)
      .min(1)
      .optional()
      .meta({
        description: 'Further places for the token beside Authorization; a token in two places is refused.',
        examples: [[{ cookie: 'session' }]],
      }),
    mode: mode.optional(),
    rateLimit: z
      .union([rateLimit, z.array(rateLimit).min(1)])
      .optional()
      .meta({
        description: 'How many requests one asker may make, or a list of such limits that all hold.',
        examples: [{ max: 600, window: '1m', by: 'subject' }],
      }),
    cors: cors.optional(),
    timeouts: timeouts
      .pick({ response: true, idle: true })
      .optional()
      .meta({ description: 'Laid over the times of the upstream.' }),
    websocket: z.boolean().default(false).meta({
      description:
        'Tunnels WebSockets to the backend, guarded by the same rules; without it a handshake is refused.',
    }),
    bodyLimit: size.optional().meta({
      description:
        'Largest request body; a larger one is refused with 413. Without it bodies of any size stream.',
      examples: ['10MiB'],
    }),
    allow: z
      .array(z.enum(['encodedSlash', 'doubleSlash', 'semicolon']))
      .min(1)
      .optional()
      .meta({ description: 'Ambiguous spellings that pass if every reading of them stays in this route.' }),
  })
  .meta({ description: 'One route.' });

// ---------------------------------------------------------------- tests

const CODES = Object.keys(REFUSALS) as [RefusalCode, ...RefusalCode[]];

const testToken = z
  .strictObject({
    issuer: name
      .optional()
      .meta({ description: 'Who issued it; may be left out where there is one issuer.' }),
    scopes: z
      .array(text)
      .optional()
      .meta({ description: 'Its scopes.', examples: [['orders:read']] }),
    roles: z
      .array(text)
      .optional()
      .meta({ description: 'Its roles.', examples: [['reader']] }),
    audiences: z
      .array(text)
      .optional()
      .meta({ description: 'Its audiences; by default all that the file accepts of this issuer.' }),
    claims: z
      .record(text, z.unknown())
      .optional()
      .meta({ description: 'Further claims, or others than it would have.', examples: [{ tenant: 'acme' }] }),
  })
  .meta({ description: 'A token that is made for the test, with a key that nobody keeps.' });

const fileTest = z
  .strictObject({
    name: text.meta({ description: 'What the test shows.', examples: ['a reader reads'] }),
    token: testToken.optional().meta({ description: 'The token of the request; none when left out.' }),
    request: z
      .string()
      .regex(/^[A-Z]+ (?:https?:\/\/[^\s/]+)?\/\S*$/, 'expected a method and a path or URL')
      .meta({ description: 'Method and path or URL.', examples: ['GET https://api.example.com/orders/7'] }),
    headers: z
      .record(headerName, text)
      .optional()
      .meta({
        description: 'Further header fields of the request.',
        examples: [{ origin: 'https://a.example' }],
      }),
    expect: z
      .enum(['allow', ...CODES])
      .meta({ description: '`allow`, or the code of the refusal.', examples: ['insufficient_scope'] }),
    identity: z
      .record(headerName, z.union([text, z.null()]))
      .optional()
      .meta({
        description: 'Identity headers the backend must be told, or null for one it must not be told.',
        examples: [{ 'x-user-id': 'alice' }],
      }),
  })
  .meta({ description: 'A question to the rules of this file; `sealgate check` asks it.' });

// ---------------------------------------------------------------- the file

export const configSchema = z
  .strictObject({
    listen: listen.prefault({}),
    admin: admin.prefault({}),
    readiness: readiness.prefault({}),
    workers: z
      .union([z.int().min(1).max(256), z.literal('auto')])
      .default(1)
      .meta({
        description:
          'Processes that serve requests; `auto` is one per core. Keys are fetched once for all. Rate limits in memory count per process.',
        examples: [4, 'auto'],
      }),
    shutdown: shutdown.prefault({}),
    log: log.prefault({}),
    matching: z
      .strictObject({
        case: z
          .enum(['sensitive', 'insensitive'])
          .default('sensitive')
          .meta({ description: '`insensitive` is for backends that take `/Admin` for `/admin`.' }),
      })
      .prefault({})
      .meta({ description: 'How paths are compared.' }),
    defaults: z
      .strictObject({ issuers: issuerNames.optional() })
      .prefault({})
      .meta({ description: 'For routes that name none.' }),
    rateLimitStore: rateLimitStore.optional(),
    tokenCache: z
      .union([
        z.literal('off'),
        z.strictObject({
          maxBytes: size.prefault('32MiB').meta({ description: 'Memory for remembered tokens.' }),
        }),
      ])
      .prefault({})
      .meta({
        description:
          'Remembers verified tokens, so that each is verified once. Times and keys are judged at every use; `off` verifies every time.',
        examples: ['off', { maxBytes: '64MiB' }],
      }),
    issuers: z.record(name, issuer).default({}).meta({ description: 'Trusted issuers by name.' }),
    upstreams: z.record(name, upstreamSchema).default({}).meta({ description: 'Backends by name.' }),
    policies: z.record(name, policy).default({}).meta({ description: 'Rules by name, for several routes.' }),
    mode: mode.default('enforce'),
    reportHeader: z.boolean().default(false).meta({
      description:
        'Tells clients in `X-Sealgate-Would-Refuse` with which code `mode: report` would have refused them.',
    }),
    identity: fileIdentity
      .prefault({})
      .meta({ description: 'What backends are told about callers, for all routes.' }),
    routes: z
      .array(route)
      .min(1, 'expected at least one route')
      .meta({ description: 'What is let through, and where to. The order never matters.' }),
    tests: z.array(fileTest).default([]).meta({ description: 'Questions to these rules, run by `check`.' }),
  })
  .meta({ title: 'Sealgate configuration' });

/** The validated file: data without behaviour. Durations in milliseconds, sizes in bytes. */
export type Config = z.output<typeof configSchema>;
export type IssuerConfig = Config['issuers'][string];
export type UpstreamConfig = Config['upstreams'][string];
export type RouteConfig = Config['routes'][number];
export type AccessConfig = RouteConfig['access'];
export type AccessBlockConfig = z.output<typeof accessBlock>;
export type ClaimName = z.output<typeof claimName>;
export type IdentityConfig = z.output<typeof identity>;
export type IdentitySource = z.output<typeof identitySource>;
export type TimeoutsConfig = z.output<typeof timeouts>;
export type CorsConfig = z.output<typeof cors>;
export type RateLimitConfig = z.output<typeof rateLimit>;
export type RateLimitStoreConfig = z.output<typeof rateLimitStore>;
export type TokenSourceConfig = z.output<typeof tokenSource>;
export type PolicyConfig = z.output<typeof policy>;
export type FileTestConfig = z.output<typeof fileTest>;
export type ListenerTlsConfig = z.output<typeof listenerTls>;
export type AssertionConfig = z.output<typeof assertion>;
