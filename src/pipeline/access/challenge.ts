import { REFUSALS, type Refusal, type RefusalRow } from '../../core/refusals.ts';
import { prefixedScopes, SCOPE_TOKEN } from '../../core/scopes.ts';
import {
  type ChallengeHeads,
  challengeParameters,
  challengeTail,
  dpopChallenge,
  dpopChallengeHeads,
  isOfDpop,
} from '../../http/challenge.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';
import type { AcceptedIssuer, AccessBlock, AccessRules } from './compile-access.ts';

/** What a protected resource adds to the challenges of its routes. */
export interface ResourceChallenge {
  /** The URL of its metadata (RFC 9728 §5.1). */
  readonly resourceMetadata: string | undefined;
  /** Whether a client that lacks scopes is also named those that its token has, since it asks for what it is named and nothing else. */
  readonly isCumulative: boolean;
}

/** Of routes that belong to no protected resource. */
export const NO_RESOURCE: ResourceChallenge = { resourceMetadata: undefined, isCumulative: false };

/** The challenges of a route. What a refusal needs of them is rendered at load, and equal parts are shared. */
export interface RouteChallenge extends ResourceChallenge {
  /** Of all routes of a file, and for bound tokens of all routes with the same algorithms of proofs. */
  readonly heads: ChallengeHeads;
  /** The challenge for bound tokens, where they are accepted beside others. */
  readonly beside: string;
  /** In the order of the file; at least one. */
  readonly alternatives: readonly AlternativeChallenge[];
}

interface AlternativeChallenge {
  /** The same array as in refusals of this alternative. */
  readonly scopes: readonly string[];
  readonly issuers: ReadonlyMap<string, AcceptedIssuer>;
  /** The rest of the challenge, with the prefix of the first accepted issuer. */
  readonly tail: string;
  /** For tokens of issuers that have another one. */
  readonly otherTails: ReadonlyMap<string, string>;
}

/** Longest list of scopes that a challenge is extended to. Clients limit header fields, and a prefix may make many short scopes long. */
const MAX_SCOPE_LENGTH = 4096;

const NO_TAILS: ReadonlyMap<string, string> = new Map();

/** Compiles the challenges of a route. Undefined where no token is verified. */
export function compileChallenge(
  { blocks }: AccessRules,
  {
    heads,
    resource,
    algorithms,
  }: {
    readonly heads: ChallengeHeads;
    readonly resource: ResourceChallenge;
    /** Of proofs; undefined where bound tokens are refused. */
    readonly algorithms: readonly string[] | undefined;
  },
): RouteChallenge | undefined {
  if (blocks.length === 0) return undefined;
  const { resourceMetadata, isCumulative } = resource;
  const alternatives = blocks.map((block) => compileAlternative(block, resourceMetadata));
  if (algorithms === undefined) return { heads, beside: '', alternatives, resourceMetadata, isCumulative };
  const isRequired = blocks.every(({ bindings }) => bindings.includes('dpop'));
  return {
    heads: { ...heads, ...dpopChallengeHeads(algorithms, { isRequired }) },
    beside: isRequired ? '' : dpopChallenge(algorithms),
    alternatives,
    resourceMetadata,
    isCumulative,
  };
}

function compileAlternative(
  { issuers, neededScopes: scopes }: AccessBlock,
  resourceMetadata: string | undefined,
): AlternativeChallenge {
  const [first] = issuers.values();
  const tail = challengeTail(prefixedScopes(first?.scopePrefix, scopes), resourceMetadata);
  const others = [...issuers].filter(([, { scopePrefix }]) => scopePrefix !== first?.scopePrefix);
  if (others.length === 0 || scopes.length === 0) return { scopes, issuers, tail, otherTails: NO_TAILS };
  const otherTails = new Map(
    others.map(([name, { scopePrefix }]) => [
      name,
      challengeTail(prefixedScopes(scopePrefix, scopes), resourceMetadata),
    ]),
  );
  return { scopes, issuers, tail, otherTails };
}

/**
 * The value of `WWW-Authenticate` for a refusal by a route: what the client would have to obtain, and nothing that would not help.
 * Undefined where no other token or consent would.
 */
export function challengeFor(
  challenge: RouteChallenge | undefined,
  refusal: Refusal,
  token: Pick<VerifiedToken, 'scopes'> | undefined,
): string | undefined {
  const beginning = challenge?.heads[refusal.code];
  if (challenge === undefined || beginning === undefined) return undefined;
  const { scopes, issuer, parameters } = refusal;
  const head = beginning + challengeParameters(parameters);
  const { challenge: kind }: RefusalRow = REFUSALS[refusal.code];
  const beside = isOfDpop(kind) ? '' : challenge.beside;
  const lacksScopes = kind === 'insufficient_scope';
  if (lacksScopes && scopes === undefined) return undefined;
  const alternative = findAlternative(challenge, scopes, issuer);
  const held = lacksScopes && challenge.isCumulative && token !== undefined ? presentable(token.scopes) : [];
  if (held.length === 0 && (scopes === undefined || scopes === alternative.scopes))
    return head + tailFor(alternative, issuer) + beside;
  const prefix = prefixFor(alternative, issuer);
  const needed = prefixedScopes(prefix, scopes ?? alternative.scopes);
  const tail = challengeTail(extendScopes(needed, prefixedScopes(prefix, held)), challenge.resourceMetadata);
  return head + tail + beside;
}

/** That of the refusal, else the first for tokens of the issuer, else the first. */
function findAlternative(
  { alternatives }: RouteChallenge,
  scopes: readonly string[] | undefined,
  issuer: string | undefined,
): AlternativeChallenge {
  const first = alternatives[0] as AlternativeChallenge;
  if (alternatives.length === 1) return first;
  const own = scopes && alternatives.find((alternative) => alternative.scopes === scopes);
  if (own !== undefined || issuer === undefined) return own ?? first;
  return alternatives.find(({ issuers }) => issuers.has(issuer)) ?? first;
}

function tailFor({ tail, otherTails }: AlternativeChallenge, issuer: string | undefined): string {
  return issuer === undefined ? tail : (otherTails.get(issuer) ?? tail);
}

function prefixFor({ issuers }: AlternativeChallenge, issuer: string | undefined): string | undefined {
  const own = issuer === undefined ? undefined : issuers.get(issuer);
  const [first] = issuers.values();
  return (own ?? first)?.scopePrefix;
}

/** Those of a token may be any text. `offline_access` is no scope of a resource. */
function presentable(scopes: readonly string[]): readonly string[] {
  return scopes.filter((scope) => SCOPE_TOKEN.test(scope) && scope !== 'offline_access');
}

/** Adds scopes of a token, as far as there is room. */
function extendScopes(needed: readonly string[], held: readonly string[]): readonly string[] {
  const scopes = new Set(needed);
  let length = 0;
  for (const scope of needed) length += scope.length + 1;
  for (const scope of held) {
    if (scopes.has(scope)) continue;
    length += scope.length + 1;
    if (length > MAX_SCOPE_LENGTH) break;
    scopes.add(scope);
  }
  return [...scopes];
}
