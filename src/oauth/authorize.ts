import { type Refusal, refuse } from '../core/refusals.ts';
import { parseForm } from '../http/form.ts';
import { type FrontResponse, redirectTo } from './front-response.ts';
import { adaptParameters, type FrontRules, isParameterFault } from './parameters.ts';
import type { ProviderMetadata } from './provider-metadata.ts';

/** What the authorization endpoint does with a request: sends it to the provider, or ends it. */
export type Authorization =
  | { readonly send: (provider: ProviderMetadata) => FrontResponse }
  | { readonly end: FrontResponse | Refusal };

/**
 * Reads an authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3). A faulty one ends at the gateway: nobody is redirected by parameters that
 * are not all right. Only a `resource` of somebody else's is reported to the client, at its registered URI (RFC 8707 §2).
 */
export function authorize(query: string, hasAuthorization: boolean, rules: FrontRules): Authorization {
  if (hasAuthorization) return refused('Authorization is not accepted here');
  const form = parseForm(query.slice(1));
  if (typeof form === 'string') return refused(form);
  const adapted = adaptParameters(form, 'authorize', rules);
  if (!isParameterFault(adapted)) {
    return {
      send: ({ authorizationEndpoint }) => redirectTo(withParameters(authorizationEndpoint, adapted)),
    };
  }
  const { error, description } = adapted;
  if (error !== 'invalid_target') return refused(description);
  const state = form.get('state');
  const reported = new URLSearchParams({
    error,
    error_description: description,
    ...(state !== undefined && { state }),
  });
  // Checked before `resource`, as it stands.
  const redirectUri = form.get('redirect_uri') as string;
  const border = redirectUri.includes('?') ? '&' : '?';
  const refusal = refuse('front_request', `${error}: ${description}`);
  return { end: redirectTo(redirectUri + border + reported, refusal) };
}

function refused(description: string): Authorization {
  return { end: refuse('front_request', description) };
}

/** The endpoint may have a query of its own, which stays (RFC 6749 §3.1). */
function withParameters(
  endpoint: URL,
  parameters: readonly (readonly [name: string, value: string])[],
): string {
  const url = new URL(endpoint);
  for (const [name, value] of parameters) url.searchParams.set(name, value);
  return url.href;
}
