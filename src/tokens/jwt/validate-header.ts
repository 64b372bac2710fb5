import type { Cause } from '../../core/causes.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import type { CompiledIssuer } from '../compiled-issuer.ts';
import type { IssuerIndex } from '../issuer-index.ts';
import { findAlgorithm } from './algorithms.ts';
import type { UnverifiedToken } from './parse-token.ts';
import { validateType } from './validate-claims.ts';

/** Validates what needs no key: issuer, then algorithm, then type. Returns the issuer, whose keys alone may verify the token. */
export function validateHeader(
  token: UnverifiedToken,
  index: IssuerIndex,
  {
    accepts,
    trace,
  }: { readonly accepts: ReadonlySet<string> | undefined; readonly trace?: Trace | undefined },
): CompiledIssuer | Refusal {
  const { unverifiedClaims } = token;
  const { alg, typ } = token.header;
  const issuer = index.find(unverifiedClaims);
  const foreign = checkIssuer(issuer, { index, unverifiedClaims, accepts });
  trace?.add({
    step: 'issuer',
    ok: foreign === undefined,
    expected: accepts === undefined ? 'a configured issuer' : [...accepts].join(', '),
    got: issuer?.name ?? (trace.showClaims ? String(unverifiedClaims.iss) : 'another `iss`'),
    ...(foreign && { note: foreign.reason }),
  });
  if (issuer === undefined || foreign !== undefined) return foreign as Refusal;

  const known = issuer.algorithms.has(alg);
  trace?.add({ step: 'algorithm', ok: known, expected: [...issuer.algorithms].join(', '), got: alg });
  if (!known) {
    const [cause, reason] = explainAlgorithm(alg, issuer);
    return refuse(cause, reason, { issuer: issuer.name });
  }

  const type = validateType(typ, issuer);
  trace?.add({
    step: 'type',
    ok: type === undefined,
    expected: [...issuer.tokenTypes.names, ...(issuer.tokenTypes.required ? [] : ['none'])].join(', '),
    got: typ ?? 'none',
  });
  return type ?? issuer;
}

/** The algorithms that the file can list differ from those that no file can. */
function explainAlgorithm(alg: string, { name }: CompiledIssuer): readonly [Cause, string] {
  if (/^none$/i.test(alg)) return ['algorithm_none', 'its `alg` is none: nobody signed it'];
  if (/^HS\d/i.test(alg))
    return ['algorithm_symmetric', 'its `alg` is symmetric (HS…), which is never accepted'];
  return findAlgorithm(alg) === undefined
    ? ['algorithm_unsupported', 'its `alg` is not one that this gateway knows']
    : ['algorithm_not_listed', `its \`alg\` is not among the accepted ones of ${name}`];
}

/** The refusal of an issuer that the file trusts, but the route does not. */
export function refuseIssuer(name: string): Refusal {
  return refuse('issuer_not_allowed', `the route does not accept tokens of ${name}`, { issuer: name });
}

function checkIssuer(
  issuer: CompiledIssuer | undefined,
  {
    index,
    unverifiedClaims,
    accepts,
  }: Pick<UnverifiedToken, 'unverifiedClaims'> & {
    readonly index: IssuerIndex;
    readonly accepts: ReadonlySet<string> | undefined;
  },
): Refusal | undefined {
  if (issuer === undefined) return refuse(...index.explainMiss(unverifiedClaims.iss));
  return accepts === undefined || accepts.has(issuer.name) ? undefined : refuseIssuer(issuer.name);
}
