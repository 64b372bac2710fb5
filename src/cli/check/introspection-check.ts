import type { PathProblem } from '../../config/problem.ts';
import { error, note } from '../../config/rules/rule.ts';
import { isRefusal, type Refusal } from '../../core/refusals.ts';
import type { CompiledIssuer } from '../../tokens/compiled-issuer.ts';
import { createEndpointPool } from '../../tokens/endpoints/endpoint-pool.ts';
import { openIntrospectionEndpoints } from '../../tokens/introspection/ask-provider.ts';
import type { IntrospectionResponse } from '../../tokens/introspection/introspect.ts';
import { compileIssuers } from '../../tokens/issuers/compile-issuers.ts';
import { ADVICE } from '../advice.ts';
import type { CommandIo } from '../io.ts';
import type { ConfigCheck } from './check.ts';

/** No provider has issued it: the credentials of the gateway are checked, and nobody's token is sent. */
const NO_TOKEN = 'sealgate-check-no-token';

/** For `check --online`: asks the introspection endpoint of each issuer, with the real credentials, about a token that is none. */
export function checkIntrospection(env: CommandIo['env']): ConfigCheck {
  return async ({ config, resolvePath }) => {
    const { issuers } = compileIssuers(config, { resolvePath });
    const endpoints = openIntrospectionEndpoints({
      issuers,
      pool: createEndpointPool({ env }),
      processes: 1,
    });
    if (endpoints === undefined) return {};
    try {
      const asked = issuers.filter(({ introspection }) => introspection !== undefined);
      const problems = asked.map(async (issuer) => {
        const rawToken = (issuer.introspection?.prefix ?? '') + NO_TOKEN;
        return describe(await endpoints.introspect({ issuer, rawToken, clientAddress: undefined }), issuer);
      });
      return { problems: await Promise.all(problems) };
    } finally {
      endpoints.close();
    }
  };
}

function describe(
  outcome: IntrospectionResponse | Refusal,
  { name, introspection }: CompiledIssuer,
): PathProblem {
  const path = ['issuers', name, 'introspection'];
  const place = introspection?.url === undefined ? path : [...path, 'url'];
  if (!isRefusal(outcome)) {
    const { active } = outcome.json;
    if (active === false) {
      const message =
        'the introspection endpoint accepts the gateway as a client, and knows no token that is none';
      return note(place, message, place === path ? { at: 'key' } : {});
    }
    const stated =
      active === true
        ? 'states that a token which nobody issued is active'
        : 'does not respond as RFC 7662 has it: `active` is neither true nor false';
    const hint = 'see that this is the introspection endpoint of the provider';
    return error(place, `the introspection endpoint ${stated}`, { hint, at: 'key' });
  }
  const hint = ADVICE[outcome.cause];
  const reason = outcome.reason.replace('the introspection endpoint: ', '');
  return outcome.cause === 'introspection_credentials'
    ? error(
        [...path, 'auth'],
        `the introspection endpoint does not accept the gateway as a client: ${reason}`,
        { hint, at: 'key' },
      )
    : error(place, `no token can be introspected: ${reason}`, { hint, at: 'key' });
}
