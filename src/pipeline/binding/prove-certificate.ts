import { type Refusal, refuse } from '../../core/refusals.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';
import type { FilteredRequest } from '../messages/request.ts';
import { confirmationText } from './confirmations.ts';

/**
 * Checks that the request came with the certificate that its token is bound to (RFC 8705 §3). The thumbprint has one form: base64url
 * without padding of SHA-256 over the DER. Who issued the certificate does not matter: the binding names this one.
 */
export function proveCertificate(
  token: VerifiedToken,
  { certificate }: Pick<FilteredRequest, 'certificate'>,
): Refusal | undefined {
  const shown = certificate?.();
  if (shown === undefined) {
    return refuse(
      'certificate_missing',
      'it is bound to a client certificate, and the request came without one',
    );
  }
  if (shown.thumbprint === confirmationText(token.claims, 'x5t#S256')) return undefined;
  return refuse(
    'certificate_mismatch',
    'it is bound to another client certificate than the one that the request came with',
  );
}
