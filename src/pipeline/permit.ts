import type { McpMethod } from '../config/mcp/mcp-methods.ts';
import type { Refusal } from '../core/refusals.ts';
import type { Target } from '../http/target.ts';
import type { ExchangedCredential } from '../tokens/exchange/exchange-cache.ts';
import type { CallersToken, TokenExchanger } from '../tokens/exchange/token-exchanger.ts';
import type { VerifiedToken } from '../tokens/verified-token.ts';
import type { KeyProof } from './binding/key-proof.ts';
import { verifiedCredential } from './credentials/extract-token.ts';
import { offersProtocol } from './credentials/token-places.ts';
import type { McpRules } from './mcp/mcp-rules.ts';
import type { FilteredRequest } from './messages/request.ts';
import type { FilteredHeaders } from './messages/request-header-filter.ts';
import type { Route } from './route.ts';
import type { PathParameters } from './routing/path-pattern.ts';

declare const permitted: unique symbol;

/**
 * The proof that a request was decided and may be forwarded; the proxy forwards nothing without one. Only this file makes one, and only
 * `decide-access.ts`, `decide-proof.ts`, `decide-exchange.ts` and `decide-message.ts` may ask for it (.dependency-cruiser.cjs holds that).
 */
export interface Permit {
  readonly [permitted]: true;
  readonly route: Route;
  readonly parameters: PathParameters;
  readonly target: Target;
  readonly host: string | undefined;
  /** The header fields as the header filter sorted them; `passed` are those that go up. */
  readonly headers: FilteredHeaders;
  /** Identity headers to add: lower-case names and encoded values in turn. */
  readonly identity: readonly string[];
  /** The fields with the client's credential, to forward unchanged where the route does: names and values in turn. */
  readonly credentials: readonly string[];
  /** Undefined on public routes, and on optional ones without a token. */
  readonly token: VerifiedToken | undefined;
  /** The protocol that announced a WebSocket's token: browsers want one agreed to, should the backend name none. */
  readonly socketProtocol: string | undefined;
  /** What the access rules would have refused, on a route that only reports. */
  readonly wouldRefuse: Refusal | undefined;
  /** Set on routes with `mcp`. Without its message, a POST request there is not forwarded. */
  readonly mcp: McpPermit | undefined;
  /** Set while the proof of the client's key is still to be used up. Until then nothing is forwarded. */
  readonly proof: KeyProof | undefined;
  /** Set while the token that the backend gets in place of the caller's is still to be obtained. Until then nothing is forwarded. */
  readonly exchange: PendingExchange | undefined;
}

/** What a token for the backend is obtained with. */
export interface PendingExchange extends CallersToken {
  readonly exchanger: TokenExchanger;
  readonly token: VerifiedToken;
}

export type PermitToProve = Permit & { readonly proof: KeyProof };

export type PermitToExchange = Permit & { readonly exchange: PendingExchange };

/** What holds for the messages of a permitted request. */
export interface McpPermit {
  readonly rules: McpRules;
  /** The request as rules read it. */
  readonly request: FilteredRequest;
  /** Undefined until it was decided on, and where the request has none. */
  readonly message: PermittedMessage | undefined;
}

/** The bytes of a message that was decided on: they go up, and nothing else. */
export interface PermittedMessage {
  readonly bytes: Buffer;
  /** Undefined in a response, and where MCP does not define it. */
  readonly method: McpMethod | undefined;
}

/** A request with its route. */
export interface Matched extends FilteredRequest {
  readonly route: Route;
  readonly isUpgrade: boolean;
}

const NONE: readonly string[] = Object.freeze([]);

/** Permits a request without a verified token. */
export function permitAnonymous(matched: Matched): Permit {
  return grant(matched, {
    identity: NONE,
    credentials: passedAuthorization(matched),
    token: undefined,
    socketProtocol: undefined,
    wouldRefuse: undefined,
    proof: undefined,
    exchange: undefined,
  });
}

/** Permits a request with a verified token. `matched` is as it came, `request` without the token where that is not forwarded. */
export function permitVerified(
  matched: Matched,
  {
    request,
    identity,
    token,
    rawToken,
    proof,
    wouldRefuse,
  }: {
    readonly request: Matched;
    readonly token: VerifiedToken;
    readonly rawToken: string;
  } & Pick<Permit, 'identity' | 'proof' | 'wouldRefuse'>,
): Permit {
  const { route, headers, clientAddress } = matched;
  const credentials = route.identity.forwardsToken
    ? verifiedCredential(route.tokenSources, headers)
    : passedAuthorization(matched);
  const socketProtocol = announcedProtocol(matched);
  const { exchanger } = route;
  const exchange = exchanger === undefined ? undefined : { exchanger, rawToken, token, clientAddress };
  return grant(request, { identity, credentials, token, socketProtocol, wouldRefuse, proof, exchange });
}

/** Permits the message of a request that has a permit without it. */
export function permitMessage(
  permit: Permit & { readonly mcp: McpPermit },
  message: PermittedMessage,
  wouldRefuse: Refusal | undefined,
): Permit {
  const { mcp } = permit;
  return { ...permit, mcp: { ...mcp, message }, wouldRefuse: permit.wouldRefuse ?? wouldRefuse };
}

/** Permits a request whose proof was used up, or of which nothing is remembered. */
export function permitProven(permit: PermitToProve): Permit {
  return { ...permit, proof: undefined };
}

/** Permits a request with the token that was obtained for the backend, and with no other. */
export function permitExchanged(permit: PermitToExchange, credential: ExchangedCredential): Permit {
  return { ...permit, credentials: credential, exchange: undefined };
}

/** Permits a request that is not forwarded: nothing has to be obtained for it. */
export function withoutExchange(permit: PermitToExchange): Permit {
  return { ...permit, exchange: undefined };
}

/** `passAuthorization` forwards the field unverified; routes that require a token cannot set it. */
function passedAuthorization({ route, headers }: Matched): readonly string[] {
  const [authorization] = headers.authorizations;
  return route.passesAuthorization && authorization !== undefined ? ['authorization', authorization] : NONE;
}

/** Read from the handshake as it came: the forwarded one lacks it. */
function announcedProtocol({ isUpgrade, route, headers }: Matched): string | undefined {
  if (!isUpgrade) return undefined;
  return route.tokenSources.places.find(
    ({ kind, name }) => kind === 'webSocketProtocol' && offersProtocol(headers.passed, name),
  )?.name;
}

/** Field by field, as spread and rest cost 1.2 µs (docs/performance.md: a permit built with rest and spread). */
function grant(
  matched: Matched,
  {
    identity,
    credentials,
    token,
    socketProtocol,
    wouldRefuse,
    proof,
    exchange,
  }: Pick<
    Permit,
    'identity' | 'credentials' | 'token' | 'socketProtocol' | 'wouldRefuse' | 'proof' | 'exchange'
  >,
): Permit {
  const { route, parameters, target, host, headers } = matched;
  const { mcp } = route;
  return {
    route,
    parameters,
    target,
    host,
    headers,
    identity,
    credentials,
    token,
    socketProtocol,
    wouldRefuse,
    mcp: mcp === undefined ? undefined : { rules: mcp, request: matched, message: undefined },
    proof,
    exchange,
  } as Permit;
}
