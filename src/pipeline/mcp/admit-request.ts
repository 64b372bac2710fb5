import { type Refusal, refuse } from '../../core/refusals.ts';
import { allowsOrigin, type CorsRules } from '../cors/cors.ts';
import type { McpRules } from './mcp-rules.ts';

/**
 * Refuses pages of other sites, whatever they ask for (MCP, "Security & Endpoint"): a server on a private network must not be reached
 * through the browser of somebody who is on it.
 */
export function checkOrigin(
  { ownOrigin }: McpRules,
  cors: CorsRules | undefined,
  origins: readonly string[],
): Refusal | undefined {
  if (origins.length === 0) return undefined;
  const [origin = ''] = origins;
  if (origins.length === 1 && (origin === ownOrigin || (cors !== undefined && allowsOrigin(cors, origin))))
    return undefined;
  return refuse(
    'origin_not_allowed',
    'the origin is neither that of `publicUrl` nor among those of the route',
  );
}

/** MCP has three methods of HTTP. */
export function checkMethod({ methodsOfHttp }: McpRules, method: string): Refusal | undefined {
  if (methodsOfHttp.includes(method)) return undefined;
  return refuse('method_not_allowed', 'MCP has POST, GET and DELETE only', { allow: methodsOfHttp });
}

/**
 * Looks at what the header states of the body, before any of it is read. `passed` are names and values in turn.
 */
export function checkBodyHeader(
  { method, passed }: { readonly method: string; readonly passed: readonly string[] },
  hasBody: boolean,
): Refusal | undefined {
  if (method !== 'POST')
    return hasBody ? refuse('mcp_body_unexpected', `a ${method} request of MCP has no body`) : undefined;
  let type: string | undefined;
  for (let at = 0; at < passed.length; at += 2) {
    const name = (passed[at] as string).toLowerCase();
    if (name === 'content-encoding')
      return refuse('mcp_content_coding', 'the message is encoded or compressed');
    if (name !== 'content-type') continue;
    if (type !== undefined) return refuse('mcp_media_type', 'two fields state the type of the message');
    type = passed[at + 1] as string;
  }
  if (type === undefined) return refuse('mcp_media_type', 'no field states the type of the message');
  return JSON_TYPE.test(type) && !OTHER_CHARSET.test(type)
    ? undefined
    : refuse('mcp_media_type', 'the message is not of the type application/json, in UTF-8');
}

/** RFC 9110 §8.3.1: parameters are tokens or quoted strings. A list of types is none. */
const JSON_TYPE =
  /^application\/json[\t ]*(?:;[\t ]*(?:[!#$%&'*+.^_`|~0-9a-z-]+=(?:[!#$%&'*+.^_`|~0-9a-z-]+|"[^"\\]*"))?[\t ]*)*$/i;
const OTHER_CHARSET = /;[\t ]*charset=(?!"?utf-?8"?[\t ]*(?:;|$))/i;
