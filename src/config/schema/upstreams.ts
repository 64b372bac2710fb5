import * as z from 'zod';
import { exchange } from './exchange.ts';
import { duration, text } from './scalars.ts';

/* `upstreams`. */

const RESPONSE = 'From the end of the request to the head of the response; `0s` is no limit.';
const IDLE = 'Longest gap in a response body, or in a WebSocket; `0s` is no limit.';

const timeouts = z
  .strictObject({
    connect: duration
      .prefault('2s')
      .meta({ description: 'Time to establish a connection; `0s` is no limit.' }),
    response: duration.prefault('30s').meta({ description: RESPONSE }),
    idle: duration.prefault('5m').meta({ description: IDLE }),
    keepAlive: duration
      .prefault('4s')
      .meta({ description: 'How long an idle connection is kept; `0s` keeps none.' }),
    age: duration.prefault('5m').meta({
      description:
        'Longest life of a connection; the next one resolves the name again. `0s` opens one for each request.',
    }),
  })
  .meta({ description: 'How long the gateway waits for the backend.' });

export const routeTimeouts = z
  .strictObject({
    response: duration.optional().meta({ description: RESPONSE }),
    idle: duration.optional().meta({ description: IDLE }),
  })
  .meta({ description: 'Replace those of the upstream.' });

const upstreamUrl = z.url({ protocol: /^https?$/, error: 'expected an http: or https: URL' });

const health = z
  .strictObject({
    path: z
      .string()
      .regex(/^\/[!"$-~]*$/, 'expected a path')
      .meta({ description: 'Requested path, below the path of the URL.', examples: ['/healthz'] }),
    interval: duration
      .refine((value) => value >= 1000, 'expected at least 1s')
      .prefault('10s')
      .meta({ description: 'Time between two checks of one address.' }),
    timeout: duration.prefault('2s').meta({ description: 'Time one check may take.' }),
  })
  .meta({
    description:
      'Checks every address; one that fails twice in a row (no 2xx or 3xx) gets no requests until it is healthy again.',
  });

const ejection = z
  .strictObject({
    failures: z.int().min(1).default(3).meta({ description: 'Failures in a row.' }),
    base: duration
      .prefault('10s')
      .meta({ description: 'How long the first ejection lasts; each further one lasts twice as long.' }),
    max: duration.prefault('5m').meta({ description: 'Longest ejection.' }),
  })
  .meta({
    description:
      'Ejects an address for a while that cannot be connected to, or that loses connections before it responds. Only with several `urls`.',
  });

/** For upstreams with several addresses and no `ejection`. */
export const DEFAULT_EJECTION = ejection.parse({});

export const upstreamSchema = z
  .strictObject({
    url: upstreamUrl.optional().meta({
      description: 'URL of the backend; its path is put before the forwarded path.',
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
    socket: text.optional().meta({
      description: 'Unix socket of the backend; `url` still gives Host and path.',
      examples: ['/run/orders.sock'],
    }),
    protocol: z.enum(['h1', 'h2']).default('h1').meta({
      description: 'HTTP/1.1 or HTTP/2; h2 with an http: URL starts with HTTP/2, without an upgrade.',
    }),
    balance: z.enum(['roundRobin', 'leastConnections']).optional().meta({
      description: 'Which of several `urls` gets the next request.',
      default: 'roundRobin',
    }),
    connections: z.int().min(1).optional().meta({
      description: 'Most running requests at one address; with all at the limit, more are refused with 503.',
    }),
    retries: z.int().min(0).max(5).default(0).meta({
      description:
        'Retries of a request that got no response: any that was not sent, and idempotent ones without a body.',
    }),
    health: health.optional(),
    ejection: ejection.optional(),
    hostHeader: z
      .enum(['upstream', 'client'])
      .default('upstream')
      .meta({ description: 'Which Host the backend gets.' }),
    timeouts: timeouts.prefault({}),
    tls: z
      .strictObject({
        ca: text.optional().meta({
          description: 'PEM file of the certificate authorities to trust instead of those of the system.',
        }),
        cert: text.optional().meta({ description: 'PEM file of the client certificate.' }),
        key: text.optional().meta({ description: 'PEM file of the client key.' }),
        serverName: text
          .optional()
          .meta({ description: 'Name that the certificate of the backend must have.' }),
      })
      .optional()
      .meta({ description: 'TLS towards the backend; verification is always on.' }),
    exchange: exchange.optional(),
  })
  .refine(({ url, urls }) => (url === undefined) !== (urls === undefined), 'expected either `url` or `urls`')
  .meta({ description: 'One backend.' });
