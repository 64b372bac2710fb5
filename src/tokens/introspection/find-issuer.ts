import { type Refusal, refuse } from '../../core/refusals.ts';
import type { CompiledIssuer } from '../compiled-issuer.ts';
import { refuseIssuer } from '../jwt/validate-header.ts';

/** Finds who is asked about an opaque token; undefined where nobody that counts can be. */
export type FindIssuer = (
  rawToken: string,
  accepts: ReadonlySet<string> | undefined,
) => CompiledIssuer | Refusal | undefined;

/**
 * Makes the search of one file. A token that begins with the prefix of an issuer is that issuer's, wherever it comes, so that nobody
 * else is sent it. One with no known prefix is that of the only accepted issuer without a prefix.
 */
export function createFindIssuer(issuers: readonly CompiledIssuer[]): FindIssuer {
  const introspected = issuers.filter(({ introspection }) => introspection !== undefined);
  const prefixOf = ({ introspection }: CompiledIssuer): string => introspection?.prefix ?? '';
  const plain = introspected.filter((issuer) => prefixOf(issuer) === '');
  const prefixed = introspected
    .filter((issuer) => prefixOf(issuer) !== '')
    .sort((a, b) => prefixOf(b).length - prefixOf(a).length);

  return (rawToken, accepts) => {
    const isAccepted = ({ name }: CompiledIssuer): boolean => accepts === undefined || accepts.has(name);
    const named = prefixed.find((issuer) => rawToken.startsWith(prefixOf(issuer)));
    if (named !== undefined && isAccepted(named)) return named;
    const [first, second] = plain.filter(isAccepted);
    if (named === undefined && second === undefined && first !== undefined) return first;
    if (named !== undefined) return introspected.some(isAccepted) ? refuseIssuer(named.name) : undefined;
    return introspected.some(isAccepted) ? NO_PREFIX : undefined;
  };
}

const NO_PREFIX = refuse(
  'token_prefix',
  'the token is no JWT, and it begins with the `introspection.prefix` of no issuer that the route accepts',
);
