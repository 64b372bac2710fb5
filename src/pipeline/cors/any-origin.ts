import type { DirectResponse, OwnRequest } from '../messages/direct-response.ts';
import { requestedMethod } from './cors.ts';

/** Fields of responses that scripts of every site may read: names and values in turn. */
export const ANY_ORIGIN: readonly string[] = ['access-control-allow-origin', '*'];

/** `*` never covers Authorization (Fetch §3.2.3), and some clients attach it to every request. */
const HEADERS = '*, Authorization, MCP-Protocol-Version';

/**
 * Responds to a preflight for what the gateway itself serves to every site. Undefined for every other request. `ANY_ORIGIN` is left
 * to the endpoint, all of whose responses carry it.
 */
export function respondToAnyOrigin(
  { method, headers }: OwnRequest,
  methods: readonly string[],
): DirectResponse | undefined {
  if (method !== 'OPTIONS' || requestedMethod(headers) === undefined) return undefined;
  return {
    directResponse: 'preflight',
    status: 204,
    headers: [
      ...['access-control-allow-methods', methods.join(', ')],
      ...['access-control-allow-headers', HEADERS],
      ...['access-control-max-age', '300'],
    ],
    body: undefined,
  };
}
