import type { Cause } from '../../core/causes.ts';
import type { EndpointFailure } from '../endpoints/post-form.ts';
import type { ProviderEndpoint } from '../endpoints/provider-endpoint.ts';
import { compileExchangeParameters, type ExchangeRequestSettings } from './exchange-parameters.ts';
import { unavailable } from './read-token-error.ts';
import { readTokenResponse } from './read-token-response.ts';
import type { TokenExchangerOptions } from './token-exchanger.ts';

const CAUSES: Readonly<Record<EndpointFailure['outcome'], Cause>> = {
  timeout: 'exchange_timeout',
  unreachable: 'exchange_unreachable',
  invalid: 'exchange_unreadable',
};

/** Makes what asks a token endpoint for a token in place of a caller's. */
export function askForToken(
  endpoint: Pick<ProviderEndpoint, 'call'>,
  request: ExchangeRequestSettings,
): TokenExchangerOptions['ask'] {
  const parametersFor = compileExchangeParameters(request);
  return async (rawToken) => {
    const result = await endpoint.call(parametersFor(rawToken));
    if (result.kind === 'failure') return unavailable(CAUSES[result.outcome], result.reason);
    return readTokenResponse(result, { grant: request.grant, rawToken });
  };
}
