import { CERTIFICATE_HINT, certificateSource } from '../../client-certificates.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import { acceptedIssuers, allAlternatives, policyOf } from '../../routes/route-access.ts';
import type { Config } from '../../schema/config.ts';
import { error, type Rule } from '../rule.ts';

const DPOP_HINT = 'give an issuer that is accepted here a `dpop`';

/** What `binding` asks for must be provable: else no token is ever accepted. */
export const bindingsCanBeProven: Rule = ({ config }) => {
  const hasCertificates = certificateSource(config) !== 'none';
  const problems = new Map<string, PathProblem>();
  for (const { block, path } of allAlternatives(config)) {
    const hasDpop = acceptedIssuers(block, config).some((name) => acceptsDpop(config, name));
    const named: readonly { readonly binding: string | undefined; readonly path: ConfigPath }[] = [
      { binding: block.binding, path: [...path, 'binding'] },
      { binding: policyOf(block, config)?.binding, path: ['policies', block.policy ?? '', 'binding'] },
    ];
    for (const { binding, path: place } of named) {
      const problem = findProblem(binding, place, { hasCertificates, hasDpop });
      if (problem !== undefined) problems.set(place.join('/'), problem);
    }
  }
  return [...problems.values()];
};

function findProblem(
  binding: string | undefined,
  place: ConfigPath,
  { hasCertificates, hasDpop }: { readonly hasCertificates: boolean; readonly hasDpop: boolean },
): PathProblem | undefined {
  if (binding === 'mtls' && !hasCertificates)
    return error(place, 'no token is accepted here: no client shows a certificate', {
      hint: CERTIFICATE_HINT,
    });
  if (binding === 'dpop' && !hasDpop)
    return error(place, 'no token is accepted here: no issuer that is accepted here has `dpop`', {
      hint: DPOP_HINT,
    });
  if (binding === 'any' && !hasCertificates && !hasDpop)
    return error(
      place,
      'no token is accepted here: no client shows a certificate, and no issuer that is accepted here has `dpop`',
      { hint: `${DPOP_HINT}, or ${CERTIFICATE_HINT}` },
    );
  return undefined;
}

function acceptsDpop({ issuers }: Config, name: string): boolean {
  return issuers[name]?.dpop !== undefined;
}
