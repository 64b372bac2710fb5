import type { Cause } from '../../core/causes.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';

/** A complete response of the token endpoint. */
export interface TokenEndpointResponse {
  readonly status: number;
  /** Read strictly; undefined where the body is no JSON object with one meaning. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

/** When clients may try again. */
const RETRY_SECONDS = 5;

/** Makes the refusal for everything that is neither a token nor the caller's own matter. */
export function unavailable(cause: Cause, reason: string): Refusal {
  return refuse(cause, `token exchange: ${reason}`, { retryAfterSeconds: RETRY_SECONDS });
}

/** Characters of the codes that RFC 6749 §5.2 and its extensions define. Whatever else a server writes is not shown: it may be a token. */
const ERROR_CODE = /^[a-z_]{1,40}$/;
/** Longest claims challenge that goes into a header field. */
const LONGEST_CLAIMS = 4096;

/** Errors that the settings of the exchange cause, and not the caller. */
const CAUSES: Readonly<Record<string, Cause>> = {
  invalid_client: 'exchange_client_refused',
  unauthorized_client: 'exchange_client_refused',
  unsupported_grant_type: 'exchange_grant_refused',
  invalid_request: 'exchange_request_invalid',
  invalid_scope: 'exchange_target_refused',
  invalid_target: 'exchange_target_refused',
};

/** Reads an error response (RFC 6749 §5.2), with the members that Entra ID adds to it. */
export function readTokenError({ status, json }: TokenEndpointResponse): Refusal {
  const error = json?.error;
  const described = describe(status, json);
  const isClientError = status >= 400 && status < 500;
  if (isClientError && (error === 'invalid_grant' || error === 'interaction_required')) {
    const claims = json?.claims;
    // Entra ID wants more of the user than the caller's token stands for: another factor, a managed device.
    if (typeof claims === 'string' && claims !== '' && claims.length <= LONGEST_CLAIMS)
      return refuse('insufficient_claims', `token exchange: ${described}`, {
        parameters: { claims: Buffer.from(claims).toString('base64') },
      });
    if (error === 'invalid_grant') {
      const isConsent = json?.suberror === 'consent_required';
      return refuse(
        isConsent ? 'exchange_consent_missing' : 'exchange_refused',
        `token exchange: ${described}`,
      );
    }
  }
  if (isClientError && typeof error === 'string' && Object.hasOwn(CAUSES, error))
    return unavailable(CAUSES[error] as Cause, described);
  return unavailable(status === 401 ? 'exchange_client_refused' : 'exchange_failed', described);
}

/** Status and code, with the numbers and the suberror of Entra ID, which its documentation is searched by. Nothing that names the caller. */
function describe(status: number, json: Readonly<Record<string, unknown>> | undefined): string {
  const words = [json?.error, json?.suberror].filter(
    (word): word is string => typeof word === 'string' && ERROR_CODE.test(word),
  );
  const codes = Array.isArray(json?.error_codes) ? json.error_codes : [];
  const numbers = codes
    .filter((code) => Number.isSafeInteger(code) && code > 0)
    .slice(0, 3)
    .map((code) => `AADSTS${code}`);
  const detail = [...words, ...numbers].join(', ');
  return `the endpoint responded with ${status}${detail === '' ? '' : ` (${detail})`}`;
}
