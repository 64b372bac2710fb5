import * as z from 'zod';
import { CONNECTION_FIELDS } from '../../core/header-names.ts';
import { duration, headerName, name, size, text } from './scalars.ts';

/* `listen`, `decisions`, `admin`, `readiness`, `shutdown` and `log`. */

const limits = z
  .strictObject({
    headers: z
      .int()
      .min(1)
      .max(1000)
      .default(100)
      .meta({ description: 'Most header fields of a request; more are refused with 431.' }),
    headerBytes: size
      .prefault('32KiB')
      .meta({ description: 'Size limit for all header fields together; more are refused with 431.' }),
    tokenBytes: size
      .prefault('16KiB')
      .meta({ description: 'Size limit of a token; a longer one is refused as malformed.' }),
    connections: z
      .int()
      .min(1)
      .default(10_000)
      .meta({ description: 'Open client connections; further ones are closed at once.' }),
    requests: z.int().min(1).optional().meta({
      description: 'Requests on one HTTP/1.1 connection before it is closed; no limit when left out.',
    }),
    headerTimeout: duration
      .prefault('10s')
      .meta({ description: 'Time a client has to send the header fields of a request.' }),
    bodyIdle: duration.prefault('60s').meta({
      description: 'Longest pause in a request body, and longest pause of a client in reading a response.',
    }),
  })
  .meta({ description: 'Limits for clients.' });

/** What is decided for each response. */
const NOT_TO_ADD =
  /^(?:content-(?:length|type|encoding|range|language|location|disposition)|cache-control|date|vary|set-cookie|location|www-authenticate|access-control-.*|ratelimit.*|retry-after|allow|x-request-id)$/i;

function mayBeAdded(name: string): boolean {
  return !CONNECTION_FIELDS.has(name.toLowerCase()) && !NOT_TO_ADD.test(name);
}

export const listenerTls = z
  .strictObject({
    cert: text.meta({ description: 'PEM file of the certificate and its chain.' }),
    key: text.meta({ description: 'PEM file of the private key.' }),
    minVersion: z
      .enum(['TLSv1.2', 'TLSv1.3'])
      .default('TLSv1.2')
      .meta({ description: 'Oldest version of TLS that is accepted.' }),
    http2: z.boolean().default(true).meta({ description: 'Offers HTTP/2; clients without it use HTTP/1.1.' }),
    clientCa: text
      .optional()
      .meta({ description: 'PEM file of the authorities whose client certificates are accepted.' }),
    clientCert: z
      .enum(['required', 'optional'])
      .optional()
      .meta({ description: 'Whether clients must show a certificate of `clientCa`.', default: 'required' }),
  })
  .meta({ description: 'TLS towards clients. The files are read again when they change.' });

const clientCertHeader = z
  .strictObject({
    name: headerName.meta({
      description:
        'The header. It counts from trusted proxies alone, which must set or drop it in each request, and is never forwarded.',
      examples: ['client-cert', 'x-forwarded-client-cert', 'x-ssl-client-cert'],
    }),
    format: z.enum(['rfc9440', 'xfcc', 'pem']).meta({
      description:
        'How it is written: `rfc9440` (a byte sequence), `xfcc` (Envoy: one element, with `Hash`, `Cert` or both) or `pem` (nginx: `$ssl_client_escaped_cert`).',
    }),
    ca: text.optional().meta({
      description:
        'PEM file of the authorities, intermediates among them, that vouch for the names in certificates. Of others only the fingerprint counts.',
    }),
  })
  .meta({
    description: 'The client certificate that a trusted proxy in front saw, and passes on in a header.',
  });

export const listen = z
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
      .meta({
        description: 'URL by which clients reach this gateway.',
        examples: ['https://api.example.com'],
      }),
    trustedProxies: z
      .array(text)
      .default([])
      .meta({
        description:
          'Addresses or CIDRs of proxies in front whose X-Forwarded-For, -Proto, -Host, -Port, -Prefix and X-Request-Id are trusted; they must replace those that clients send.',
        examples: [['10.0.0.0/8']],
      }),
    tls: listenerTls.optional(),
    clientCertHeader: clientCertHeader.optional(),
    responseHeaders: z
      .record(
        headerName.refine(mayBeAdded, 'the gateway states this header itself'),
        z.string().regex(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/, 'expected printable ASCII'),
      )
      .default({})
      .meta({
        description: 'Headers of every response; they replace those of the backend.',
        examples: [{ 'strict-transport-security': 'max-age=31536000', 'x-content-type-options': 'nosniff' }],
      }),
    overload: z
      .strictObject({
        eventLoopDelay: duration
          .prefault('1s')
          .refine((value) => value >= 100, 'expected at least 100ms')
          .meta({
            description: 'Requests are refused with 503 while the event loop is delayed by more than this.',
          }),
      })
      .prefault({})
      .meta({ description: 'When the gateway refuses further requests.' }),
    limits: limits.prefault({}),
  })
  .meta({ description: 'Where clients reach the gateway.' });

export const decisions = z
  .strictObject({
    host: text
      .default('127.0.0.1')
      .meta({ description: 'Address that proxies ask at.', examples: ['0.0.0.0', '::'] }),
    port: z
      .int()
      .min(0)
      .max(65_535)
      .default(8081)
      .meta({ description: 'Port for questions over HTTP; 0 takes a free one.' }),
    grpc: z
      .int()
      .min(0)
      .max(65_535)
      .optional()
      .meta({
        description:
          'Port for questions over gRPC, as Envoy asks them (`ext_authz`); none when left out, 0 takes a free one.',
        examples: [9001],
      }),
    trustedProxies: z
      .array(text)
      .min(1, 'expected at least one address')
      .default(['127.0.0.0/8', '::1'])
      .meta({
        description:
          'Addresses or CIDRs of the proxies that may ask. What they report of a request is believed, and their entries in X-Forwarded-For are passed over.',
        examples: [['10.0.0.0/8']],
      }),
    tls: listenerTls
      .optional()
      .meta({ description: 'TLS towards the proxies that ask, over HTTP and gRPC.' }),
  })
  .meta({
    description:
      'Decisions for other proxies, which forward the requests themselves: nginx `auth_request`, Caddy and Traefik forward-auth, HAProxy, Envoy and Istio `ext_authz`. Off when left out.',
  });

export const admin = z
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
        'Lets other machines that send it as `Authorization: Bearer` see status and decisions and refresh keys; without it they see health and metrics only. Revocations need it also from the machine itself.',
      examples: ['${file:/run/secrets/admin-token}'],
    }),
  })
  .meta({ description: 'A second listener for health, metrics and status; never reachable through routes.' });

export const readiness = z
  .strictObject({
    wait: duration.prefault('10s').meta({
      description:
        'How long after the start the gateway waits for the keys of every issuer; after that, those of one are enough.',
    }),
    require: z
      .array(name)
      .default([])
      .meta({
        description: 'Issuers whose keys the gateway needs to become ready.',
        examples: [['corp']],
      }),
  })
  .meta({ description: 'When the gateway reports ready. Once ready, it stays so until it shuts down.' });

export const shutdown = z
  .strictObject({
    delay: duration.prefault('0s').meta({
      description: 'How long after SIGTERM new requests are still accepted, so that load balancers notice.',
    }),
    grace: duration.prefault('20s').meta({ description: 'Time that running requests have to finish.' }),
  })
  .meta({ description: 'How the process ends.' });

export const log = z
  .strictObject({
    level: z
      .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
      .default('info')
      .meta({ description: 'Lowest level that is written.' }),
    subject: z
      .enum(['none', 'hash', 'plain'])
      .default('none')
      .meta({ description: 'Whether access lines contain the subject of the token.' }),
    sampling: z
      .strictObject({
        allowed: z
          .number()
          .min(0)
          .max(1)
          .default(1)
          .meta({
            description:
              'Share of allowed requests below status 500 that get an access line; refusals and failures always get one.',
            examples: [0.1],
          }),
      })
      .prefault({})
      .meta({ description: 'Which requests get an access line. Metrics count all requests.' }),
  })
  .meta({ description: 'What is written to standard output.' });
