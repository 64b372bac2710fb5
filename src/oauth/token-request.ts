import { parseForm } from '../http/form.ts';
import { type FrontResponse, respondWithError } from './front-response.ts';
import { adaptParameters, type FrontRules, isParameterFault, type Use } from './parameters.ts';

const GRANTS: readonly (Use & string)[] = ['authorization_code', 'refresh_token'];

/** Reads a token request (RFC 6749 §4.1.3 and §6): the form for the provider, or the error. */
export function readTokenRequest(body: string, rules: FrontRules): string | FrontResponse {
  const form = parseForm(body);
  if (typeof form === 'string') return respondWithError('invalid_request', form);
  const grant = form.get('grant_type');
  const use = GRANTS.find((name) => name === grant);
  if (use === undefined) {
    return grant === undefined
      ? respondWithError('invalid_request', 'grant_type is missing')
      : respondWithError('unsupported_grant_type', 'grant_type must be authorization_code or refresh_token');
  }
  const adapted = adaptParameters(form, use, rules);
  if (isParameterFault(adapted)) return respondWithError(adapted.error, adapted.description);
  return new URLSearchParams(adapted.map(([name, value]): [string, string] => [name, value])).toString();
}
