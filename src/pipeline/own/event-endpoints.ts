import { eventPath, eventSources } from '../../config/event-paths.ts';
import type { Config } from '../../config/schema/config.ts';
import { refuse } from '../../core/refusals.ts';
import type { OwnEndpoint } from '../messages/direct-response.ts';

const ALLOW = ['POST'];

/**
 * Where providers push logout tokens and security events. At every host: which name a provider knows is its own affair, and whose signature
 * holds is what counts.
 */
export function eventEndpoints(config: Config): readonly OwnEndpoint[] {
  return eventSources(config).map((source) => {
    const { issuer, kind } = source;
    const what = `the endpoint for ${kind === 'logout' ? 'logout tokens' : 'security events'} of ${issuer}`;
    const call = { eventCall: source };
    return {
      path: eventPath(source),
      host: undefined,
      what,
      respond: ({ method }) =>
        method === 'POST' ? call : refuse('event_method', `${what} takes POST alone`, { allow: ALLOW }),
    };
  });
}
