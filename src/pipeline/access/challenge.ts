import { REFUSALS, type Refusal, type RefusalRow, type TokenSchemes } from '../../core/refusals.ts';
import { prefixedScopes, SCOPE_TOKEN } from '../../core/scopes.ts';
import { type ChallengeHeads, challengeParameters, challengeTail, isOfDpop } from '../../http/challenge.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';
import type { AcceptedIssuer, AccessBlock, AccessRules } from './compile-access.ts';
import type { DpopChallenge, DpopChallenges } from './dpop-challenge.ts';

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
  /** Of all routes of a file. */
  readonly heads: ChallengeHeads;
  /** By issuer of the file that takes proofs. */
  readonly dpopOf: ReadonlyMap<string, DpopChallenge>;
  /** For all issuers of the route. */
  readonly dpop: DpopChallenge | undefined;
  /** In the order of the file; at least one. */
  readonly alternatives: readonly AlternativeChallenge[];
}

interface AlternativeChallenge {
  /** The same array as in refusals of this alternative. */
  readonly scopes: readonly string[];
  readonly schemes: TokenSchemes;
  /** For all its issuers; undefined where none takes proofs. */
  readonly dpop: DpopChallenge | undefined;
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
    dpop,
  }: {
    readonly heads: ChallengeHeads;
    readonly resource: ResourceChallenge;
    readonly dpop: DpopChallenges;
  },
): RouteChallenge | undefined {
  if (blocks.length === 0) return undefined;
  const { resourceMetadata, isCumulative } = resource;
  const alternatives = blocks.map(
    (block): AlternativeChallenge => ({
      ...compileTails(block, resourceMetadata),
      schemes: block.schemes,
      dpop: dpop.ofAll([...block.issuers.keys()]),
    }),
  );
  return {
    heads,
    dpopOf: dpop.byIssuer,
    dpop: dpop.ofAll(blocks.flatMap(({ issuers }) => [...issuers.keys()])),
    alternatives,
    resourceMetadata,
    isCumulative,
  };
}

function compileTails(
  { issuers, neededScopes: scopes }: AccessBlock,
  resourceMetadata: string | undefined,
): Omit<AlternativeChallenge, 'schemes' | 'dpop'> {
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
  const { code, scopes, issuer, parameters } = refusal;
  const { challenge: kind }: RefusalRow = REFUSALS[code];
  if (challenge === undefined || kind === undefined) return undefined;
  const lacksScopes = kind === 'insufficient_scope';
  if (lacksScopes && scopes === undefined) return undefined;
  const alternative = findAlternative(challenge, scopes, issuer);
  const schemes = isOfDpop(kind) ? 'DPoP' : (refusal.schemes ?? alternative.schemes);
  const dpop = findDpop(challenge, alternative, { schemes, issuer });
  const isAlone = schemes === 'DPoP' && dpop !== undefined;
  const beginning = (isAlone ? dpop : challenge).heads[code];
  if (beginning === undefined) return undefined;
  const head = beginning + challengeParameters(parameters);
  const beside = isAlone || dpop === undefined ? '' : dpop.beside;
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

/** What offers tokens that are bound to a key: for the issuer of the token, where it is known; undefined where they would not help. */
function findDpop(
  { dpopOf, dpop }: RouteChallenge,
  alternative: AlternativeChallenge,
  { schemes, issuer }: { readonly schemes: TokenSchemes; readonly issuer: string | undefined },
): DpopChallenge | undefined {
  if (schemes === 'Bearer') return undefined;
  const isKnown = issuer !== undefined && alternative.issuers.has(issuer);
  const own = isKnown ? dpopOf.get(issuer) : alternative.dpop;
  // Where nothing else would help, those of another issuer do.
  return schemes === 'both' ? own : (own ?? alternative.dpop ?? dpop);
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
