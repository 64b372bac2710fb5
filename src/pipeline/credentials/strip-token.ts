import type { Target } from '../../http/target.ts';
import type { FilteredHeaders } from '../messages/request-header-filter.ts';
import { type TokenSources, withoutTokens } from './token-sources.ts';

/** What is forwarded of a request: without the token where the route takes it from a cookie, query or protocol. */
export function stripToken(
  sources: TokenSources,
  headers: FilteredHeaders,
  target: Target,
): { readonly headers: FilteredHeaders; readonly target: Target } {
  const { passed, query } = withoutTokens(sources, { passed: headers.passed, query: target.query });
  return {
    headers: passed === headers.passed ? headers : { ...headers, passed },
    target: query === target.query ? target : { ...target, query },
  };
}
