import { type Refusal, refuse } from '../../core/refusals.ts';
import { requestedMethod } from '../cors/cors.ts';
import type { Matched } from '../permit.ts';
import { findTokenElsewhere, isBareToken } from './find-token-elsewhere.ts';

/** No token: the cause names the kind of request, on which the advice depends. */
export function refuseMissing({ headers, isUpgrade, method }: Matched): Refusal {
  if (headers.authorizations.some(isBareToken))
    return refuse('scheme_missing', 'Authorization is a token without "Bearer" before it');
  if (headers.authorizations.length > 0)
    return refuse('other_scheme', 'Authorization is not of the Bearer scheme');
  if (method === 'OPTIONS' && requestedMethod(headers) !== undefined) {
    return refuse(
      'preflight_without_cors',
      'a CORS preflight, which never carries a token, and no `cors` here',
    );
  }
  if (isUpgrade && headers.origins.length > 0) {
    return refuse('websocket_without_token', 'the WebSocket handshake of a browser carries no token');
  }
  const place = findTokenElsewhere(headers);
  return place === undefined
    ? refuse('token_missing', 'the request carries no token')
    : refuse('token_elsewhere', `no token where this route looks for one, but the ${place} looks like one`);
}
