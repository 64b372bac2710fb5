import type { PathProblem } from '../../config/problem.ts';
import { error, note } from '../../config/rules/rule.ts';
import { fetchProviderMetadata } from '../../oauth/provider.ts';
import type { CompiledIssuer } from '../../tokens/compiled-issuer.ts';
import { compileIssuers } from '../../tokens/issuers/compile-issuers.ts';
import { FetchFailure } from '../../tokens/keys/fetch/fetch-json.ts';
import { createKeyTransport } from '../../tokens/keys/fetch/key-transport.ts';
import { ADVICE } from '../advice.ts';
import type { CommandIo } from '../io.ts';
import type { ConfigCheck } from './check.ts';

/** For `check --online`: fetches the metadata of the provider behind each front, as the gateway would, and reports why it could not serve. */
export function checkFronts(env: CommandIo['env']): ConfigCheck {
  return async ({ config, resolvePath }) => {
    const { issuers } = compileIssuers(config, { resolvePath });
    const fronted = issuers.filter(({ name }) => config.issuers[name]?.oauthProxy !== undefined);
    return { problems: await Promise.all(fronted.map((issuer) => checkFront(issuer, env))) };
  };
}

async function checkFront(issuer: CompiledIssuer, env: CommandIo['env']): Promise<PathProblem> {
  const path = ['issuers', issuer.name, 'oauthProxy'];
  const dispatcher = createKeyTransport({ ca: issuer.keys.ca, env });
  try {
    const signal = AbortSignal.timeout(issuer.keys.timeoutMs);
    const { metadata } = await fetchProviderMetadata(issuer, { dispatcher, signal });
    if (metadata.namesItself) {
      const message =
        'the provider names itself in its responses (RFC 9207), which clients of the front would refuse';
      return error(path, message, { hint: ADVICE.provider_names_itself });
    }
    return note(path, `the front can serve: logins go to ${metadata.authorizationEndpoint.origin}`);
  } catch (caught) {
    if (!(caught instanceof FetchFailure)) throw caught;
    return error(path, `the front cannot serve: ${caught.message}`, { hint: caught.hint });
  } finally {
    await dispatcher.destroy();
  }
}
