import { type Refusal, refuse } from '../../core/refusals.ts';
import type { CompiledIssuer, IntrospectionSettings } from '../compiled-issuer.ts';
import type { CallGate } from '../endpoints/call-gate.ts';
import type { CallStats } from '../endpoints/call-stats.ts';
import type { EndpointPool } from '../endpoints/endpoint-pool.ts';
import type { EndpointFailure, EndpointResponse } from '../endpoints/post-form.ts';
import {
  type EndpointSettings,
  isClientRefused,
  type ProviderEndpoint,
  reasonOf,
} from '../endpoints/provider-endpoint.ts';
import type { Introspect, IntrospectionResponse } from './introspect.ts';

/** The introspection endpoints of one configuration. */
export interface IntrospectionEndpoints {
  readonly introspect: Introspect;
  /** Begins to find those that must be found. */
  start(): void;
  stats(): readonly CallStats[];
  /** Questions that run end by themselves. */
  close(): void;
}

export interface IntrospectionEndpointsOptions {
  readonly issuers: readonly CompiledIssuer[];
  readonly pool: EndpointPool;
  /** Processes that share `concurrency`. */
  readonly processes: number;
}

interface Opened {
  readonly endpoint: ProviderEndpoint;
  readonly gate: CallGate;
}

/** RFC 7662 sets no limit; larger responses are refused. */
const MAX_RESPONSE_BYTES = 64 * 1024;

/** Opens the endpoints of all issuers that have one; undefined where none has. */
export function openIntrospectionEndpoints(
  options: IntrospectionEndpointsOptions,
): IntrospectionEndpoints | undefined {
  const { pool, processes } = options;
  const opened = new Map<string, Opened>();
  for (const issuer of options.issuers) {
    if (issuer.introspection === undefined) continue;
    const most = Math.max(1, Math.floor(issuer.introspection.concurrency / processes));
    const endpoint = pool.acquire(endpointSettings(issuer, issuer.introspection));
    opened.set(issuer.name, { endpoint, gate: pool.gate(ownerOf(issuer), most) });
  }
  if (opened.size === 0) return undefined;
  let closed = false;

  return {
    async introspect({ issuer, rawToken, clientAddress = '' }) {
      const { endpoint, gate } = opened.get(issuer.name) as Opened;
      if (!gate.enter(clientAddress)) return { ...FULL, issuer: issuer.name };
      try {
        // A hint of RFC 7662 §2.1, which lets some providers find it sooner.
        const result = await endpoint.call({ token: rawToken, token_type_hint: 'access_token' });
        return toResponse(result) ?? { ...refuseResult(result), issuer: issuer.name };
      } finally {
        gate.leave(clientAddress);
      }
    },
    start() {
      for (const { endpoint } of opened.values()) endpoint.start();
    },
    stats: () => [...opened.keys()].map((name) => pool.stats({ endpoint: 'introspection', name })),
    close() {
      if (closed) return;
      closed = true;
      for (const { endpoint } of opened.values()) pool.release(endpoint);
    },
  };
}

function ownerOf({ name }: CompiledIssuer) {
  return { endpoint: 'introspection', name } as const;
}

/** How the endpoint of an issuer is asked. */
function endpointSettings(
  issuer: CompiledIssuer,
  { url, credentials, timeoutMs }: IntrospectionSettings,
): EndpointSettings {
  const [iss = ''] = issuer.issuers;
  return {
    ...ownerOf(issuer),
    place:
      url === undefined
        ? {
            kind: 'discovery',
            issuer: iss,
            member: 'introspection_endpoint',
            hasCertificate: credentials.kind === 'tls',
            settings: issuer.keys,
          }
        : { kind: 'url', url },
    credentials,
    audience: iss,
    ca: issuer.keys.ca,
    timeoutMs,
    maxBytes: MAX_RESPONSE_BYTES,
    isRepeatable: true,
  };
}

/** Undefined where the endpoint did not respond with 200 and an object. */
function toResponse(result: EndpointResponse | EndpointFailure): IntrospectionResponse | undefined {
  if (result.kind === 'failure' || result.status !== 200 || result.json === undefined) return undefined;
  return { json: result.json, bytes: result.bytes };
}

/** Long enough that clients do not add to a flood, short enough that they notice its end. */
const RETRY_AFTER_SECONDS = 1;

const FULL = refuse('introspection_full', 'too many questions about tokens wait for the provider', {
  retryAfterSeconds: RETRY_AFTER_SECONDS,
});

function refuseResult(result: EndpointResponse | EndpointFailure): Refusal {
  const reason = `the introspection endpoint: ${reasonOf(result) ?? 'no response'}`;
  return refuse(causeOf(result), reason, { retryAfterSeconds: RETRY_AFTER_SECONDS });
}

function causeOf(result: EndpointResponse | EndpointFailure) {
  if (result.kind === 'response') {
    return isClientRefused(result) ? 'introspection_credentials' : 'introspection_invalid';
  }
  if (result.outcome === 'invalid') return 'introspection_invalid';
  return result.outcome === 'timeout' ? 'introspection_timeout' : 'introspection_unreachable';
}
