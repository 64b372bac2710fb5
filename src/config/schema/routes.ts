import * as z from 'zod';
import { mayCarryToken } from '../identity-headers.ts';
import { access, mode } from './access.ts';
import { identity } from './identity.ts';
import { mcp } from './mcp.ts';
import { resource } from './resource.ts';
import { claimName, duration, headerName, name, size, text } from './scalars.ts';
import { routeTimeouts } from './upstreams.ts';

/* `routes` and their parts, and `rateLimitStore`. */

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
  .refine((value) => !/^(?:http:.*:80|https:.*:443)$/.test(value), 'browsers leave the default port out')
  .refine(
    (value) => URL.canParse(value) && new URL(value).origin === value,
    'browsers write this address in another way, or it is none',
  );

export const cors = z
  .strictObject({
    origins: z.union([z.literal('*'), z.array(origin).min(1, 'expected at least one origin')]).meta({
      description:
        'Origins whose scripts may call the route and read its responses; also the allowlist for its WebSockets. `*` gives a warning.',
      examples: [['https://app.example.com', 'https://*.example.com']],
    }),
    methods: z
      .array(method)
      .min(1)
      .optional()
      .meta({
        description:
          'Methods that preflights allow if the route takes them. Default: those of the route, or GET, HEAD, POST, PUT, PATCH and DELETE where it takes all.',
        examples: [['GET', 'POST']],
      }),
    headers: z
      .array(
        headerName.refine((value) => value !== '*', 'expected header names; `*` never covers Authorization'),
      )
      .default(['Authorization', 'Content-Type'])
      .meta({ description: 'Request headers that preflights allow.' }),
    exposeHeaders: z.array(headerName).default([]).meta({
      description:
        'Response headers that scripts may read in addition to the safelisted ones and `WWW-Authenticate`.',
    }),
    credentials: z
      .boolean()
      .default(false)
      .meta({ description: 'Lets browsers send cookies and client certificates.' }),
    maxAge: duration
      .prefault('10m')
      .meta({ description: 'How long browsers may cache a preflight; they cap it at 2h to 24h.' }),
  })
  .refine((value) => value.origins !== '*' || !value.credentials, {
    path: ['credentials'],
    error: 'credentials need listed origins, not `*`',
  })
  .meta({ description: 'Cross-origin requests from browsers: the gateway responds to preflights itself.' });

export const rateLimit = z
  .strictObject({
    max: z
      .int()
      .min(1)
      .max(1_000_000_000)
      .meta({ description: 'Requests that one caller may make in `window`.' }),
    window: duration
      .refine((value) => value >= 1000, 'expected at least 1s')
      .meta({ description: 'Time in which the quota refills, evenly.', examples: ['1m'] }),
    by: z.union([z.enum(['subject', 'client', 'ip']), z.strictObject({ claim: claimName })]).meta({
      description:
        'What is counted: the subject or client of the token, the client address (IPv6 by /64), or a claim. Without that claim, requests are counted by address.',
    }),
  })
  .meta({ description: 'How many requests one caller may make; more are refused with 429.' });

const rateLimitStoreUrl = z.url({
  protocol: /^rediss?$/,
  error: 'expected a redis:// or rediss:// URL',
});

const rateLimitStoreSettings = z.strictObject({
  url: rateLimitStoreUrl.meta({ description: 'Where the store is; may hold its password.' }),
  onFailure: z.enum(['open', 'closed']).default('closed').meta({
    description:
      'While the store is down, `closed` refuses with 503; `open` lets each gateway count for itself.',
  }),
  timeout: duration.prefault('250ms').meta({ description: 'Time the store has to respond.' }),
});

export const rateLimitStore = z
  .union([
    rateLimitStoreUrl.transform((url) => rateLimitStoreSettings.parse({ url })),
    rateLimitStoreSettings,
  ])
  .meta({
    description:
      'A Redis or Valkey that several gateways share for their rate limits. In memory when left out.',
    examples: ['redis://redis:6379'],
  });

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export const tokenSource = z.union([
  z.strictObject({
    header: headerName
      .refine(
        mayCarryToken,
        'expected a header only for tokens; Authorization is always read, and `webSocketProtocol` is another place',
      )
      .meta({
        description: 'A header that holds the token, alone or after `Bearer` and one space.',
        examples: ['x-forwarded-authorization'],
      }),
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
        description: 'A query parameter that holds the token; URLs end up in histories and logs.',
        examples: ['access_token'],
      }),
  }),
  z.strictObject({
    webSocketProtocol: z
      .string()
      .regex(token, 'expected a WebSocket protocol name')
      .meta({
        description: 'The token is the entry after this name in Sec-WebSocket-Protocol.',
        examples: ['bearer'],
      }),
  }),
]);

export const route = z
  .strictObject({
    name: name.meta({ description: 'Unique; used in logs, metrics and explain.', examples: ['read-orders'] }),
    host: text.optional().meta({
      description: 'Host of the requests; any when left out.',
      examples: ['api.example.com'],
    }),
    path: text.meta({
      description: 'The path and everything below it, by whole segments. `:name` is a parameter.',
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
    upstream: text.meta({
      description:
        'Name of an upstream, or a URL. `none` is for routes that other proxies only ask about (`decisions`): as a proxy, the gateway responds to them with 404.',
      examples: ['orders', 'http://127.0.0.1:3000', 'none'],
    }),
    rewrite: text.optional().meta({
      description:
        'Replaces `path` at the front of the forwarded path. The backend gets the removed part as X-Forwarded-Prefix.',
      examples: ['/v2/orders'],
    }),
    access: access,
    resource: resource.optional(),
    identity: identity.optional().meta({ description: 'Merged over the `identity` of the file.' }),
    passAuthorization: z.boolean().default(false).meta({
      description: 'Passes Authorization on unchanged, verified or not; for public and optional routes only.',
    }),
    tokenFrom: z
      .array(tokenSource)
      .min(1)
      .optional()
      .meta({
        description: 'Further places for the token besides Authorization; a token in two places is refused.',
        examples: [[{ cookie: 'session' }]],
      }),
    mode: mode.optional(),
    rateLimit: z
      .union([rateLimit, z.array(rateLimit).min(1)])
      .optional()
      .meta({
        description: 'How many requests one caller may make, or a list of limits that all apply.',
        examples: [{ max: 600, window: '1m', by: 'subject' }],
      }),
    cors: cors.optional(),
    mcp: mcp.optional(),
    timeouts: routeTimeouts.optional(),
    websocket: z.boolean().default(false).meta({
      description:
        'Tunnels WebSockets to the backend under the same rules; without it a handshake is refused.',
    }),
    bodyLimit: size.optional().meta({
      description:
        'Largest request body; a larger one is refused with 413. No limit when left out; 1MiB with `mcp`, which reads it.',
      examples: ['10MiB'],
    }),
    allow: z
      .array(z.enum(['encodedSlash', 'doubleSlash', 'semicolon']))
      .min(1)
      .optional()
      .meta({
        description: 'Ambiguous spellings to accept where every reading of the path stays in this route.',
      }),
  })
  .meta({ description: 'One route.' });
