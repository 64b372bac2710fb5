import type { Introspect, IntrospectionResponse } from '../tokens/introspection/introspect.ts';
import { parseStrictJson } from '../tokens/jwt/json/strict-json.ts';
import type { Claims } from '../tokens/verified-token.ts';

/** Stands for the providers that a file introspects tokens at, in its tests. */
export interface TestProvider {
  /** From now on, this is what it states about the token: active, unless the claims have another `active`. */
  state(rawToken: string, claims: Readonly<Record<string, unknown>>): void;
  /** A token that no test made is not active. */
  readonly introspect: Introspect;
}

export function createTestProvider(): TestProvider {
  const stated = new Map<string, IntrospectionResponse>();
  return {
    state: (rawToken, claims) => void stated.set(rawToken, toResponse({ active: true, ...claims })),
    introspect: async ({ rawToken }) => stated.get(rawToken) ?? INACTIVE,
  };
}

/** As it comes over the network: numbers have their one reading. */
function toResponse(members: Readonly<Record<string, unknown>>): IntrospectionResponse {
  const text = JSON.stringify(members);
  return { json: parseStrictJson(text) as Claims, bytes: text.length };
}

const INACTIVE = toResponse({ active: false });
