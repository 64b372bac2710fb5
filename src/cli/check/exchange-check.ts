import type { ConfigPath, PathProblem } from '../../config/problem.ts';
import { error, note, warning } from '../../config/rules/rule.ts';
import type { Cause } from '../../core/causes.ts';
import { isRefusal, type Refusal } from '../../core/refusals.ts';
import { createEndpointPool } from '../../tokens/endpoints/endpoint-pool.ts';
import { askForToken } from '../../tokens/exchange/ask-for-token.ts';
import { compileExchanges } from '../../tokens/exchange/compile-exchanges.ts';
import type { ExchangeSettings } from '../../tokens/exchange/exchanger-pool.ts';
import { ADVICE } from '../advice.ts';
import type { CommandIo } from '../io.ts';
import type { ConfigCheck } from './check.ts';

/** No endpoint gives anything for it: the credentials of the gateway are checked, and nobody's token is sent. */
const NO_TOKEN = 'sealgate-check.no.token';

/** Asks the token endpoint of each exchange with the real credentials and a token that is none. */
export function checkExchanges(env: CommandIo['env']): ConfigCheck {
  return async ({ config, resolvePath }) => {
    const endpoints = createEndpointPool({ env });
    const { settings } = compileExchanges(config, { resolvePath });
    const probed = [...settings].map(async ([name, { endpoint: place, ...request }]) => {
      const endpoint = endpoints.acquire(place);
      try {
        const outcome = await askForToken(endpoint, request)(NO_TOKEN);
        return describe(outcome, request, ['upstreams', name, 'exchange']);
      } finally {
        endpoints.release(endpoint);
      }
    });
    return { problems: await Promise.all(probed) };
  };
}

/** Where the advice for a refusal would lead to this very check. */
const HINTS: Partial<Record<Cause, string>> = {
  exchange_unreachable:
    'check host, port and firewall; a private authority is named in `ca`, a proxy that alone leads out in HTTPS_PROXY',
  exchange_client_refused:
    'compare `auth` with the client at the provider: id, secret (an expired one, too) or key, and `method`',
};

function describe(
  outcome: Refusal | object,
  { grant, scopes, audience }: Omit<ExchangeSettings, 'endpoint'>,
  path: ConfigPath,
): PathProblem {
  const place = [...path, 'tokenUrl'];
  if (!isRefusal(outcome)) {
    return warning(place, 'the token endpoint issues a token for one that is none', {
      hint: 'it must refuse tokens that it cannot verify; until then every caller gets through to the backend',
    });
  }
  const { cause, reason } = outcome;
  const described = reason.replace('token exchange: ', '');
  const hint = HINTS[cause] ?? ADVICE[cause];
  switch (cause) {
    case 'exchange_refused':
    case 'exchange_consent_missing':
    case 'insufficient_claims':
      return note(
        place,
        `the token endpoint accepts the gateway as a client, and refuses a token that is none: ${described}`,
      );
    case 'exchange_request_invalid':
      return note(place, `the token endpoint responds, and refuses a token that is none: ${described}`, {
        hint: 'whether it accepts the client of the gateway shows with the first real token',
      });
    case 'exchange_client_refused':
      return error(
        [...path, 'auth'],
        `the token endpoint does not accept the gateway as a client: ${described}`,
        {
          at: 'key',
          hint,
        },
      );
    case 'exchange_grant_refused':
      return error(
        [...path, 'grant'],
        `the provider does not allow \`${grant}\` to this client: ${described}`,
        {
          hint,
        },
      );
    case 'exchange_target_refused':
      return error(
        scopes.length > 0 ? [...path, 'scopes'] : audience === undefined ? path : [...path, 'audience'],
        `the provider does not issue tokens for this: ${described}`,
        { at: 'key', hint },
      );
    case 'exchange_token_unusable':
      return warning(place, `the token endpoint responds to a token that is none with 200: ${described}`, {
        hint,
      });
    default:
      return error(place, `no token can be obtained: ${described}`, { hint });
  }
}
