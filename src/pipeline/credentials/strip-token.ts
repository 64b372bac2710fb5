import type { Target } from '../../http/target.ts';
import type { FilteredHeaders } from '../request-header-filter.ts';
import { withoutCookie, withoutParameter, withoutProtocolToken } from './token-places.ts';
import type { TokenSources } from './token-sources.ts';

/** What is forwarded of a request: without the token where the route takes it from a cookie, query or protocol. */
export function stripToken(
  { places }: TokenSources,
  headers: FilteredHeaders,
  target: Target,
): { readonly headers: FilteredHeaders; readonly target: Target } {
  let { passed } = headers;
  let { query } = target;
  for (const { kind, name } of places) {
    if (kind === 'cookie') passed = withoutCookieIn(passed, name);
    if (kind === 'webSocketProtocol') passed = withoutProtocolToken(passed, name);
    if (kind === 'query') query = withoutParameter(query, name);
  }
  return {
    headers: passed === headers.passed ? headers : { ...headers, passed },
    target: query === target.query ? target : { ...target, query },
  };
}

function withoutCookieIn(pairs: readonly string[], name: string): readonly string[] {
  const kept: string[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    const field = pairs[at] as string;
    const value = pairs[at + 1] as string;
    const rest = field.toLowerCase() === 'cookie' ? withoutCookie(value, name) : value;
    if (rest !== undefined) kept.push(field, rest);
  }
  return kept;
}
