import type { RouteConfig } from '../config/schema/config.ts';
import type { Refusal } from '../core/refusals.ts';
import type { TokenExchanger } from '../tokens/exchange/token-exchanger.ts';
import type { RouteChallenge } from './access/challenge.ts';
import type { AccessRules } from './access/compile-access.ts';
import type { RouteProofs } from './binding/route-proofs.ts';
import type { CorsRules } from './cors/cors.ts';
import type { TokenSources } from './credentials/token-sources.ts';
import type { IdentityRules } from './identity/identity-rules.ts';
import type { McpRules } from './mcp/mcp-rules.ts';
import type { RateLimits } from './rate-limit/rate-limit.ts';
import type { RouteResource } from './resource/compile-resources.ts';
import type { PathPattern } from './routing/path-pattern.ts';

/** One route of the file, compiled. Identity of the object is identity of the route. */
export interface Route {
  /** Dense, from 0, in the order of the file: other layers keep arrays beside it. */
  readonly index: number;
  readonly name: string;
  readonly config: RouteConfig;
  /** As `normalizeHost` writes it; undefined matches every host. */
  readonly host: string | undefined;
  readonly pattern: PathPattern;
  /** Whether the path has parameters. */
  readonly hasParameters: boolean;
  /** Whether an `Authorization` that nobody looked at goes up. */
  readonly passesAuthorization: boolean;
  /** The number of segments that `rewrite` replaces. */
  readonly depth: number;
  /** Bits of the `SPELLINGS` that the route allows. */
  readonly allowedSpellings: number;
  /** Its `access` and `identity`, with an identity that equal rules share. */
  readonly policy: RoutePolicy;
  readonly access: AccessRules;
  /** True where the access rules only report: what they would refuse passes. */
  readonly reportsOnly: boolean;
  /** True where responses name what it would refuse. */
  readonly exposesReports: boolean;
  /** Places for the token beside Authorization. */
  readonly tokenSources: TokenSources;
  /** Undefined where no issuer with `dpop` is accepted. */
  readonly proofs: RouteProofs | undefined;
  readonly identity: IdentityRules;
  /** The protected resource that it belongs to. */
  readonly resource: RouteResource | undefined;
  /** The challenges of its refusals; undefined where no token is verified. */
  readonly challenge: RouteChallenge | undefined;
  readonly cors: CorsRules | undefined;
  readonly limits: RateLimits | undefined;
  /** Set where the messages of requests are read and decided on. */
  readonly mcp: McpRules | undefined;
  /** Set where the backend gets a token of its own in place of the caller's. */
  readonly exchanger: TokenExchanger | undefined;
}

/** What a route requires of a token and reports of it. Routes with equal rules share one. */
export interface RoutePolicy {
  readonly access: AccessRules;
  readonly identity: IdentityRules;
}

/** What a policy makes of a verified token. */
export interface TokenAuthorization {
  /** The refusal of its access rules. */
  readonly access: Refusal | undefined;
  /** The identity headers as names and values in turn, or why they cannot be written. */
  readonly identity: readonly string[] | Refusal;
}
